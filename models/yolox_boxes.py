"""Boxes of a YOLOX network: grid, and decoding against it (Ge et al. 2021, "YOLOX", section 2.2, anchor free)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

STRIDES_PX: Final = (8, 16, 32)
BOX_COLUMNS: Final = 4
OBJECTNESS: Final = 4
FIRST_CLASS: Final = 5
_LARGEST_LOG_SIZE: Final = np.float32(8.0)


class Cells(NamedTuple):
    """Left and top of each cell, and its stride, in input pixels: float32 (n,), in the order of the output rows."""

    x: Floats
    y: Floats
    stride: Floats


@lru_cache(maxsize=16)
def cells(height_px: int, width_px: int) -> Cells:
    """All cells of an input whose sides are multiples of 32, stride by stride, row by row."""
    parts = []
    for stride in STRIDES_PX:
        y, x = np.meshgrid(np.arange(height_px // stride), np.arange(width_px // stride), indexing="ij")
        parts.append(np.stack([x.ravel() * stride, y.ravel() * stride, np.full(x.size, stride)]))
    return Cells(*np.concatenate(parts, axis=1).astype(np.float32))


def boxes_xyxy(encodings: Floats, of: Cells, rows: NDArray[np.intp]) -> Floats:
    """Decode encodings (n, 4) as (x, y, log w, log h) at the cells `rows` into float32 (n, 4) boxes in input pixels."""
    stride = of.stride[rows]
    x = of.x[rows] + encodings[:, 0] * stride
    y = of.y[rows] + encodings[:, 1] * stride
    half_width = 0.5 * stride * np.exp(np.minimum(encodings[:, 2], _LARGEST_LOG_SIZE))
    half_height = 0.5 * stride * np.exp(np.minimum(encodings[:, 3], _LARGEST_LOG_SIZE))
    return np.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=1)
