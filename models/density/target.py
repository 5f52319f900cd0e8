"""What the head is taught: each marked head spread over a few cells, so that the whole map sums to the count."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CELL_PX: Final = 8
SPREAD_SHARE: Final = 0.08
"""A head is spread with a deviation of this share of the person's height, [E]"""
LEAST_CELLS, MOST_CELLS = 0.9, 3.5
"""but at least and at most so many cells."""


def spread_cells(tall_px: NDArray[np.floating], cell_px: float = CELL_PX) -> Floats:
    """Deviation in cells of `cell_px` for people (n,) of these heights in the network's input."""
    return np.asarray(np.clip(tall_px / cell_px * SPREAD_SHARE, LEAST_CELLS, MOST_CELLS), np.float32)


def target(
    heads_px: NDArray[np.floating], spread: NDArray[np.floating] | float, rows: int, columns: int
) -> Floats:
    """(rows, columns) people per cell. `heads_px`: (n, 2) x, y in input pixels; those outside are left out.

    Each head is a Gaussian, cut at the edges and made to sum to 1.
    """
    heads = np.asarray(heads_px, np.float64).reshape(-1, 2) / CELL_PX
    inside = (heads >= 0.0).all(axis=1) & (heads[:, 0] < columns) & (heads[:, 1] < rows)
    deviation = np.broadcast_to(np.asarray(spread, np.float64), len(heads))[inside]
    heads = heads[inside]
    across = _shares(heads[:, 0], deviation, columns)
    down = _shares(heads[:, 1], deviation, rows)
    return np.asarray(down.T @ across, np.float32)


def _shares(at: NDArray[np.float64], deviation: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    away = (np.arange(cells) + 0.5 - at[:, None]) / deviation[:, None]
    weights = np.exp(-0.5 * away**2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)
