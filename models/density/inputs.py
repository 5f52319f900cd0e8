"""A picture as a detector's network takes it, and the network's file with its input freed: the same as at the edge."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.density.taps import Backbone, taps_of
from models.free_input import free_fixed_sides
from models.manifest import Model
from models.store import located

Picture = NDArray[np.uint8]


def backbone(model: Model, threads: int = 1) -> Backbone:
    """Raises `NoTaps`, `models.store.ModelMissing`, `models.store.WrongContent`."""
    taps = taps_of(model)
    content = located(model).read_bytes()
    if model.input.fixed_px is not None:
        content = free_fixed_sides(content, model.input.fixed_px)
    return Backbone(content, taps, threads)


def network_size(model: Model, frame_px: tuple[int, int], picture: Picture) -> tuple[int, int]:
    """(height, width) the network sees: the picture fitted into the frame, each side rounded to the network's step."""
    step = model.input.multiple_px
    height, width = picture.shape[:2]
    scale = min(frame_px[0] / height, frame_px[1] / width)
    return max(step, round(height * scale / step) * step), max(step, round(width * scale / step) * step)


def tensor(model: Model, picture: Picture, size_px: tuple[int, int]) -> NDArray[Any]:
    """The network's input of exactly (height, width) for a uint8 picture, blue first."""
    if picture.shape[:2] != size_px:
        resized = cv2.resize(picture, (size_px[1], size_px[0]), interpolation=cv2.INTER_LINEAR)
        picture = np.asarray(resized, dtype=np.uint8)
    if model.input.tensor == "uint8_nhwc":
        return np.ascontiguousarray(picture)[None]
    return np.asarray(cv2.dnn.blobFromImage(picture, swapRB=model.input.colour == "rgb"))
