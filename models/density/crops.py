"""Training examples cut from samples and from people-free pictures, each disturbed as cameras disturb. [E]"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.density.sample import Sample
from models.density.target import CELL_PX, spread_cells, target

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

RECIPE: Final = 1
"""Raised when crops are cut in another way: features kept from before are then made anew."""
CROP_PX: Final = (384, 640)
"""Height and width of an example in the network's pixels."""
LEAST_SCALE, MOST_SCALE = 0.75, 1.6
PASTED_SHARE: Final = 0.4
"""How often the people of a sample are put before a real picture, where there is one."""
TALL_PX: Final = (20.0, 400.0)
"""Heights of people in the network's input that the crops cover."""


@dataclass(frozen=True, slots=True)
class Crop:
    """`picture`: uint8 (384, 640, 3) blue first. `target`: float32 (48, 80) people per cell."""

    picture: Picture
    target: Floats


def of_sample(sample: Sample, rng: np.random.Generator, grounds: list[Picture]) -> Crop:
    """A random part of a sample, larger or smaller, perhaps before one of the people-free pictures `grounds`."""
    picture, people = sample.picture, sample.people
    if grounds and len(sample.heads_px) and rng.random() < PASTED_SHARE:
        picture = _pasted(picture, people, grounds[int(rng.integers(len(grounds)))], rng)
    height, width = picture.shape[:2]
    rows, columns = CROP_PX
    least = max(LEAST_SCALE, rows / height, columns / width)
    scale = math.exp(rng.uniform(math.log(least), math.log(MOST_SCALE)))
    part_h, part_w = round(rows / scale), round(columns / scale)
    top, left = int(rng.integers(height - part_h + 1)), int(rng.integers(width - part_w + 1))
    cut = _resized(picture[top : top + part_h, left : left + part_w])
    heads = (sample.heads_px - (left, top)) * (columns / part_w, rows / part_h)
    if rng.random() < 0.5:
        cut = np.ascontiguousarray(cut[:, ::-1])
        heads = np.stack([columns - heads[:, 0], heads[:, 1]], axis=1)
    spread = spread_cells(sample.tall_px * scale)
    return Crop(disturbed(cut, rng), target(heads, spread, rows // CELL_PX, columns // CELL_PX))


def of_empty(picture: Picture, rng: np.random.Generator) -> Crop:
    """A random part of a picture without people."""
    rows, columns = CROP_PX
    if rng.random() < 0.5:
        picture = np.rot90(picture, int(rng.integers(1, 4)))
    cut = _part(picture, rng)
    if rng.random() < 0.5:
        cut = np.ascontiguousarray(cut[:, ::-1])
    if rng.random() < 0.3:
        cut = np.ascontiguousarray(cut[:, :, rng.permutation(3)])
    return Crop(disturbed(cut, rng), np.zeros((rows // CELL_PX, columns // CELL_PX), np.float32))


def disturbed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Brightness, contrast, colour, softness, grain and JPEG, each at random."""
    values = picture.astype(np.float32) / 255.0
    values = np.clip(values, 0.0, 1.0) ** np.float32(np.exp(rng.normal(0.0, 0.28)))
    values = (
        (values - 0.5) * np.float32(np.exp(rng.normal(0.0, 0.2))) + 0.5 + np.float32(rng.normal(0.0, 0.06))
    )
    values *= np.exp(rng.normal(0.0, 0.06, 3)).astype(np.float32)
    grey = values.mean(axis=2, keepdims=True)
    colour = 0.0 if rng.random() < 0.1 else float(np.clip(rng.normal(1.0, 0.3), 0.0, 1.8))
    values = grey + (values - grey) * np.float32(colour)
    if rng.random() < 0.4:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), float(rng.uniform(0.3, 1.4))), np.float32)
    if rng.random() < 0.4:
        values = values + rng.normal(0.0, rng.uniform(0.005, 0.04), values.shape).astype(np.float32)
    made: Picture = np.asarray(np.clip(values * 255.0, 0, 255), np.uint8)
    if rng.random() < 0.7:
        quality = int(rng.integers(28, 92))
        good, jpeg = cv2.imencode(".jpg", made, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if good:
            made = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
    return made


def _resized(picture: Picture) -> Picture:
    way = cv2.INTER_AREA if picture.shape[0] > CROP_PX[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (CROP_PX[1], CROP_PX[0]), interpolation=way), np.uint8)


def _part(picture: Picture, rng: np.random.Generator) -> Picture:
    """A random part in the crop's shape, from a third of the picture to all of it."""
    height, width = picture.shape[:2]
    most = min(height / CROP_PX[0], width / CROP_PX[1])
    scale = most * math.exp(rng.uniform(math.log(0.33), 0.0))
    part_h, part_w = min(height, round(CROP_PX[0] * scale)), min(width, round(CROP_PX[1] * scale))
    top, left = int(rng.integers(height - part_h + 1)), int(rng.integers(width - part_w + 1))
    return _resized(picture[top : top + part_h, left : left + part_w])


def _pasted(picture: Picture, people: Picture, ground: Picture, rng: np.random.Generator) -> Picture:
    """The sample's people, edges softened, before another picture of about their brightness."""
    height, width = picture.shape[:2]
    behind = _part(ground, rng)
    behind = np.asarray(cv2.resize(behind, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    share = np.asarray(cv2.GaussianBlur(people, (0, 0), 0.8), np.float32)[:, :, None] / 255.0
    lift = (float(behind.mean()) + 20.0) / (
        float(picture[people > 0].mean() if people.any() else 128.0) + 20.0
    )
    lift = float(np.clip(lift, 0.6, 1.7))
    mixed = share * picture.astype(np.float32) * lift + (1.0 - share) * behind.astype(np.float32)
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)
