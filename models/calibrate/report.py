"""The numbers of a calibration, as printed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from contract.geometry import FloatGrid
from edge.ground import Ground
from models.calibrate.grids import Counted, by_true_band, complete, fuse
from models.density.errors import Bands, Errors


def told(one: Counted, errors: Errors, ground: Ground | None) -> tuple[FloatGrid, FloatGrid]:
    """People and deviation per cell: of those who show, or of everybody where the `ground` is given."""
    return fuse(one, errors) if ground is None else complete(one, errors, ground)


def table(frames: Sequence[Counted], errors: Errors, ground: Ground | None = None) -> str:
    """Mean absolute error and bias of the 6 x 6 m patches by true density: boxes, map, both."""
    parts = {
        "detector": [(one.boxes, one.true, one.seen) for one in frames],
        "map": [(one.mapped, one.true, one.seen) for one in frames if one.mapped is not None],
        "fused": [(told(one, errors, ground)[0], one.true, one.seen) for one in frames],
    }
    bands = {name: by_true_band(part) for name, part in parts.items()}
    lines = [f"{'true per m2':<12} {'patches':>8}" + "".join(f" {name:>9} MAE   bias" for name in parts)]
    for i, band in enumerate(bands["detector"]):
        high = "" if math.isinf(band.to_per_m2) else f" to {band.to_per_m2:g}"
        line = f"{f'{band.from_per_m2:g}{high}':<12} {band.patches:>8}"
        for name in parts:
            one = bands[name][i]
            line += f" {one.mae_per_m2:>13.3f} {one.bias_per_m2:>+6.2f}"
        lines.append(line)
    return "\n".join(lines)


def counts(frames: Sequence[Counted], errors: Errors, ground: Ground | None = None) -> str:
    """Mean absolute error and bias of the number of people in the seen cells of a frame, in one line each."""
    true = np.array([float(one.true[one.seen].sum()) for one in frames])
    lines = [f"{true.mean():.1f} people a frame on the covered ground in {len(frames)} frames"]
    for name, found in (
        ("detector", [float(one.boxes[one.seen].sum()) for one in frames]),
        ("map", [float(one.mapped[one.seen].sum()) for one in frames if one.mapped is not None]),
        ("fused", [float(told(one, errors, ground)[0][one.seen].sum()) for one in frames]),
    ):
        error = np.array(found) - true
        lines.append(f"  {name:<9} off by {np.abs(error).mean():.2f} on average, bias {error.mean():+.2f}")
    return "\n".join(lines)


def inside_95(frames: Sequence[Counted], errors: Errors, ground: Ground | None = None) -> float:
    """Share of cells whose truth lies inside 1.96 of the fused standard deviation."""
    hits = cells = 0
    for one in frames:
        people, sigma = told(one, errors, ground)
        hits += int((np.abs(people - one.true) <= 1.96 * sigma)[one.seen].sum())
        cells += int(one.seen.sum())
    return hits / max(cells, 1)


def toml_bands(bands: Bands) -> str:
    """The bands as an array of TOML tables in one value."""
    rows = []
    for band in bands:
        high = "" if band.to_per_m2 is None else f"to_per_m2 = {band.to_per_m2!r}, "
        rows.append(
            f"    {{ from_per_m2 = {band.from_per_m2!r}, {high}cells = {band.cells}, "
            f"bias_per_m2 = {band.bias_per_m2!r}, rmse_per_m2 = {band.rmse_per_m2!r}, "
            f"sigma_per_m2 = {band.sigma_per_m2!r} }},"
        )
    return "[\n" + "\n".join(rows) + "\n]"
