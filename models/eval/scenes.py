"""Rendered stories through edge and hub, held against their truth; kept story by story, so that a stop loses little."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import yaml

from contract.messages import ModelRef
from contract.site_file import SharedSite
from edge.combined_file import DensityRefused, opened
from edge.config import DensityChoice, ModelChoice
from edge.detector import Detector
from edge.ground import Ground
from edge.look import look
from models import count_errors
from models.density.errors import Bands, Errors
from models.density.general import general
from models.density.head import sha256_of
from models.eval import due
from models.eval.density_bands import added
from models.eval.judgement import judged
from models.eval.passage import labels, passage
from models.eval.recording import Look, recorded
from models.eval.story_folder import StoryFolder, captured_ms
from models.eval.story_scores import (
    Height,
    LineScore,
    Spread,
    StoryScore,
    VehicleScore,
    Windows,
    box_scores,
    grid_scores,
    line_scores,
    place_scores,
    vehicle_scores,
    zone_scores,
)
from models.manifest import manifest

GENERAL: Final = "general"
"""In place of a file: the general head that comes with the package."""
ROOT: Final = Path(__file__).parents[2]
JUDGES: Final = (
    "contract/**/*.py",
    "edge/**/*.py",
    "hub/**/*.py",
    "models/density/*.py",
    "models/eval/*.py",
    "models/*.toml",
)
"""What decides a score: when it changes, kept scores are not used."""
Say = Callable[[str, int, int], None]
"""Told what is done, how many frames of it, of how many."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of looking: labels, a detector, or one with a people map; with the exact calibration or the clicked one.

    `density`: looked with as the agent would; `model`: its detector's name, where the file does not say it.
    `content`: hash of what `density` means.
    """

    name: str
    detector: Detector | None
    clicked: bool
    density: DensityChoice | None = None
    model: str | None = None
    content: str = ""

    def key(self) -> list[object]:
        if self.density is not None:
            return [self.density.use, self.content, self.model, self.clicked]
        if self.detector is None:
            return ["labels", self.clicked]
        return [self.detector.model.sha256, self.detector.thresholds.tolist(), self.clicked]


@dataclass(frozen=True, slots=True)
class _Eyes:
    """What looks at one camera."""

    detector: Detector
    model: ModelRef
    errors: Errors | Bands | None


def with_map(told: str, model: str | None) -> Way:
    """A detector with a people map: of a combined file, or `GENERAL`. Raises DensityRefused, UnknownModel."""
    if told == GENERAL:
        known = manifest()
        chosen = known.named(model or known.default)
        head = general(chosen)
        if head is None:
            raise DensityRefused(
                f"no general density model comes with the package for {chosen.name}; calibrate"
            )
        choice, name, content = DensityChoice(use="experimental"), chosen.name, sha256_of(head)
    else:
        file = opened(Path(told))
        choice = DensityChoice(use=file.use, file=told, sha256=file.sha256)
        name, content = file.model.name, file.sha256
    return Way(f"{name}+{choice.use}, clicked camera", None, True, choice, model, content)


def ways(detector: Detector | None, *, perfect: bool = True, mapped: Way | None = None) -> tuple[Way, ...]:
    """Labels with the exact and with the clicked camera, then what detects, with the clicked one, as in a town."""
    found = (
        [Way("labels, exact camera", None, False), Way("labels, clicked camera", None, True)]
        if perfect
        else []
    )
    if detector is not None:
        found.append(Way(f"{detector.name}, clicked camera", detector, True))
    if mapped is not None:
        found.append(mapped)
    return tuple(found)


def scored(
    stories: Sequence[StoryFolder],
    looked: Sequence[Way],
    cache: Path,
    *,
    every: int = 1,
    say: Say | None = None,
) -> Iterator[StoryScore]:
    """A score for each story and way.

    Raises StoryUnreadable, HubFailed, GroundUnusable, OSError; DensityRefused, HeadsUnseen with a map that does not
    belong to a camera.
    """
    code = _code_digest()
    for story in stories:
        for way in looked:
            key = msgspec.json.encode([story.name, story.recipe, way.name, way.key(), every, code])
            kept = cache / "scores" / f"{story.name}-{hashlib.sha256(key).hexdigest()[:16]}.json"
            found = _kept(kept)
            if found is None:
                found = score(story, way, cache, every=every, say=say)
                kept.parent.mkdir(parents=True, exist_ok=True)
                half = kept.with_suffix(".half")
                half.write_bytes(msgspec.json.encode(found))
                half.replace(kept)
            yield found


def score(story: StoryFolder, way: Way, cache: Path, *, every: int = 1, say: Say | None = None) -> StoryScore:
    """One story in one way. Raises as `scored` does."""
    site, site_file = story.site(clicked=way.clicked), story.site_file(clicked=way.clicked)
    world = story.world()[::every]
    runs, windows, heights, spreads = [], [], [], []
    vehicles: list[VehicleScore] = []
    lines: list[LineScore] = []
    twice = frames_done = 0
    all_frames = []
    for camera in story.cameras:
        frames = story.frames(camera)[::every]
        eyes = _eyes(way, site, camera)
        looks = labels(frames) if eyes is None else _looks(story, eyes.detector, camera, cache, every, say)
        boot = hashlib.sha256(f"{story.recipe}/{camera}/{way.key()}".encode()).hexdigest()[:20]
        run = passage(
            site,
            camera,
            looks,
            boot=boot,
            model=None if eyes is None else eyes.model,
            errors=None if eyes is None else eyes.errors,
        )
        runs.append(run)
        windows.append(Windows(frames))
        heights.append(box_scores(looks, frames))
        spreads.append(place_scores(run, looks, frames))
        some, doubled = vehicle_scores(run, frames)
        vehicles += some
        twice += doubled
        lines += line_scores(site, world, run.readings, camera)
        frames_done += len(frames)
        all_frames += list(frames)
    grids = [grid_scores(run, true) for run, true in zip(runs, windows, strict=True)]
    with TemporaryDirectory() as folder:
        judgement = judged([one for run in runs for one in run.readings], site_file, Path(folder))
    known = due.truths(world, all_frames, site_file)
    start_ms = captured_ms(world[0]) - round(world[0].t_s * 1000.0)
    polygons = {
        one["id"]: one["polygon"]
        for one in yaml.safe_load(site_file.read_text(encoding="utf-8")).get("zones", ())
    }
    return StoryScore(
        story=story.name,
        way=way.name,
        hours=(captured_ms(world[-1]) - captured_ms(world[0])) / 3_600_000.0,
        frames=frames_done,
        total_true=sum(one[0] for one in grids),
        total_found=sum(one[1] for one in grids),
        cells=added(one[2] for one in grids),
        patches=added(one[3] for one in grids),
        heights=_together(heights),
        distances=_widest(spreads),
        vehicles=tuple(vehicles),
        lines=tuple(lines),
        zones=zone_scores(polygons, runs, windows, judgement.zones),
        twice=twice,
        raised=due.raised(judgement.changes, known, start_ms),
        due=due.due(known),
    )


def _eyes(way: Way, site: SharedSite, camera: str) -> _Eyes | None:
    """None for labels."""
    if way.density is not None:
        ground = Ground(site.camera(camera), site.cell_m)
        found = look(site=site.site, ground=ground, model=ModelChoice(name=way.model), density=way.density)
        return _Eyes(found.boxes, found.model, found.errors)
    if way.detector is None:
        return None
    named = ModelRef(name=way.detector.name, sha256_12=way.detector.short_sha256)
    return _Eyes(way.detector, named, count_errors.of(way.detector.name))


def _looks(
    story: StoryFolder, detector: Detector, camera: str, cache: Path, every: int, say: Say | None
) -> Sequence[Look]:
    frames = story.frames(camera)[::every]
    done = 0

    def more(count: int) -> None:
        nonlocal done
        done += count
        if say is not None:
            say(f"{story.name} {camera}", done, len(frames))

    return recorded(detector, story, camera, cache, every=every, progress=more)


def _together(many: Sequence[tuple[Height, ...]]) -> tuple[Height, ...]:
    return tuple(
        Height(
            labelled=sum(one.labelled for one in same),
            found=sum(one.found for one in same),
            finds=sum(one.finds for one in same),
            right=sum(one.right for one in same),
        )
        for same in zip(*many, strict=True)
    )


def _widest(many: Sequence[tuple[Spread | None, ...]]) -> tuple[Spread | None, ...]:
    """Of several cameras the worse in each band."""
    return tuple(
        max((one for one in same if one is not None), key=lambda one: one.p90_m, default=None)
        for same in zip(*many, strict=True)
    )


def _kept(path: Path) -> StoryScore | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=StoryScore)
    except (OSError, msgspec.DecodeError):
        return None


def _code_digest() -> str:
    whole = hashlib.sha256()
    for pattern in JUDGES:
        for path in sorted(ROOT.glob(pattern)):
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]
