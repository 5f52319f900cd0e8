"""How many of those who stand in a crowd show no head to a camera, by density and viewing angle.

Whoever marks or learns heads counts those that show. Behind each person lies a strip of ground whose people are hidden:
as long as the nearer one's head reaches above the middle of the farther one's, `rise` metres, times the cotangent of the
camera's elevation there, less the gap that people keep. For people placed at random a place is free of such strips with
probability exp(-density x their mean area) (Boolean model: Chiu, Stoyan, Kendall and Mecke 2013, Stochastic Geometry and
its Applications, 3rd ed.; visibility among random obstacles: Zacks 1994, Stochastic Visibility in Random Fields). `rise` is
normal, since heights are; people are not at random, so the gap goes with 1 / sqrt(density), their mean spacing.

`WIDTH_M` and `GAP` are fitted to bodies placed by rule in hard-core crowds of 0.5 to 6 per m2 (models/calibrate/hiding.py), not
to any rendered frame; docs/accuracy.md holds the curve against the stories. [E]
"""

from __future__ import annotations

import functools
import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

RISE_M: Final = 0.12
"""From the middle of a head to its top: a head counts as hidden when more than its upper half is. [E]"""
RISE_SPREAD_M: Final = 0.127
"""Standard deviation of the difference in height of two people, whose own is 0.09 m. [E]"""
WIDTH_M: Final = 0.12
GAP: Final = 1.25
"""Width of the strip behind a person, metres; and the gap as a share of 1 / sqrt(density). Fitted, see above. [E]"""
UNSURE: Final = 0.5
"""Standard deviation of the hidden share as a share of itself: crowds of one density differ. Measured on the stories. [E]"""
MOST_PER_M2: Final = 9.0
LEAST_SLOPE: Final = 0.35
"""Where a further person adds less than this to the heads that show, nothing more is concluded from heads. [E]"""
MOST_FACTOR: Final = 1.5
"""Nobody's count is raised beyond this. [E]"""

_STEP: Final = 0.05
_COT_STEP: Final = 0.1
_COT_MOST: Final = 15.0


def hidden_share(per_m2: ArrayLike, cot: ArrayLike, *, width_m: float = WIDTH_M, gap: float = GAP) -> Floats:
    """Share, 0 to 1, of people whose head does not show. `per_m2`: everybody around; `cot`: distance over height above
    the heads."""
    density, far = np.broadcast_arrays(np.asarray(per_m2, np.float64), np.asarray(cot, np.float64))
    density = np.maximum(density, 1e-9)
    mean, spread = far * RISE_M - gap / np.sqrt(density), np.maximum(far * RISE_SPREAD_M, 1e-9)
    at = mean / spread
    below = 0.5 * (1.0 + np.vectorize(math.erf, otypes=[np.float64])(at / math.sqrt(2.0)))
    length = mean * below + spread * np.exp(-0.5 * at**2) / math.sqrt(2.0 * math.pi)
    return np.asarray(1.0 - np.exp(-density * width_m * np.maximum(length, 0.0)))


def tells_up_to_per_m2(cot: float) -> float:
    """The density up to which heads still tell more people from fewer, at most `MOST_PER_M2`."""
    density, shown = _curve(min(cot, _COT_MOST))
    gain = np.diff(shown) / np.diff(density)
    factor = density[1:] / shown[1:]
    bad = np.flatnonzero((gain < LEAST_SLOPE) | (factor > MOST_FACTOR))
    return float(density[bad[0]]) if bad.size else MOST_PER_M2


def everybody(shown_per_m2: ArrayLike, cot: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """From the heads around a place to everybody: factor (1 to `MOST_FACTOR`), slope d everybody / d heads there, and
    hidden share of everybody. Arrays of any one shape."""
    shown, far = np.broadcast_arrays(np.asarray(shown_per_m2, np.float64), np.asarray(cot, np.float64))
    factors, slopes = _tables()
    row = np.clip(np.where(np.isfinite(far), far, _COT_MOST), 0.0, _COT_MOST) / _COT_STEP
    column = np.clip(shown, 0.0, MOST_PER_M2) / _STEP
    factor = _between(factors, row, column)
    return factor, _between(slopes, row, column), 1.0 - 1.0 / factor


def _between(table: Floats, row: Floats, column: Floats) -> Floats:
    """Bilinear."""
    i = np.minimum(row.astype(np.intp), table.shape[0] - 2)
    j = np.minimum(column.astype(np.intp), table.shape[1] - 2)
    r, c = row - i, column - j
    return np.asarray(
        (1 - r) * ((1 - c) * table[i, j] + c * table[i, j + 1])
        + r * ((1 - c) * table[i + 1, j] + c * table[i + 1, j + 1])
    )


@functools.cache
def _curve(cot: float) -> tuple[Floats, Floats]:
    """Densities and the heads that show of each."""
    density = np.arange(0.0, MOST_PER_M2 + _STEP / 2.0, _STEP)
    return density, density * (1.0 - hidden_share(density, cot))


@functools.cache
def _tables() -> tuple[Floats, Floats]:
    """Factor and slope over (cot, heads per m2), rows and columns in `_COT_STEP` and `_STEP`."""
    heads = np.arange(0.0, MOST_PER_M2 + _STEP / 2.0, _STEP)
    factors, slopes = [], []
    for cot in np.arange(0.0, _COT_MOST + _COT_STEP / 2.0, _COT_STEP):
        density, shown = _curve(float(cot))
        # No steeper than heads can tell: beyond, each further head stands for a bounded number of people.
        gains = np.maximum(np.diff(shown), LEAST_SLOPE * _STEP)
        told = np.concatenate([[0.0], np.cumsum(gains)])
        people = np.interp(heads, told, density)
        beyond = heads > told[-1]
        people[beyond] = density[-1] + (heads[beyond] - told[-1])
        factor = np.ones_like(heads)
        factor[1:] = np.clip(people[1:] / heads[1:], 1.0, MOST_FACTOR)
        factors.append(factor)
        slopes.append(np.clip(np.gradient(people, heads), 1.0, 1.0 / LEAST_SLOPE))
    return np.array(factors), np.array(slopes)
