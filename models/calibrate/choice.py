"""Which of many frames an operator should mark: spread over time and over how full it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def spread_choice(at_s: ArrayLike, people: ArrayLike, wanted: int) -> list[int]:
    """Indices, rising, of `wanted` frames out of n: times (n,) and counts (n,) as far apart as can be.

    Begins with the fullest, then takes again and again the frame whose nearest taken one is farthest in the plane of
    time and fullness, each scaled to 0..1, fullness by rank (Gonzalez 1985, farthest-point clustering).
    """
    time = _scaled(np.asarray(at_s, np.float64))
    count = np.asarray(people, np.float64)
    n = time.size
    if n <= wanted:
        return list(range(n))
    _, rank = np.unique(count, return_inverse=True)
    points = np.stack([time, _scaled(rank.astype(np.float64))], axis=1)
    taken = [int(np.argmax(count))]
    apart = np.linalg.norm(points - points[taken[0]], axis=1)
    while len(taken) < wanted:
        apart[taken] = -1.0
        taken.append(int(np.argmax(apart)))
        apart = np.minimum(apart, np.linalg.norm(points - points[taken[-1]], axis=1))
    return sorted(taken)


def held_out(frames: int, one_in: int) -> NDArray[np.bool_]:
    """(n,) which frames, in the order of time, are kept from fitting: the middle one of every `one_in`."""
    return np.asarray(np.arange(frames) % one_in == one_in // 2)


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    span = float(np.ptp(values)) if values.size else 0.0
    return (values - values.min()) / span if span > 0.0 else np.zeros_like(values)
