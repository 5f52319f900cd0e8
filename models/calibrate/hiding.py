"""`python -m models.calibrate.hiding [STORIES]`: whose head shows in a crowd, from bodies placed by rule.

Without stories it prints the width and the gap of models/density/hidden.py as fitted here: to crowds at random with a
least distance, seen from eight elevations, each person a column with the outline of a head, shoulders and a body.
Nothing rendered is used. With stories it holds that curve against whose head could be marked in each of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.geometry import GroundGrid
from edge.fusion import around_per_m2
from edge.ground import HEAD_HEIGHT_M
from models.calibrate.stories import SEEN_FROM, story_camera
from models.density import hidden
from models.eval.story_folder import StoryFolder, stories
from models.eval.story_scores import spread

Floats = NDArray[np.float64]

COTS: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0)
PER_M2: Final = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
APART_M: Final = (0.30, 0.36)
"""Least distances between people: shoulders touch at 0.45 m, and a crowd turns sideways. [E]"""
SIDE_M: Final = 11.0
CROWDS: Final = 4
"""Drawn of each density and least distance."""
SHOWS: Final = 0.03
"""Share of a body's outline that half a head is: less, and there is no head to mark. [E]"""
BANDS: Final = (0.25, 1.0, 2.0, 3.5, 5.0, 9.0)
ALONE_M: Final = 3.0
"""Somebody hidden with nobody before them within this distance is hidden by the place, not by people."""


def half_width(below_top_m: Floats) -> Floats:
    """Half the width of a body so far below the top of its head."""
    edges, widths = [0.0, 0.25, 0.32, 0.9, 2.5], [0.078, 0.078, 0.20, 0.20, 0.16]
    return np.where(below_top_m < 0.0, 0.0, np.interp(below_top_m, edges, widths))


_DOWN = np.concatenate([np.linspace(0.01, 0.25, 6), np.linspace(0.3, 1.65, 20)])
_BELOW = np.repeat(_DOWN, 4)
_BESIDE = np.tile([-0.85, -0.3, 0.3, 0.85], _DOWN.size) * half_width(_BELOW)
_AREA = np.repeat(np.gradient(_DOWN) * half_width(_DOWN), 4)
_AREA = _AREA / _AREA.sum()


def shown(points_m: Floats, heights_m: Floats, widths: Floats, toward: Floats, cot: float) -> Floats:
    """Share of each body (n,) that no other hides, seen from far away in the direction `toward` (2,) at this elevation.

    `widths` (n,): how broad each stands to the camera, as a share of the outline's.
    """
    along, across = points_m @ toward, points_m @ np.array([-toward[1], toward[0]])
    seen = np.ones(len(points_m))
    for i in range(len(points_m)):
        before = (along > along[i] + 0.02) & (along < along[i] + 2.2 * cot)
        near = np.flatnonzero(before & (np.abs(across - across[i]) < 0.45))
        if near.size:
            rise = (along[near] - along[i]) / cot
            below = heights_m[near] - (heights_m[i] - _BELOW[:, None]) - rise
            off = np.abs(_BESIDE[:, None] * widths[i] - (across[near] - across[i]))
            seen[i] = 1.0 - _AREA[(off < half_width(below) * widths[near]).any(axis=1)].sum()
    return seen


def crowd(per_m2: float, apart_m: float, rng: np.random.Generator, side_m: float = SIDE_M) -> Floats:
    """People (n, 2) at random in a square, no two nearer than `apart_m` (random sequential adsorption)."""
    wanted, cell = round(per_m2 * side_m**2), max(apart_m, 0.2)
    kept: list[Floats] = []
    at: dict[tuple[int, int], list[Floats]] = {}
    for _ in range(400_000):
        if len(kept) == wanted:
            break
        point = rng.random(2) * side_m
        i, j = int(point[0] / cell), int(point[1] / cell)
        near = (q for a in (-1, 0, 1) for b in (-1, 0, 1) for q in at.get((i + a, j + b), ()))
        if all((point[0] - q[0]) ** 2 + (point[1] - q[1]) ** 2 >= apart_m**2 for q in near):
            kept.append(point)
            at.setdefault((i, j), []).append(point)
    return np.array(kept).reshape(-1, 2)


def hidden_in(
    per_m2: float, apart_m: float, cots: Sequence[float], rng: np.random.Generator
) -> list[tuple[float, float, float, int]]:
    """(density, cot, hidden share, people) of one crowd from each elevation; its edge is left out."""
    people = crowd(per_m2, apart_m, rng)
    n = len(people)
    heights, widths = rng.normal(1.70, 0.09, n), rng.uniform(0.75, 1.0, n)
    toward = np.array([np.cos(0.3), np.sin(0.3)])
    found = []
    for cot in cots:
        ahead = people + toward * min(0.5 * cot + 1.0, 4.0)
        inner = ((people > 1.0) & (people < SIDE_M - 1.0) & (ahead < SIDE_M)).all(axis=1)
        some = shown(people, heights, widths, toward, cot)[inner]
        found.append((n / SIDE_M**2, cot, float((some < SHOWS).mean()), int(inner.sum())))
    return found


def fitted(rows: Floats) -> tuple[float, float]:
    """Width and gap with the least squared error over (density, cot, hidden share, people) rows."""
    best = (np.inf, 0.0, 0.0)
    for width in np.arange(0.05, 0.25, 0.01):
        for gap in np.arange(0.0, 1.6, 0.05):
            told = hidden.hidden_share(rows[:, 0], rows[:, 1], width_m=width, gap=gap)
            best = min(best, (float((rows[:, 3] * (told - rows[:, 2]) ** 2).sum()), width, gap))
    return round(best[1], 3), round(best[2], 3)


def rendered(story: StoryFolder, camera: str, frames: int) -> Floats:
    """(density around, cot, whether the head shows) of people whom nothing but people could hide, (n, 3)."""
    one = story.site().camera(camera)
    here = story_camera(story, camera).frames
    rows: list[Floats] = []
    by_place: set[tuple[int, int]] = set()
    tiles: list[NDArray[np.int64]] = []
    for truth in here[:: max(1, len(here) // frames)]:
        grid = GroundGrid.from_wire(truth.grid)
        inside = [
            p for p in truth.people
            if 0 <= p.head_px[0] <= one.picture.width and 0 <= p.head_px[1] <= one.picture.height
        ]  # fmt: skip
        if not inside:
            continue
        points = np.array([(p.x_m, p.y_m) for p in inside])
        around = around_per_m2(spread(points, grid.frame), grid.observed, grid.frame.cell_m)
        cells = [grid.frame.cell_of(*p) for p in points]
        seen = np.array([c is not None and bool(grid.observed[c]) for c in cells])
        density = np.array([0.0 if c is None else around[c] for c in cells])
        away = points - np.asarray(one.position_m[:2])
        far, turn = np.hypot(*away.T), np.arctan2(away[:, 1], away[:, 0])
        shows = np.array([p.visible >= SEEN_FROM for p in inside])
        for i in np.flatnonzero(~shows):
            before = (far < far[i] - 0.05) & (far > far[i] - ALONE_M)
            if not (before & (np.abs(turn - turn[i]) * far[i] < 0.5)).any():
                by_place.add((int(points[i, 0] // 1), int(points[i, 1] // 1)))
        rows.append(np.stack([density, far / (one.height_m - HEAD_HEIGHT_M), shows], axis=1)[seen])
        tiles.append(np.floor(points).astype(np.int64)[seen])
    if not rows:
        return np.zeros((0, 3))
    free = np.array([tuple(tile) not in by_place for tile in np.concatenate(tiles).tolist()])
    return np.asarray(np.concatenate(rows)[free])


def main(given: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m models.calibrate.hiding", description=__doc__)
    parser.add_argument("stories", type=Path, nargs="?")
    parser.add_argument("--frames", type=int, default=160, help="of each camera")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(given)
    if asked.stories is None:
        rng = np.random.default_rng(asked.seed)
        rows = np.array(
            [r for _ in range(CROWDS) for a in APART_M for d in PER_M2 for r in hidden_in(d, a, COTS, rng)]
        )
        width, gap = fitted(rows)
        error = hidden.hidden_share(rows[:, 0], rows[:, 1], width_m=width, gap=gap) - rows[:, 2]
        rms = float(np.sqrt(np.average(error**2, weights=rows[:, 3])))
        print(f"width {width:g} m, gap {gap:g}; {len(rows)} crowds and elevations, off by {rms:.3f} rms")
        return 0
    print(f"{'story, camera':<32} {'people per m2':>13} {'people':>8} {'cot':>5} {'hidden':>7} {'told':>6}")
    for story in stories(asked.stories):
        for camera in story.cameras:
            found = rendered(story, camera, asked.frames)
            for low, high in pairwise(BANDS):
                here = found[(found[:, 0] >= low) & (found[:, 0] < high)]
                if len(here) >= 150:
                    told = float(hidden.hidden_share(here[:, 0], here[:, 1]).mean())
                    print(
                        f"{f'{story.name}, {camera}':<32} {f'{low:g} to {high:g}':>13} {len(here):>8} "
                        f"{here[:, 1].mean():>5.1f} {1.0 - here[:, 2].mean():>7.3f} {told:>6.3f}",
                        flush=True,
                    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
