"""`esplanade-models eval pictures FOLDER`: a detector's count on any pictures whose people were marked with points.

Beside each picture NAME.jpg (or .png) lies NAME.points.json: {"points_px": [[x, y], ...]}, one point for each person,
on the head or anywhere on the body, in pixels from the top left. A picture without people has an empty list.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final

import cv2
import msgspec
import numpy as np

from edge.detections import Detections
from edge.detector import Detector, ModelUnreadable
from models.input_size import parsed
from models.manifest import ManifestWrong, UnknownModel
from models.store import ModelMissing, WrongContent

SUFFIXES: Final = (".jpg", ".jpeg", ".png")
COUNT_BANDS: Final = (0, 1, 8, 16, 32, 64, 128, 1_000_000)


class PicturesUnusable(ValueError):
    """A folder or a points file that cannot be used; the message names the file and what to do."""


class Points(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a points file holds."""

    points_px: list[Annotated[tuple[float, float], "x, y"]]


@dataclass(frozen=True, slots=True)
class Counted:
    """One picture: people marked, people found, marks that lie in a found box of their own."""

    path: Path
    marked: int
    found: int
    hit: int


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to a parser."""
    parser.set_defaults(measure=evaluate)
    parser.add_argument("folder", type=Path, help="pictures with a NAME.points.json beside each")
    parser.add_argument("--model", help="name or .onnx file; the manifest's default when left out")
    parser.add_argument("--input-size", type=parsed, metavar="HxW", help="instead of the manifest's")


def evaluate(options: argparse.Namespace) -> int:
    """Measure and print; returns the exit status."""
    try:
        pairs = pictures(options.folder)
        detector = Detector.load(options.model, input_size=options.input_size)
        counted = [_counted(detector, path, points) for path, points in _progress(pairs)]
    except (
        PicturesUnusable,
        ManifestWrong,
        UnknownModel,
        ModelMissing,
        ModelUnreadable,
        WrongContent,
        OSError,
        ValueError,
    ) as wrong:
        print(f"eval: {wrong}", file=sys.stderr)
        return 1
    print(f"{detector.name} ({detector.short_sha256}) on {len(counted)} pictures of {options.folder}")
    print(
        f"{'people marked':<16} {'pictures':>8} {'people':>7} {'MAE':>7} {'bias':>8} {'hit':>6} {'on nobody':>9}"
    )
    for low, high in pairwise(COUNT_BANDS):
        some = [one for one in counted if low <= one.marked < high]
        if some:
            name = (
                "none"
                if high == 1
                else f"{low} and more"
                if high == COUNT_BANDS[-1]
                else f"{low} to {high - 1}"
            )
            print(_row(name, some))
    print(_row("all", counted))
    return 0


def pictures(folder: Path) -> list[tuple[Path, Points]]:
    """Every picture of a folder and its points, by name. Raises PicturesUnusable."""
    if not folder.is_dir():
        raise PicturesUnusable(f"{folder}: no such folder")
    found = []
    for path in sorted(one for one in folder.iterdir() if one.suffix.lower() in SUFFIXES):
        marks = path.with_suffix(".points.json")
        try:
            points = msgspec.json.decode(marks.read_bytes(), type=Points)
        except OSError:
            raise PicturesUnusable(
                f'{marks}: not there; each picture needs one, {{"points_px": []}} where nobody is'
            ) from None
        except msgspec.DecodeError as wrong:
            raise PicturesUnusable(f'{marks}: {wrong}; it must read {{"points_px": [[x, y], ...]}}') from None
        found.append((path, points))
    if not found:
        raise PicturesUnusable(f"{folder}: no picture ({', '.join(SUFFIXES)}) in it")
    return found


def hits(seen: Detections, points: Points) -> int:
    """How many marks lie in a box that no other mark has taken; the strongest boxes choose first, the nearest mark."""
    free = [np.asarray(point) for point in points.points_px]
    count = 0
    for left, top, right, bottom in seen.people().boxes_xyxy.astype(float):
        middle = np.array(((left + right) / 2.0, top + (bottom - top) / 4.0))
        within = [
            (float(np.hypot(*(point - middle))), i)
            for i, point in enumerate(free)
            if left <= point[0] <= right and top <= point[1] <= bottom
        ]
        if within:
            free.pop(min(within)[1])
            count += 1
    return count


def _counted(detector: Detector, path: Path, points: Points) -> Counted:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise PicturesUnusable(f"{path}: cannot be read as a picture")
    height, width = picture.shape[:2]
    for x, y in points.points_px:
        if not (0.0 <= x <= width and 0.0 <= y <= height):
            raise PicturesUnusable(
                f"{path.with_suffix('.points.json')}: ({x:g}, {y:g}) lies outside {width} x {height}"
            )
    seen = detector.detect(np.asarray(picture, np.uint8))
    return Counted(path, len(points.points_px), len(seen.people()), hits(seen, points))


def _row(name: str, some: list[Counted]) -> str:
    off = np.array([one.found - one.marked for one in some])
    marked = sum(one.marked for one in some)
    hit = sum(one.hit for one in some)
    share = f"{hit / marked:.2f}" if marked else ""
    alone = sum(one.found - one.hit for one in some)
    return f"{name:<16} {len(some):>8} {marked:>7} {np.abs(off).mean():>7.2f} {off.mean():>+8.2f} {share:>6} {alone:>9}"


def _progress(pairs: list[tuple[Path, Points]]) -> Iterable[tuple[Path, Points]]:
    """The same, with a bar on a terminal."""
    try:
        from tqdm import tqdm
    except ImportError:
        return pairs
    return tqdm(pairs, unit="picture", disable=None)
