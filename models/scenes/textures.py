"""Surfaces painted from seeded noise: paving, asphalt, house fronts, cloth. One layer each, 512 x 512, tiling.

RGB is the colour in sRGB; alpha 255 marks what glows after dark (lit windows).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Noise = npt.NDArray[np.float32]

SIDE_PX: Final = 512


def _noise(
    rng: np.random.Generator, octaves: tuple[int, ...], weights: tuple[float, ...] | None = None
) -> Noise:
    """Tiling value noise, mean 0 and deviation about 1; `octaves` are cells across."""
    total = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    for i, cells in enumerate(octaves):
        small = rng.standard_normal((cells, cells)).astype(np.float32)
        wrapped = np.tile(small, (3, 3))
        size = SIDE_PX * 3
        large = cv2.resize(wrapped, (size, size), interpolation=cv2.INTER_CUBIC)
        total += large[SIDE_PX : 2 * SIDE_PX, SIDE_PX : 2 * SIDE_PX] * (weights[i] if weights else 1.0)
    return np.asarray((total - total.mean()) / max(float(total.std()), 1e-6), np.float32)


def _tinted(base: tuple[float, float, float], shade: Noise, depth: float) -> Noise:
    return np.asarray(
        np.array(base, np.float32)[None, None, :] * (1.0 + depth * shade[:, :, None]), np.float32
    )


def _finished(colour: Noise, glow: Noise | None = None) -> Picture:
    alpha = np.zeros((SIDE_PX, SIDE_PX), np.float32) if glow is None else glow
    return np.clip(np.dstack([colour, alpha]), 0, 255).astype(np.uint8)


def asphalt(rng: np.random.Generator) -> Picture:
    shade = 0.5 * _noise(rng, (256,)) + 0.6 * _noise(rng, (6, 17)) + 0.2 * _noise(rng, (64,))
    colour = _tinted((92, 92, 95), shade, 0.07)
    for _ in range(5):
        x, y = rng.integers(0, SIDE_PX, 2)
        points = [(int(x), int(y))]
        for _ in range(12):
            points.append(
                (points[-1][0] + int(rng.integers(-14, 22)), points[-1][1] + int(rng.integers(-16, 17)))
            )
        cv2.polylines(colour, [np.array(points)], False, (64, 64, 66), 1, cv2.LINE_AA)
    return _finished(colour)


def _slabs(
    rng: np.random.Generator, across: int, down: int, base: tuple[float, float, float], vary: float
) -> Picture:
    colour = _tinted(base, 0.5 * _noise(rng, (200,)) + 0.5 * _noise(rng, (9, 31)), 0.045)
    height, width = SIDE_PX // down, SIDE_PX // across
    for row in range(down):
        shift = (row % 2) * width // 2
        for column in range(across + 1):
            x0 = column * width - shift
            tone = 1.0 + vary * float(rng.standard_normal())
            left, right = max(x0, 0), min(x0 + width, SIDE_PX)
            colour[row * height : (row + 1) * height, left:right] *= tone
            if 0 <= x0 < SIDE_PX:
                colour[row * height : (row + 1) * height, x0 : x0 + 2] *= 0.72
        colour[row * height : row * height + 2] *= 0.72
    return _finished(colour)


def paving(rng: np.random.Generator) -> Picture:
    return _slabs(rng, 8, 8, (150, 146, 138), 0.05)


def setts(rng: np.random.Generator) -> Picture:
    return _slabs(rng, 20, 26, (118, 112, 106), 0.10)


def pale_paving(rng: np.random.Generator) -> Picture:
    return _slabs(rng, 4, 6, (172, 165, 152), 0.035)


def grass(rng: np.random.Generator) -> Picture:
    shade = _noise(rng, (256, 128)) * 0.6 + _noise(rng, (5, 11)) * 0.6
    return _finished(_tinted((84, 104, 58), shade, 0.13))


def concrete(rng: np.random.Generator) -> Picture:
    return _finished(
        _tinted((150, 150, 148), 0.4 * _noise(rng, (180,)) + 0.7 * _noise(rng, (4, 9, 23)), 0.05)
    )


def _front(
    rng: np.random.Generator,
    wall: Noise,
    columns: int,
    floors: int,
    pane: tuple[float, float],
    frame: tuple[int, int, int],
) -> Picture:
    """A house front: windows `pane` (share of a bay's width and height), some lit, some with curtains."""
    colour, glow = wall, np.zeros((SIDE_PX, SIDE_PX), np.float32)
    bay, floor = SIDE_PX / columns, SIDE_PX / floors
    for i in range(floors):
        for j in range(columns):
            w, h = bay * pane[0], floor * pane[1]
            x0, y0 = round(j * bay + (bay - w) / 2), round(i * floor + (floor - h) * 0.45)
            x1, y1 = round(x0 + w), round(y0 + h)
            cv2.rectangle(colour, (x0 - 3, y0 - 3), (x1 + 3, y1 + 4), frame, -1)
            top, bottom = rng.uniform(50, 85), rng.uniform(22, 50)
            ramp = np.linspace(top, bottom, y1 - y0, dtype=np.float32)[:, None, None]
            colour[y0:y1, x0:x1] = ramp * np.array([0.86, 0.97, 1.1], np.float32)
            if rng.random() < 0.35:
                colour[y0:y1, x0 : x0 + max(2, int(w * 0.3))] = (168, 160, 148)
            if rng.random() < 0.25:
                colour[y0 : y0 + int(h * rng.uniform(0.2, 0.6)), x0:x1] = (176, 172, 160)
            cv2.line(colour, ((x0 + x1) // 2, y0), ((x0 + x1) // 2, y1), frame, 2)
            cv2.line(colour, (x0 - 4, y1 + 5), (x1 + 4, y1 + 5), (90, 88, 86), 2)
            if rng.random() < 0.3:
                glow[y0:y1, x0:x1] = float(rng.uniform(90, 230))
    return _finished(colour, glow)


def brick_front(rng: np.random.Generator) -> Picture:
    colour = _tinted((128, 82, 66), 0.6 * _noise(rng, (256,)) + 0.5 * _noise(rng, (5, 13)), 0.07)
    for row in range(0, SIDE_PX, 6):
        colour[row] *= 0.82
        shift = (row // 6 % 2) * 7
        colour[row : row + 6, shift::14] *= 0.88
    return _front(rng, colour, 4, 3, (0.42, 0.56), (202, 196, 186))


def plaster_front(rng: np.random.Generator) -> Picture:
    colour = _tinted((196, 180, 148), 0.3 * _noise(rng, (256,)) + 0.7 * _noise(rng, (3, 7, 19)), 0.035)
    cv2.rectangle(colour, (0, 0), (SIDE_PX, 7), (170, 156, 132), -1)
    return _front(rng, colour, 4, 3, (0.36, 0.58), (226, 222, 212))


def glass_front(rng: np.random.Generator) -> Picture:
    colour = _tinted((112, 118, 122), 0.4 * _noise(rng, (64,)), 0.03)
    return _front(rng, colour, 6, 4, (0.90, 0.78), (70, 74, 78))


def shop_front(rng: np.random.Generator) -> Picture:
    """One storey of four shops, each with a sign, a window with wares and a door."""
    colour = _tinted((140, 132, 122), _noise(rng, (128,)), 0.03)
    glow = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    signs = [(122, 30, 34), (24, 60, 96), (34, 78, 54), (196, 160, 70), (60, 50, 58), (204, 204, 198)]
    for j in range(4):
        x0, x1 = j * 128 + 5, j * 128 + 123
        sign = signs[int(rng.integers(len(signs)))]
        cv2.rectangle(colour, (x0, 40), (x1, 118), sign, -1)
        for k in range(int(rng.integers(4, 9))):
            x = x0 + 16 + k * 11
            if x < x1 - 16:
                cv2.rectangle(colour, (x, 64), (x + int(rng.integers(4, 9)), 94), (226, 220, 206), -1)
        glow[40:118, x0:x1] = 60.0
        cv2.rectangle(colour, (x0, 130), (x1, 490), (52, 54, 58), -1)
        glow[130:480, x0 + 4 : x1 - 4] = 150.0
        for _ in range(46):
            a, b = int(rng.integers(x0 + 6, x1 - 14)), int(rng.integers(170, 450))
            grey = float(rng.uniform(50, 170))
            tone = tuple(float(v) for v in grey + rng.uniform(-26, 26, 3))
            cv2.rectangle(
                colour, (a, b), (a + int(rng.integers(4, 13)), b + int(rng.integers(6, 34))), tone, -1
            )
        cv2.rectangle(colour, (x1 - 38, 180), (x1 - 6, 500), (70, 60, 52), 3)
    return _finished(colour, glow)


def roof(rng: np.random.Generator) -> Picture:
    colour = _tinted((104, 86, 78), _noise(rng, (128, 9)), 0.08)
    colour[::12] *= 0.75
    return _finished(colour)


def wood(rng: np.random.Generator) -> Picture:
    grain = cv2.resize(rng.standard_normal((256, 12)).astype(np.float32), (SIDE_PX, SIDE_PX))
    colour = _tinted((128, 98, 66), np.asarray(grain, np.float32), 0.10)
    colour[:, ::64] *= 0.6
    return _finished(colour)


def canvas(rng: np.random.Generator) -> Picture:
    colour = _tinted((232, 230, 224), _noise(rng, (7, 15)), 0.03)
    for k in range(0, 8, 2):
        colour[:, k * 64 : (k + 1) * 64] *= np.array([0.55, 0.35, 0.32], np.float32)
    return _finished(colour)


def stains(rng: np.random.Generator) -> Picture:
    """Not a surface: large soft blotches that break up the tiling of all ground."""
    shade = _noise(rng, (4, 9, 21), (1.0, 0.8, 0.5))
    return _finished(_tinted((128, 128, 128), shade, 0.10))


LAYERS: Final[dict[str, Callable[[np.random.Generator], Picture]]] = {
    "stains": stains,
    "asphalt": asphalt,
    "paving": paving,
    "setts": setts,
    "pale-paving": pale_paving,
    "grass": grass,
    "concrete": concrete,
    "brick": brick_front,
    "plaster": plaster_front,
    "glass": glass_front,
    "shop": shop_front,
    "roof": roof,
    "wood": wood,
    "canvas": canvas,
}
"""Every layer by name; a layer's number is its place here."""

LAYER_NUMBER: Final[dict[str, int]] = {name: i for i, name in enumerate(LAYERS)}


def painted() -> Picture:
    """All layers, (layers, 512, 512, 4), row 0 at the bottom as OpenGL has it."""
    layers = [paint(np.random.default_rng([7919, i])) for i, paint in enumerate(LAYERS.values())]
    return np.ascontiguousarray(np.stack(layers)[:, ::-1])
