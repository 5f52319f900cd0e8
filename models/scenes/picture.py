"""From an ideal rendering to a CCTV picture: lens, glow, rain, softness, noise, and the clock in the corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.scenes.camera import View
from models.scenes.light import Light
from models.scenes.renderer import Drawn

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame in the camera's own pixels: the ideal picture (uint8, blue first), numbers and depth per pixel."""

    bgr: Picture
    number: npt.NDArray[np.uint32]
    depth_m: npt.NDArray[np.float32]


class Bend:
    """The lens: which pixel of the ideal pinhole each pixel of the real picture shows."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.map: npt.NDArray[np.float32] | None = None
        if view.k1:
            grid_x, grid_y = np.meshgrid(np.arange(view.width) + 0.5, np.arange(view.height) + 0.5)
            pixels = np.stack([grid_x.ravel(), grid_y.ravel()], axis=1)
            margin = view.margin()
            centre = np.array([view.width / 2.0, view.height / 2.0])
            ideal = view.lens.undistort(pixels) - centre
            size = np.array([round(view.width * margin), round(view.height * margin)])
            at = ideal * (size / (np.array([view.width, view.height]) * margin)) + size / 2.0 - 0.5
            self.map = at.reshape(view.height, view.width, 2).astype(np.float32)

    def seen(self, drawn: Drawn) -> Seen:
        bgr = np.ascontiguousarray(drawn.rgb[:, :, ::-1])
        if self.map is None:
            return Seen(bgr, drawn.number, drawn.depth_m)
        remap: Any = cv2.remap
        number = remap(drawn.number.astype(np.float32), self.map, None, cv2.INTER_NEAREST)
        return Seen(
            np.asarray(
                remap(bgr, self.map, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
            ),
            np.rint(number).astype(np.uint32),
            np.asarray(remap(drawn.depth_m, self.map, None, cv2.INTER_NEAREST), np.float32),
        )


def developed(seen: Seen, light: Light, seed: tuple[int, ...], words: str | None) -> Picture:
    """The picture as the recorder stores it, before JPEG. The same seed gives the same noise."""
    rng = np.random.default_rng(seed)
    picture = seen.bgr
    height, width = picture.shape[:2]
    if light.lamps > 0.0:
        picture = _glowing(picture, light.lamps)
    if light.rain:
        picture = _rained(picture, rng)
    soft = cv2.GaussianBlur(picture, (0, 0), 0.75 * height / 720.0)
    wide = cv2.GaussianBlur(soft, (0, 0), 2.2 * height / 720.0)
    picture = np.asarray(cv2.addWeighted(soft, 1.35, wide, -0.35, 0.0), np.uint8)
    grainy = picture.astype(np.float32) + _noise(rng, height, width, light.noise)
    noisy = grainy * _vignette(height, width) + (9.0 if light.name.startswith("night") else 7.0)
    finished: Picture = np.clip(noisy * 0.955, 0, 255).astype(np.uint8)
    if words:
        _write(finished, words)
    return finished


def _noise(rng: np.random.Generator, height: int, width: int, deviation: float) -> npt.NDArray[np.int16]:
    """Grey noise with a little colour, slightly soft as after a recorder's own filter."""
    grey = rng.standard_normal((height, width), dtype=np.float32)
    grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.6), np.float32) * (1.9 * deviation)
    colour = rng.standard_normal((height // 4 + 1, width // 4 + 1, 3), dtype=np.float32) * (0.5 * deviation)
    large = np.asarray(cv2.resize(colour, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return (large + grey[:, :, None]).astype(np.int16)


def _vignette(height: int, width: int) -> npt.NDArray[np.float32]:
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    return np.asarray((1.0 - 0.10 * (x * x + y * y))[:, :, None], np.float32)


def _glowing(picture: Picture, strength: float) -> Picture:
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    bright = np.clip(small.astype(np.float32) - 205.0, 0.0, None) * 2.2 * strength
    halo = cv2.GaussianBlur(bright, (0, 0), 5.0) + 0.5 * cv2.GaussianBlur(bright, (0, 0), 16.0)
    return np.asarray(
        cv2.add(picture, cv2.resize(np.clip(halo, 0, 255).astype(np.uint8), (width, height))), np.uint8
    )


def _rained(picture: Picture, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    veil = np.zeros((height, width), np.uint8)
    for x, y, length, tone in zip(
        rng.integers(-40, width, 700),
        rng.integers(-60, height, 700),
        rng.integers(9, 46, 700),
        rng.integers(26, 92, 700),
        strict=True,
    ):
        end = (int(x + length * 0.16), int(y + length))
        cv2.line(veil, (int(x), int(y)), end, int(tone), 1, cv2.LINE_AA)
    veil = np.asarray(cv2.GaussianBlur(veil, (0, 0), 0.8), np.uint8)
    return np.asarray(cv2.add(picture, cv2.merge([veil, veil, veil])), np.uint8)


def _write(picture: Picture, words: str) -> None:
    scale = picture.shape[0] / 720.0
    at = (round(14 * scale), round(26 * scale))
    for dx, dy, tone in ((-1, 0, 20), (1, 0, 20), (0, -1, 20), (0, 1, 20), (0, 0, 235)):
        place = (at[0] + dx, at[1] + dy)
        cv2.putText(
            picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55 * scale, (tone, tone, tone), 1, cv2.LINE_AA
        )


def covered(height: int, width: int, seed: tuple[int, ...]) -> Picture:
    """What a camera sees under a bag: nearly black, a little light from the side."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(26.0, 12.0, width, dtype=np.float32)[None, :, None] * np.array(
        [0.9, 0.95, 1.1], np.float32
    )
    dark = np.broadcast_to(ramp, (height, width, 3)) + _noise(rng, height, width, 2.0)
    return np.asarray(np.clip(dark, 0, 255), np.uint8)
