"""Marked heads: `NAME.points.json` beside the picture `NAME.png`, and the checks before anything is fitted to them.

The format is `{"points_px": [[x, y], ...]}`: the middle of each head in pixels of that picture, origin at its top left.
An empty list says that nobody is there; without the file nobody looked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

SUFFIX: Final = ".points.json"
PICTURE_SUFFIXES: Final = (".png", ".jpg", ".jpeg")
MOST_POINTS: Final = 10_000
LEAST_FRAMES: Final = 10
"""Fewer marked frames give a head that knows them and nothing else; 20 to 50 are meant. [E]"""
LEAST_HEADS: Final = 30
"""Fewer heads in all teach nothing. [E]"""

Floats = NDArray[np.float64]


class MarksUnusable(ValueError):
    """Marks that nothing can be fitted to; the message names the file and what to do."""


class Points(Struct, frozen=True):
    """The file. Other keys are left be."""

    points_px: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Marked:
    """One marked picture. `points_px`: (n, 2) x, y."""

    picture: Path
    points_px: Floats

    @property
    def name(self) -> str:
        return self.picture.stem


def points_path(picture: Path) -> Path:
    """Where a picture's points are kept."""
    return picture.with_name(picture.stem + SUFFIX)


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder by name. Raises MarksUnusable where there are none, or two share a name."""
    if not folder.is_dir():
        raise MarksUnusable(f"folder {folder}: is not there; give the folder that holds pictures and points")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise MarksUnusable(f"folder {folder}: holds no {', '.join(PICTURE_SUFFIXES)} picture")
    stems = [path.stem for path in found]
    for one, other in pairwise(found):
        if stems.count(one.stem) > 1:
            raise MarksUnusable(
                f"folder {folder}: {one.name} and {other.name} would share their points; rename one"
            )
    return found


def read_points(path: Path) -> Floats:
    """(n, 2) pixels. Raises MarksUnusable."""
    try:
        points = msgspec.json.decode(path.read_bytes(), type=Points).points_px
    except (OSError, msgspec.DecodeError) as wrong:
        raise MarksUnusable(
            f'{path}: cannot be read: {wrong}; it must be {{"points_px": [[x, y], ...]}}'
        ) from None
    return checked(points, str(path))


def checked(points: list[tuple[float, float]], what: str) -> Floats:
    """The points as (n, 2). Raises MarksUnusable where they are too many or no numbers."""
    if len(points) > MOST_POINTS:
        raise MarksUnusable(f"{what}: {len(points)} points; at most {MOST_POINTS} are taken")
    if not all(math.isfinite(x) and math.isfinite(y) for x, y in points):
        raise MarksUnusable(f"{what}: holds a point that is no number")
    return np.asarray(points, np.float64).reshape(-1, 2)


def write_points(path: Path, points_px: Floats) -> None:
    """Whole or not at all, for the owner's eyes only."""
    half = path.with_name(f".{path.name}.half")
    half.touch(mode=0o600)
    half.write_bytes(msgspec.json.encode({"points_px": np.round(points_px, 1).tolist()}))
    half.replace(path)


def marked_in(folder: Path, done: set[str] | None = None) -> list[Marked]:
    """The marked pictures of a folder by name; `done`: only those named. Raises MarksUnusable."""
    return [
        Marked(picture, read_points(points_path(picture)))
        for picture in pictures_in(folder)
        if points_path(picture).is_file() and (done is None or picture.stem in done)
    ]


def enough(marked: list[Marked], folder: Path) -> None:
    """Raises MarksUnusable where there is too little to fit a head to."""
    if len(marked) < LEAST_FRAMES:
        raise MarksUnusable(
            f"folder {folder}: {len(marked)} marked frames; at least {LEAST_FRAMES} are needed and 20 to 50 are meant; "
            "mark more with `esplanade-models calibrate mark`"
        )
    heads = sum(len(one.points_px) for one in marked)
    if heads == 0:
        raise MarksUnusable(
            f"folder {folder}: not one head is marked in {len(marked)} frames; choose footage with people in it"
        )
    if heads < LEAST_HEADS:
        raise MarksUnusable(
            f"folder {folder}: {heads} heads in {len(marked)} frames; at least {LEAST_HEADS} are needed: "
            "choose footage with more people in it"
        )


def within(one: Marked, width: int, height: int) -> None:
    """Raises MarksUnusable naming the first point that lies outside its picture."""
    x, y = one.points_px[:, 0], one.points_px[:, 1]
    outside = np.flatnonzero((x < 0) | (y < 0) | (x > width) | (y > height))
    if outside.size:
        px = one.points_px[outside[0]]
        raise MarksUnusable(
            f"{points_path(one.picture)}: point {int(outside[0]) + 1} ({px[0]:g}, {px[1]:g}) lies outside the picture "
            f"of {width} x {height}; points are pixels of that very picture"
        )
