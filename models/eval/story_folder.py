"""A rendered story on disk (docs/scenes.md): its site, its cameras, what is true in each frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from contract.instants import to_ms
from contract.site_file import SharedSite, read_shared
from contract.yaml_file import FileError
from models.scenes.truth import FrameTruth, WorldTruth, read_frames, read_world

TRUE_SITE: Final = "site.yaml"
CLICKED_SITE: Final = "site-clicks.yaml"
_Line = TypeVar("_Line", FrameTruth, WorldTruth)


class StoryUnreadable(ValueError):
    """A folder that holds no rendered story, or half of one; the message names the file and what to do."""


class _Made(msgspec.Struct, frozen=True):
    """What is read of story.json."""

    story: str
    title: str
    recipe: str


@dataclass(frozen=True, slots=True)
class StoryFolder:
    """One rendered story. `recipe`: hash of what it was made from."""

    path: Path
    name: str
    title: str
    recipe: str
    cameras: tuple[str, ...]

    def site_file(self, *, clicked: bool = False) -> Path:
        return self.path / (CLICKED_SITE if clicked else TRUE_SITE)

    def site(self, *, clicked: bool = False) -> SharedSite:
        """The shared part of the site file: exact calibration, or as clicked by hand. Raises StoryUnreadable."""
        try:
            return read_shared(self.site_file(clicked=clicked))
        except (FileError, OSError) as wrong:
            raise StoryUnreadable(f"story {self.name}: {wrong}") from None

    def frames(self, camera: str) -> tuple[FrameTruth, ...]:
        """Every frame of one camera, in order. Raises StoryUnreadable."""
        return _read(self.path / camera / "truth.jsonl", read_frames)

    def world(self) -> tuple[WorldTruth, ...]:
        """Every instant of the whole place, in order. Raises StoryUnreadable."""
        return _read(self.path / "world.jsonl", read_world)

    def picture(self, camera: str, frame: int) -> Path:
        return self.path / camera / "pictures" / f"{frame:06d}.jpg"


def story_folder(path: Path) -> StoryFolder:
    """The story in a folder. Raises StoryUnreadable."""
    told = path / "story.json"
    try:
        made = msgspec.json.decode(told.read_bytes(), type=_Made)
    except OSError as wrong:
        raise StoryUnreadable(
            f"{told}: {wrong.strerror}; render it with `python -m models.scenes render`"
        ) from None
    except (msgspec.ValidationError, msgspec.DecodeError) as wrong:
        raise StoryUnreadable(f"{told}: {wrong}; render the story again") from None
    cameras = tuple(sorted(one.parent.name for one in path.glob("*/truth.jsonl")))
    if not cameras:
        raise StoryUnreadable(f"{path}: no camera's truth.jsonl; the rendering was stopped, run it again")
    for needed in (TRUE_SITE, CLICKED_SITE, "world.jsonl"):
        if not (path / needed).is_file():
            raise StoryUnreadable(f"{path / needed}: not there; the rendering was stopped, run it again")
    return StoryFolder(path, made.story, made.title, made.recipe, cameras)


def stories(folder: Path, wanted: Sequence[str] = ()) -> tuple[StoryFolder, ...]:
    """The stories of a folder by name; only the `wanted` ones when any are named. Raises StoryUnreadable."""
    if not folder.is_dir():
        raise StoryUnreadable(
            f"{folder}: no such folder; render one with `python -m models.scenes all --out {folder}`"
        )
    there = sorted(one.parent.name for one in folder.glob("*/story.json"))
    if not there:
        raise StoryUnreadable(
            f"{folder}: no rendered story in it; `python -m models.scenes all --out {folder}`"
        )
    missing = [name for name in wanted if name not in there]
    if missing:
        raise StoryUnreadable(f"{folder}: no story {missing[0]}; there are {', '.join(there)}")
    return tuple(story_folder(folder / name) for name in wanted or there)


def captured_ms(truth: FrameTruth | WorldTruth) -> int:
    return to_ms(truth.captured_at)


def _read(path: Path, read: Callable[[Path], Iterator[_Line]]) -> tuple[_Line, ...]:
    try:
        found = tuple(read(path))
    except OSError as wrong:
        raise StoryUnreadable(f"{path}: {wrong.strerror}; render the story again") from None
    except (msgspec.ValidationError, msgspec.DecodeError) as wrong:
        raise StoryUnreadable(f"{path}: {wrong}; the file is damaged, render the story again") from None
    if not found:
        raise StoryUnreadable(f"{path}: holds no frame; render the story again")
    return found
