"""Boxes of an SSDLite-MobileNetV2 at any input size: anchors, and decoding against them.

Anchors follow the TensorFlow Object Detection API's multi-scale grid (Liu et al. 2016, "SSD", eq. 4): six levels,
scales 0.2 to 0.95 of 300 pixels. They keep that absolute size in pixels at other input sizes, because the weights
learned objects of those sizes.

Where the centres go is the delicate part. In training, anchor i of a level lay at (i + 0.5) * 300 / n, while the
level's features look at a window whose centre SAME padding puts elsewhere. The network learned the mean difference of
the two. SAME padding moves the windows with the input size (it pads a stride-2 layer by 1 before the picture when the
side is odd and by 0 when it is even), so at another size each centre is its own window's centre less that learned
difference. With sides that are multiples of 16 that gives 16 i + 10 at stride 16.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

TRAINED_PX: Final = 300
LEVELS: Final = 6
FIRST_LEVEL_STRIDED_LAYERS: Final = 4
"""Stride-2 layers (all 3x3) before the first level; each further level adds one. Held against the graph by a test."""

_SCALES: Final = (*(0.2 + (0.95 - 0.2) * level / (LEVELS - 1) for level in range(LEVELS)), 1.0)
_ASPECTS: Final = (1.0, 2.0, 0.5, 3.0, 0.3333)
"""The training configuration wrote one third as 0.3333, and the anchors show it."""
_CENTRE_SCALE: Final = np.float32(0.1)
_SIZE_SCALE: Final = np.float32(0.2)
_LARGEST_LOG_SIZE: Final = np.float32(4.0)


class Anchors(NamedTuple):
    """Centres and sizes in input pixels, float32 (n,), in the order of the network's outputs."""

    x: Floats
    y: Floats
    width: Floats
    height: Floats


def window_centres(side_px: int, level: int) -> NDArray[np.float64]:
    """Centres, in input pixels, of the windows that a level's cells look at along one side.

    A stride-2 3x3 layer with SAME padding gives ceil(n / 2) cells and pads max(2 (ceil(n / 2) - 1) + 3 - n, 0) in
    all, the smaller half before. Layers of stride 1 keep the centres. Pixel k covers k to k + 1.
    """
    size, step, first = side_px, 1.0, 0.5
    for _ in range(FIRST_LEVEL_STRIDED_LAYERS + level):
        cells = -(-size // 2)
        before = max(2 * (cells - 1) + 3 - size, 0) // 2
        first += (1 - before) * step
        step *= 2
        size = cells
    return np.asarray(first + step * np.arange(size), dtype=np.float64)


def anchor_centres(side_px: int, level: int) -> NDArray[np.float64]:
    """Anchor centres along one side, in input pixels. At the trained size these are the training grid itself."""
    trained_windows = window_centres(TRAINED_PX, level)
    cells = trained_windows.shape[0]
    trained_grid: NDArray[np.float64] = (np.arange(cells) + 0.5) * (TRAINED_PX / cells)
    if side_px == TRAINED_PX:
        return trained_grid
    learned_px = float(np.mean(trained_windows - trained_grid))
    return np.asarray(window_centres(side_px, level) - learned_px, dtype=np.float64)


def anchor_sizes(level: int) -> NDArray[np.float64]:
    """(k, 2) widths and heights in pixels of the anchors of one cell, in the order of the network's outputs."""
    if level == 0:
        shapes = [(0.1, 1.0), (_SCALES[0], 2.0), (_SCALES[0], 0.5)]
    else:
        shapes = [(_SCALES[level], aspect) for aspect in _ASPECTS]
        shapes.append((math.sqrt(_SCALES[level] * _SCALES[level + 1]), 1.0))
    sizes = [(scale * math.sqrt(aspect), scale / math.sqrt(aspect)) for scale, aspect in shapes]
    return np.asarray(np.array(sizes) * TRAINED_PX, dtype=np.float64)


@lru_cache(maxsize=16)
def anchors(height_px: int, width_px: int) -> Anchors:
    """All anchors of an input, level by level, row by row, cell by cell."""
    parts = []
    for level in range(LEVELS):
        y, x = anchor_centres(height_px, level), anchor_centres(width_px, level)
        sizes = anchor_sizes(level)
        grid_y, grid_x, which = np.meshgrid(y, x, np.arange(len(sizes)), indexing="ij")
        flat = which.ravel()
        parts.append(np.stack([grid_x.ravel(), grid_y.ravel(), sizes[flat, 0], sizes[flat, 1]]))
    whole = np.concatenate(parts, axis=1).astype(np.float32)
    return Anchors(*whole)


def boxes_xyxy(encodings: Floats, of: Anchors, rows: NDArray[np.intp]) -> Floats:
    """Decode encodings (n, 4) as (ty, tx, th, tw) at the anchors `rows` into float32 (n, 4) boxes in input pixels.

    centre = anchor centre + 0.1 t * anchor size; size = anchor size * exp(0.2 t) (box coder scales 10, 10, 5, 5).
    """
    width, height = of.width[rows], of.height[rows]
    x = of.x[rows] + encodings[:, 1] * _CENTRE_SCALE * width
    y = of.y[rows] + encodings[:, 0] * _CENTRE_SCALE * height
    half_width = 0.5 * width * np.exp(np.minimum(encodings[:, 3] * _SIZE_SCALE, _LARGEST_LOG_SIZE))
    half_height = 0.5 * height * np.exp(np.minimum(encodings[:, 2] * _SIZE_SCALE, _LARGEST_LOG_SIZE))
    return np.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=1).astype(
        np.float32
    )
