"""Pictures of nothing: overlapping shapes of all sizes, whose edges and textures are as frequent as the world's. [E]

The dead leaves model (Matheron 1968; Lee, Mumford and Huang 2001): shapes with sizes of density 1 / r^3 laid over one
another give pictures with the statistics of photographs. They teach the head that edges and spots are not people.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

SIZE_PX: Final = (480, 800)
LEAST_PX, MOST_PX = 4.0, 220.0


def clutter(seed: int, number: int) -> Picture:
    """Picture `number` of a seed, uint8 (480, 800, 3)."""
    rng = np.random.default_rng([seed, 77, number])
    height, width = SIZE_PX
    colours = _palette(rng)
    picture = np.full((height, width, 3), colours[0], np.uint8)
    least = float(np.exp(rng.uniform(math.log(LEAST_PX), math.log(30.0))))
    for _ in range(int(rng.integers(60, 1400))):
        # 1 / r^3 between the bounds, by its inverse distribution
        share = rng.random()
        radius = (share * MOST_PX**-2 + (1.0 - share) * least**-2) ** -0.5
        at = (int(rng.integers(-40, width + 40)), int(rng.integers(-40, height + 40)))
        colour = [
            int(v) for v in np.clip(colours[int(rng.integers(len(colours)))] + rng.normal(0, 14, 3), 0, 255)
        ]
        _shape(picture, rng, at, radius, colour)
    if rng.random() < 0.5:
        picture = _lined(picture, rng)
    grain = rng.normal(0.0, float(rng.uniform(0.0, 12.0)), (height, width, 1))
    shade = cv2.resize(rng.uniform(0.55, 1.2, (3, 5)), (width, height), interpolation=cv2.INTER_CUBIC)[
        :, :, None
    ]
    return np.asarray(np.clip(picture * shade + grain, 0, 255), np.uint8)


def _palette(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    middle = rng.uniform(40.0, 200.0) + rng.normal(0.0, 14.0, 3)
    spread = float(rng.uniform(8.0, 70.0))
    return [
        np.clip(middle + rng.normal(0.0, spread) + rng.normal(0.0, spread * 0.6, 3), 0, 255) for _ in range(9)
    ]


def _shape(
    picture: Picture, rng: np.random.Generator, at: tuple[int, int], radius: float, colour: list[int]
) -> None:
    kind = rng.random()
    turn = float(rng.uniform(0.0, 360.0))
    if kind < 0.4:
        axes = (max(1, round(radius)), max(1, round(radius * float(rng.uniform(0.25, 1.0)))))
        cv2.ellipse(picture, at, axes, turn, 0.0, 360.0, colour, -1, cv2.LINE_AA)
        return
    corners = 4 if kind < 0.8 else int(rng.integers(3, 8))
    angles = (
        np.sort(rng.uniform(0.0, 2.0 * math.pi, corners))
        if corners != 4
        else np.arange(4) * math.pi / 2 + 0.7
    )
    points = np.stack([np.cos(angles), np.sin(angles) * rng.uniform(0.2, 1.0)], axis=1) * radius
    lean = math.radians(turn if rng.random() < 0.5 else float(rng.normal(0.0, 4.0)))
    c, s = math.cos(lean), math.sin(lean)
    whole = np.round(points @ np.array([[c, s], [-s, c]]) + at).astype(np.int32)
    cv2.fillPoly(picture, [whole], colour, cv2.LINE_AA)


def _lined(picture: Picture, rng: np.random.Generator) -> Picture:
    """Rows of bars, slats, windows or stones over a part."""
    height, width = picture.shape[:2]
    step_x, step_y = (int(v) for v in np.exp(rng.uniform(math.log(7.0), math.log(90.0), 2)))
    share = float(rng.uniform(0.2, 0.8))
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    bend = float(rng.uniform(-0.4, 0.4))
    across = (x + bend * y) % step_x < share * step_x
    down = y % step_y < share * step_y
    kind = rng.random()
    bars = across if kind < 0.35 else down if kind < 0.6 else across & down
    left, right = np.sort(rng.integers(0, width, 2))
    bars = bars & (x >= left) & (x <= max(right, left + width // 3))
    colour = rng.uniform(10.0, 240.0, 3)
    return np.where(bars[:, :, None], np.asarray(colour, np.uint8), picture)
