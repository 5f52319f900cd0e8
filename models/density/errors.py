"""How wrong a count is, as measured: bias and root mean square error by band of density.

A band is chosen by what is known when the error is asked for: the crowding that the source itself says in a patch of
`PATCH_M` around a cell (edge/fusion.py). Errors are those of one cell of `REFERENCE_CELL_M`, given per square metre.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

REFERENCE_CELL_M: Final = 2.0
PATCH_M: Final = 6.0
"""Side of the square whose crowding chooses the band: about the patch in which a hot spot is looked for. [E]"""
EDGES_PER_M2: Final = (0.0, 0.02, 0.1, 0.25, 0.5, 1.0, 2.0, 3.5, 5.0)
"""Lower ends of the bands; the last is open. The first are narrow, since most of a square is empty. [E]"""
ENOUGH_CELLS: Final = 20
"""A band with fewer cells says nothing of its own and takes its neighbour's error. [E]"""


LEAST_SIGMA: Final = 0.025
"""People per m2: a tenth of a person in a cell of 2 m, since nobody is that sure of an empty one. [E]"""


STATED: Final = 1.96
"""A stated interval reaches so many deviations to both sides: 95 % of a normal error."""


class ErrorsUnusable(ValueError):
    """A table of errors that cannot be used; the message says why."""


class ErrorBand(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Errors of `cells` cells whose patch said `from_per_m2` to below `to_per_m2` (None: no upper end).

    `rmse_per_m2` decides how a count is weighed. `sigma_per_m2` is stated: 95 % of the cells are off by at most 1.96 of
    it. Errors are not normal, so the two differ: a few whole crowds that were missed stand in the first.
    """

    from_per_m2: Annotated[float, Meta(ge=0)]
    to_per_m2: Annotated[float, Meta(gt=0)] | None = None
    cells: Annotated[int, Meta(ge=1)]
    bias_per_m2: float
    rmse_per_m2: Annotated[float, Meta(gt=0)]
    sigma_per_m2: Annotated[float, Meta(gt=0)]


Bands = tuple[ErrorBand, ...]


def checked(bands: Sequence[ErrorBand], what: str) -> Bands:
    """The bands, if they rise without overlap and hold finite numbers. Raises `ErrorsUnusable`."""
    if not bands:
        raise ErrorsUnusable(f"{what}: no band of measured errors")
    before = -1.0
    for band in bands:
        high = math.inf if band.to_per_m2 is None else band.to_per_m2
        if not (max(before, 0.0) <= band.from_per_m2 < high):
            raise ErrorsUnusable(f"{what}: the band from {band.from_per_m2:g} per m2 is out of order")
        if not (math.isfinite(band.rmse_per_m2 + band.sigma_per_m2) and math.isfinite(band.bias_per_m2)):
            raise ErrorsUnusable(f"{what}: the band from {band.from_per_m2:g} per m2 holds no number")
        before = high
    return tuple(bands)


def sigma_per_m2(bands: Bands, crowding_per_m2: ArrayLike) -> Floats:
    """Stated deviation at crowdings of any shape: linear between the bands' middles, level beyond the ends.

    Never falls with density: a band seen less often must not look surer than a thinner crowd's. [E]
    """
    values = np.maximum.accumulate([band.sigma_per_m2 for band in bands])
    return _between(bands, values, np.asarray(crowding_per_m2, np.float64))


def _between(bands: Bands, values: ArrayLike, at: Floats) -> Floats:
    """Linear between the bands' middles, level beyond the ends; an open band's middle lies a tenth above its start."""
    middles = [
        (band.from_per_m2 + (band.to_per_m2 if band.to_per_m2 is not None else 1.2 * band.from_per_m2)) / 2
        for band in bands
    ]
    return np.asarray(np.interp(at, middles, np.asarray(values, np.float64)))


def in_cell(sigma: Floats, cell_m: float) -> Floats:
    """People that a cell of `cell_m` may be off by, from errors per square metre of the reference cell.

    A larger cell is taken to be wrong throughout in one direction (people times area), a smaller one at random (times
    the root of the area): the larger error in both cases. [E]
    """
    area, reference = cell_m**2, REFERENCE_CELL_M**2
    share = area / reference
    return np.asarray(sigma * reference * (share if share >= 1.0 else math.sqrt(share)))


def measured(said_per_m2: ArrayLike, found_per_m2: ArrayLike, true_per_m2: ArrayLike) -> Bands:
    """Bands from cells of `REFERENCE_CELL_M`: what the patch said, what the source found, what is true; all (n,).

    Bands with fewer than `ENOUGH_CELLS` cells are joined to the band below, the first to the one above. Raises
    `ErrorsUnusable` without any cell.
    """
    said, found, true = (np.asarray(x, np.float64).ravel() for x in (said_per_m2, found_per_m2, true_per_m2))
    if said.size == 0:
        raise ErrorsUnusable("no cell to measure errors on")
    edges = [*EDGES_PER_M2, math.inf]
    counts = [int(((said >= low) & (said < high)).sum()) for low, high in pairwise(edges)]
    kept: list[tuple[float, float, int]] = []
    for (low, high), count in zip(pairwise(edges), counts, strict=True):
        if count == 0:
            continue
        if kept and min(count, kept[-1][2]) < ENOUGH_CELLS:
            kept[-1] = (kept[-1][0], high, kept[-1][2] + count)
        else:
            kept.append((low, high, count))
    bands = []
    for low, high, _ in kept:
        here = (said >= low) & (said < high)
        error = found[here] - true[here]
        bands.append(
            ErrorBand(
                from_per_m2=low,
                to_per_m2=None if math.isinf(high) else high,
                cells=int(here.sum()),
                bias_per_m2=round(float(error.mean()), 4),
                rmse_per_m2=round(max(float(np.sqrt((error**2).mean())), 1e-3), 4),
                sigma_per_m2=round(max(_most_of(np.abs(error)) / STATED, LEAST_SIGMA), 4),
            )
        )
    return tuple(bands)


def _most_of(errors: Floats) -> float:
    """What 95 % of errors yet to come stay under: a little more than of those seen, the more the fewer were seen.

    The split-conformal rank (Lei et al. 2018, Journal of the American Statistical Association 113).
    """
    rank = min(errors.size, math.ceil(0.95 * (errors.size + 1)))
    return float(np.sort(errors)[rank - 1])


def products(
    bands: Bands, said_per_m2: ArrayLike, one_error: ArrayLike, other_error: ArrayLike
) -> tuple[float, ...]:
    """Mean product of two errors (n,) in each band: how far both are wrong together, in (people per m2)^2."""
    said, one, other = (np.asarray(x, np.float64).ravel() for x in (said_per_m2, one_error, other_error))
    found = []
    for band in bands:
        here = (said >= band.from_per_m2) & (said < (math.inf if band.to_per_m2 is None else band.to_per_m2))
        found.append(round(float((one[here] * other[here]).mean()), 6))
    return tuple(found)


class Errors(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Measured errors of a people map and of the detector beside it, banded by what the map says.

    `together`: mean product of both errors in each of the map's bands, which are then the boxes' too (None: as if they
    erred independently). `fused`: of both as one, where that was measured. `against`: what was held to be true: heads
    that somebody marked, so that who is hidden is to be added (edge/hidden_heads.py), or everybody.
    """

    map: Bands
    boxes: Bands
    together: tuple[float, ...] | None = None
    fused: Bands | None = None
    against: Literal["everybody", "marks"] = "everybody"


def map_weight(errors: Errors, crowding_per_m2: ArrayLike) -> Floats:
    """The map's share, 0 to 1, in the mean of both with the least mean square error, at any shape of crowding.

    With variances V and covariance C of two estimates: w = (V_boxes - C) / (V_map + V_boxes - 2 C); inverse-variance
    weighting where C is 0 (Bates and Granger 1969, The Combination of Forecasts). V and C are raw second moments here.
    """
    at = np.asarray(crowding_per_m2, np.float64)
    # Roots and the correlation change more evenly from band to band than variances do.
    one, other = (
        _between(bands, [band.rmse_per_m2 for band in bands], at) for bands in (errors.map, errors.boxes)
    )
    both = np.zeros_like(one)
    if errors.together is not None:
        alike = [
            product / (a.rmse_per_m2 * b.rmse_per_m2)
            for product, a, b in zip(errors.together, errors.map, errors.boxes, strict=True)
        ]
        both = np.clip(_between(errors.map, alike, at), -1.0, 1.0) * one * other
    v_map, v_boxes = one**2, other**2
    # Two estimates that are never apart are one; any weight serves.
    apart = np.maximum(v_map + v_boxes - 2.0 * both, 1e-12)
    return np.asarray(np.clip((v_boxes - both) / apart, 0.0, 1.0))


def to_text(errors: Errors) -> str:
    """As it stands in a model file's metadata."""
    return msgspec.json.encode(errors).decode()


def from_text(text: str, what: str) -> Errors:
    """Raises `ErrorsUnusable`; `what` names the file."""
    try:
        errors = msgspec.json.decode(text, type=Errors)
    except msgspec.DecodeError as wrong:
        raise ErrorsUnusable(f"{what}: its measured errors cannot be read: {wrong}") from None
    return checked_errors(errors, what)


def checked_errors(errors: Errors, what: str) -> Errors:
    """The same, if its bands can be used. Raises `ErrorsUnusable`; `what` names the file."""
    checked(errors.map, what)
    checked(errors.boxes, what)
    if errors.fused is not None:
        checked(errors.fused, what)
    if errors.together is not None:
        edges = [
            [(band.from_per_m2, band.to_per_m2) for band in bands] for bands in (errors.map, errors.boxes)
        ]
        if edges[0] != edges[1] or len(errors.together) != len(errors.map):
            raise ErrorsUnusable(f"{what}: its table of errors made together does not fit the bands")
    return errors
