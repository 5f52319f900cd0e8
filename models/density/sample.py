"""A training sample and its files: a picture, where people are seen in it, and where their heads are.

Three files each: `NNNNN.jpg`, `NNNNN.png` (255 where a person or what they carry is seen) and `NNNNN.npz` with
`heads_px` (n, 2) and `tall_px` (n,), the height of a standing adult there in pixels.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

VIEWS_A_PLACE: Final = 4
CROWDS_A_VIEW: Final = 6
SAMPLES_A_PLACE: Final = VIEWS_A_PLACE * (CROWDS_A_VIEW + 1)
"""Each view is also taken without anybody."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`picture`: uint8 blue first. `people`: uint8, 255 where a person is seen. `heads_px`: float32 (n, 2);
    `tall_px`: float32 (n,)."""

    picture: Picture
    people: Picture
    heads_px: npt.NDArray[np.float32]
    tall_px: npt.NDArray[np.float32]


def path_of(folder: Path, i: int) -> Path:
    """The sample's picture; its other files differ in their suffix."""
    return folder / f"{i:05d}.jpg"


def read(folder: Path, i: int) -> Sample:
    """Raises OSError where the sample is not there or damaged."""
    path = path_of(folder, i)
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    people = cv2.imread(str(path.with_suffix(".png")), cv2.IMREAD_GRAYSCALE)
    if picture is None or people is None:
        raise OSError(f"sample {path}: not there or damaged; delete it and train again")
    with np.load(path.with_suffix(".npz")) as arrays:
        heads_px, tall_px = arrays["heads_px"], arrays["tall_px"]
    return Sample(np.asarray(picture, np.uint8), np.asarray(people, np.uint8), heads_px, tall_px)


def write_one(path: Path, sample: Sample) -> None:
    """The arrays last: where they are, the sample is whole."""
    for suffix, content, options in (
        (".jpg", sample.picture, [cv2.IMWRITE_JPEG_QUALITY, 93]),
        (".png", sample.people, []),
    ):
        good, encoded = cv2.imencode(suffix, content, options)
        if not good:
            raise OSError(f"sample {path}: could not be encoded as {suffix}")
        _put(path.with_suffix(suffix), encoded.tobytes())
    half = path.with_suffix(f".{os.getpid()}.half.npz")
    np.savez(half, heads_px=sample.heads_px, tall_px=sample.tall_px)
    half.replace(path.with_suffix(".npz"))


def _put(path: Path, content: bytes) -> None:
    half = path.with_suffix(f"{path.suffix}.{os.getpid()}.half")
    half.write_bytes(content)
    half.replace(path)
