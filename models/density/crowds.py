"""Invented crowds for training: who stands and walks where in one picture, from nobody to thousands. [E]"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from models.density.places import SampledPlace, free
from models.scenes.bodies import BodySet
from models.scenes.gait import CLIP_NUMBER, CLIPS
from models.scenes.wardrobe import look
from models.scenes.world import Somebody

Floats = npt.NDArray[np.float64]

MOST_PEOPLE: Final = 2600
APART_M: Final = 0.30
"""Nearest two people may stand, middle to middle."""
SCATTERED_SHARE, GROUPED_SHARE, PACKED_SHARE = 0.34, 0.32, 0.34
"""How often a crowd is scattered people only, has groups up to 1.5 per m2, or packed patches up to 7 per m2."""
TALL_M: Final = 1.75


def sampled(
    seed: tuple[int, ...],
    place: SampledPlace,
    middle_m: Floats,
    reach_m: float,
    bodies: BodySet,
    umbrellas: float,
) -> list[Somebody]:
    """A crowd around `middle_m`, denser places within `reach_m` of it. The same seed gives the same crowd."""
    rng = np.random.default_rng(seed)
    kind = rng.random()
    scattered = int(np.exp(rng.uniform(0.0, math.log(90.0))))
    points = [middle_m + rng.normal(0.0, 1.0, (scattered, 2)) * max(reach_m, 4.0) * 0.8]
    if kind > SCATTERED_SHARE:
        packed = kind > SCATTERED_SHARE + GROUPED_SHARE
        for _ in range(int(rng.integers(1, 4)) if packed else int(rng.integers(1, 6))):
            per_m2 = float(rng.uniform(1.3, 7.0)) if packed else float(rng.uniform(0.1, 1.5))
            points.append(_patch(rng, middle_m, reach_m, per_m2))
    at = np.concatenate(points)[:MOST_PEOPLE]
    at = at[(np.abs(at) < place.half_m + 1.0).all(axis=1)]
    at = apart(at[free(at, place.solids)], APART_M)
    flow_rad = float(rng.uniform(-math.pi, math.pi))
    order = float(rng.choice([0.3, 1.0, 3.0]))
    return [
        _person(rng, seed, i, float(x), float(y), flow_rad + float(rng.normal(0.0, order)), bodies, umbrellas)
        for i, (x, y) in enumerate(at)
    ]


def _patch(rng: np.random.Generator, middle_m: Floats, reach_m: float, per_m2: float) -> Floats:
    """An ellipse filled by a jittered six-sided grid."""
    centre = middle_m + rng.normal(0.0, 0.5, 2) * reach_m
    wide, deep = rng.uniform(0.12, 0.9, 2) * reach_m
    area = math.pi * wide * deep
    if area * per_m2 > MOST_PEOPLE:
        shrink = math.sqrt(MOST_PEOPLE / (area * per_m2))
        wide, deep = wide * shrink, deep * shrink
    step = math.sqrt(2.0 / (math.sqrt(3.0) * per_m2))
    rows = np.arange(-deep, deep, step * math.sqrt(3.0) / 2.0)
    columns = np.arange(-wide, wide, step)
    x = columns[None, :] + (np.arange(len(rows))[:, None] % 2) * step / 2.0
    y = np.broadcast_to(rows[:, None], x.shape)
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    points = points[(points[:, 0] / wide) ** 2 + (points[:, 1] / deep) ** 2 < 1.0]
    points += rng.normal(0.0, step * float(rng.uniform(0.10, 0.45)), points.shape)
    turn = float(rng.uniform(0.0, math.pi))
    c, s = math.cos(turn), math.sin(turn)
    return np.asarray(centre + points @ np.array([[c, s], [-s, c]]))


def apart(points_m: Floats, least_m: float) -> Floats:
    """The points in their order, less those nearer than `least_m` to one before them."""
    kept: dict[tuple[int, int], list[tuple[float, float]]] = {}
    found = []
    for x, y in points_m.tolist():
        column, row = math.floor(x / least_m), math.floor(y / least_m)
        near = (
            other
            for i in (column - 1, column, column + 1)
            for j in (row - 1, row, row + 1)
            for other in kept.get((i, j), ())
        )
        if all((x - a) ** 2 + (y - b) ** 2 >= least_m**2 for a, b in near):
            kept.setdefault((column, row), []).append((x, y))
            found.append((x, y))
    return np.array(found, np.float64).reshape(-1, 2)


def _person(
    rng: np.random.Generator,
    seed: tuple[int, ...],
    i: int,
    x_m: float,
    y_m: float,
    heading_rad: float,
    bodies: BodySet,
    umbrellas: float,
) -> Somebody:
    seen = look(int(np.random.default_rng(seed).integers(2**31)), i, umbrellas)
    share = rng.random()
    name = "stand" if share < 0.45 else "shuffle" if share < 0.6 else "walk" if share < 0.97 else "run"
    if seen.umbrella is not None:
        name = "stand-umbrella" if name == "stand" else "walk-umbrella"
    number = CLIP_NUMBER[name]
    first, n = int(bodies.first_frame[number]), CLIPS[number].frames
    phase = int(rng.integers(n))
    heading = heading_rad if name != "stand" else float(rng.uniform(-math.pi, math.pi))
    return Somebody(i + 1, x_m, y_m, 0.0, 0.0, heading, (first + phase, first + phase, 0.0), seen)
