"""What a detector saw in every frame of a rendered camera, kept on disk in parts: no frame is looked at twice.

A part holds `PART_FRAMES` frames and is written whole; after an interrupt the parts that are there are read, and work
goes on. The folder's name is a hash of model, thresholds, input size and footage: another model never finds them.
A people map is kept in 16 bits, also in the run that makes it, so that a run that goes on sees the same.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import msgspec
import numpy as np

from edge.detections import Detections, PeopleMap
from edge.detector import Detector
from edge.frame import Picture
from edge.health import PictureHealth
from edge.masks import Masks
from models.eval.story_folder import StoryFolder, StoryUnreadable, captured_ms
from models.scenes.truth import FrameTruth

PART_FRAMES: Final = 50
FORMAT: Final = 1
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Look:
    """One frame: when, whether the picture could be trusted, and what was found in it."""

    captured_ms: int
    usable: bool
    seen: Detections


def cache_home() -> Path:
    """Where recordings are kept unless told otherwise: the user's cache folder (XDG)."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "esplanade" / "eval"


def recorded(
    detector: Detector,
    story: StoryFolder,
    camera: str,
    cache: Path,
    *,
    every: int = 1,
    progress: Progress | None = None,
) -> tuple[Look, ...]:
    """Every `every`th frame of a story's camera as the detector sees it. Raises StoryUnreadable, OSError.

    `progress` is told how many frames more are done, also of those that were kept.
    """
    frames = story.frames(camera)[::every]
    one = story.site().camera(camera)
    size = detector.network_size(one.picture.height, one.picture.width)
    key = {
        "format": FORMAT,
        "model": detector.sha256,
        "thresholds": detector.thresholds.tolist(),
        "size": size,
        "story": story.name,
        "recipe": story.recipe,
        "camera": camera,
        "every": every,
    }
    folder = cache / f"{story.name}-{camera}-{hashlib.sha256(msgspec.json.encode(key)).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    masks = Masks.of(one, one.picture.width, one.picture.height)
    health = PictureHealth()
    looks: list[Look] = []
    for begin in range(0, len(frames), PART_FRAMES):
        part = frames[begin : begin + PART_FRAMES]
        path = folder / f"{begin:06d}.npz"
        kept = _read_part(path, len(part))
        if kept is None:
            _remember(health, masks, story, camera, frames[:begin])
            kept = []
            for truth in part:
                picture = _picture(story, camera, truth)
                masks.burn(picture)
                usable = health.observe(picture, captured_ms(truth)).usable
                kept.append(Look(captured_ms(truth), usable, _compact(detector.detect(picture))))
                if progress is not None:
                    progress(1)
            _write_part(path, kept)
        elif progress is not None:
            progress(len(part))
        looks += kept
    return tuple(looks)


def _remember(
    health: PictureHealth, masks: Masks, story: StoryFolder, camera: str, before: Sequence[FrameTruth]
) -> None:
    """After an interrupt, shows a fresh judge of pictures those that were looked at before."""
    if health.judgement is not None:
        return
    for truth in before:
        picture = _picture(story, camera, truth)
        masks.burn(picture)
        health.observe(picture, captured_ms(truth))


def _picture(story: StoryFolder, camera: str, truth: FrameTruth) -> Picture:
    path = story.picture(camera, truth.frame)
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise StoryUnreadable(f"{path}: not there or no picture; render the story again")
    return np.asarray(picture, np.uint8)


def _compact(seen: Detections) -> Detections:
    if seen.people_map is None:
        return seen
    whole = seen.people_map
    people = whole.people.astype(np.float16).astype(np.float32)
    return replace(seen, people_map=replace(whole, people=people))


def _write_part(path: Path, looks: Sequence[Look]) -> None:
    maps = [one.seen.people_map for one in looks if one.seen.people_map is not None]
    whole: dict[str, Any] = {}
    if maps:
        whole["maps"] = np.stack([one.people.astype(np.float16) for one in maps])
        whole["cells_px"] = np.array([(one.across_px, one.down_px) for one in maps], np.float64)
    half = path.with_suffix(f".{os.getpid()}.half")
    with half.open("wb") as file:
        np.savez_compressed(
            file,
            captured_ms=np.array([one.captured_ms for one in looks], np.int64),
            usable=np.array([one.usable for one in looks]),
            counts=np.array([len(one.seen) for one in looks], np.int64),
            boxes=np.concatenate([one.seen.boxes_xyxy for one in looks]),
            scores=np.concatenate([one.seen.scores for one in looks]),
            kinds=np.concatenate([one.seen.kinds for one in looks]),
            **whole,
        )
    half.replace(path)


def _read_part(path: Path, frames: int) -> list[Look] | None:
    """None where it is not there, or is not whole."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as kept:
            times, usable, counts = kept["captured_ms"], kept["usable"], kept["counts"]
            boxes, scores, kinds = kept["boxes"], kept["scores"], kept["kinds"]
            maps: list[PeopleMap | None] = [None] * frames
            if "maps" in kept:
                people = kept["maps"].astype(np.float32)
                maps = [
                    PeopleMap(one, float(px[0]), float(px[1]), spread_known=True)
                    for one, px in zip(people, kept["cells_px"], strict=True)
                ]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    if len(times) != frames or len(maps) != frames:
        return None
    ends = np.cumsum(counts)
    return [
        Look(int(times[i]), bool(usable[i]), Detections(boxes[a:b], scores[a:b], kinds[a:b], maps[i]))
        for i, (a, b) in enumerate(zip(ends - counts, ends, strict=True))
    ]
