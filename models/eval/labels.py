"""Hand labels: who was seen in which frame, and which half of the frames a number was tuned on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

STEP: Final = 13
"""Every 13th frame is labelled."""


class LabelsWrong(ValueError):
    """The label file can not be used; the message names the file and the key."""


class Footage(msgspec.Struct, frozen=True):
    """The footage the labels belong to."""

    name: str
    sha256: str


class Person(msgspec.Struct, frozen=True):
    """A box [left, top, right, bottom] in pixels around what is visible of somebody."""

    box: tuple[float, float, float, float]
    occluded: bool = False


class Frame(msgspec.Struct, frozen=True):
    """`people` count; `unsure` could not be decided by eye and count neither for nor against."""

    people: tuple[Person, ...]
    unsure: tuple[Person, ...] = ()


class Labels(msgspec.Struct, frozen=True):
    """All labelled frames by number."""

    footage: Footage
    rule: str
    frames: dict[int, Frame]

    def tuning(self) -> dict[int, Frame]:
        """Frames 0, 26, 52 ...: thresholds and choices are made on these."""
        return {number: frame for number, frame in self.frames.items() if number // STEP % 2 == 0}

    def reporting(self) -> dict[int, Frame]:
        """Frames 13, 39, 65 ...: nothing is chosen on these, numbers are reported on them."""
        return {number: frame for number, frame in self.frames.items() if number // STEP % 2 == 1}


def read(path: Path) -> Labels:
    """Read a label file. Raises `LabelsWrong`, `OSError`."""
    try:
        labels = msgspec.json.decode(path.read_bytes(), type=Labels)
    except msgspec.ValidationError as wrong:
        raise LabelsWrong(f"labels {path}: {wrong}") from wrong
    strange = [number for number in labels.frames if number % STEP]
    if strange:
        raise LabelsWrong(f"labels {path}: frame {strange[0]} is not a multiple of {STEP}")
    return labels
