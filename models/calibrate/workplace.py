"""The folder a camera is calibrated in: which camera and model it is for, its masked pictures, what is marked.

FOLDER/              readable by its owner only
  calibration.json   site, camera, calibration, model, input size; another camera or model is refused
  taken.json         the recording that the pictures come from, and how many were asked for
  done.json          names of the pictures that the operator has finished
  0001.png ...       pictures, masks burned in before they were written
  0001.points.json   marked heads
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from models.calibrate.marks import MarksUnusable

FILE: Final = "calibration.json"
TAKEN: Final = "taken.json"
DONE: Final = "done.json"
MODE: Final = 0o700

T = TypeVar("T")


class Purpose(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the folder was begun for. `input_px`: (height, width) that the picture is fitted into."""

    site: str
    camera: str
    calibration: str
    model: str
    input_px: tuple[int, int]


class Taken(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What pictures are chosen from, and how many: another choice would mix with the one that is there."""

    footage: str
    frames: int


@dataclass(frozen=True, slots=True)
class Workplace:
    """An existing folder and its purpose."""

    folder: Path
    purpose: Purpose

    def done(self) -> set[str]:
        """Names of finished pictures."""
        path = self.folder / DONE
        return set(_read(path, list[str])) if path.is_file() else set()

    def finish(self, names: Iterable[str]) -> None:
        """Keeps the names of finished pictures, in place of those kept before."""
        _write(self.folder / DONE, sorted(names))

    def take_from(self, taken: Taken) -> None:
        """Notes what pictures are chosen from. Raises MarksUnusable where the folder's come from elsewhere."""
        path = self.folder / TAKEN
        if path.is_file():
            before = _read(path, Taken)
            if before != taken:
                raise MarksUnusable(
                    f"folder {self.folder}: its pictures are {before.frames} of {before.footage}; go on with that, "
                    "or take another folder"
                )
        elif any(self.folder.glob("*.png")):
            raise MarksUnusable(
                f"folder {self.folder}: holds pictures of another source; take another folder"
            )
        else:
            _write(path, taken)


def begun(folder: Path, purpose: Purpose) -> Workplace:
    """The folder, made where it is not there. Raises MarksUnusable where it is for something else or open to others."""
    if (folder / FILE).is_file():
        place = existing(folder)
        if place.purpose != purpose:
            raise MarksUnusable(
                f"folder {folder}: was begun for {_said(place.purpose)}; this is {_said(purpose)}; take another folder"
            )
        return place
    if folder.is_dir() and any(folder.iterdir()):
        raise MarksUnusable(f"folder {folder}: holds other things; give a new or empty folder")
    folder.mkdir(mode=MODE, parents=True, exist_ok=True)
    folder.chmod(MODE)
    _write(folder / FILE, purpose)
    return Workplace(folder, purpose)


def existing(folder: Path) -> Workplace:
    """Raises MarksUnusable where the folder is none of ours, or others can read it."""
    path = folder / FILE
    if not path.is_file():
        raise MarksUnusable(
            f"folder {folder}: holds no {FILE}; begin with `esplanade-models calibrate frames`"
        )
    if folder.stat().st_mode & 0o077:
        raise MarksUnusable(f"folder {folder}: others can read it; chmod 700 {folder}")
    return Workplace(folder, _read(path, Purpose))


def _said(purpose: Purpose) -> str:
    height, width = purpose.input_px
    return (
        f"camera {purpose.site}/{purpose.camera} (calibration {purpose.calibration}), model {purpose.model} at "
        f"{height}x{width}"
    )


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as wrong:
        raise MarksUnusable(f"{path}: cannot be read: {wrong}; delete it and begin again") from None


def _write(path: Path, value: object) -> None:
    half = path.with_name(f".{path.name}.half")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(value))
    half.replace(path)
