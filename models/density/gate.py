"""`python -m models.density.gate`: may the general head become a default? Measured, printed, written down.

1. People found on people-free real pictures kept apart from training: fewer than 5 on each.
2. People counted on vtest.avi against hand labels: no worse than the detector.
3. Error by density band on the rendered stories, none of which was trained on.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import cv2
import msgspec
import numpy as np

from edge.detector import Detector
from models.density import assemble, head, negatives
from models.density.patches import BANDS_PER_M2, Errors, Patches
from models.density.progress import Bar
from models.density.taps import taps_of
from models.eval import footage, labels
from models.eval.__main__ import LABELS
from models.manifest import manifest
from models.scenes import true_site
from models.scenes.story import names, read_story
from models.scenes.truth import read_frames
from models.store import located

MOST_FALSE: Final = 5.0
BEGIN, END = "<!-- density gate: begin -->", "<!-- density gate: end -->"
HEAD_SHARE: Final = 0.07
"""A head's middle lies so far below a box's top, as a share of its height. [E]"""


@dataclass(frozen=True, slots=True)
class OnEmpty:
    """One people-free picture: what it shows, people the map finds, people the detector finds."""

    shows: str
    found: float
    boxes: int


@dataclass(frozen=True, slots=True)
class OnVtest:
    """Mean absolute error and bias in people a frame, of the map and of the detector, on one half of the frames."""

    frames: int
    mae: float
    bias: float
    detector_mae: float
    detector_bias: float


class Judge:
    """Runs one assembled head at the detector's default input size."""

    def __init__(self, one: head.Head) -> None:
        model = manifest().named(one.about.backbone)
        content = assemble.assembled(located(model).read_bytes(), one, taps_of(model))
        self.detector = Detector(model, content)
        self._input: str = self.detector.session.get_inputs()[0].name

    def density(self, picture: Any) -> Any:
        """People per cell (rows, columns)."""
        tensor, _, _ = self.detector.tensor(picture)
        return self.detector.session.run([assemble.OUTPUT], {self._input: tensor})[0][0, 0]

    def empties(self, folder: Path) -> list[OnEmpty]:
        """Every picture of the table's gate part that is there."""
        found = []
        for one, picture in negatives.pictures(folder, "gate"):
            boxes = len(self.detector.detect(picture).people())
            found.append(OnEmpty(one.shows, float(self.density(picture).sum()), boxes))
        return found

    def vtest(self, path: Path, frames: dict[int, labels.Frame]) -> OnVtest:
        """Against hand labels."""
        errors, boxes = [], []
        for number, picture in footage.pictures(path, frames):
            people = len(frames[number].people)
            errors.append(float(self.density(picture).sum()) - people)
            boxes.append(len(self.detector.detect(picture).people()) - people)
        return OnVtest(
            len(errors),
            float(np.mean(np.abs(errors))),
            float(np.mean(errors)),
            float(np.mean(np.abs(boxes))),
            float(np.mean(boxes)),
        )

    def scenes(self, folder: Path, every: int, first: int) -> tuple[Errors, Errors]:
        """Patches of the rendered stories' frames `first`, `first` + `every` ...: of the map, and of the detector."""
        ours, theirs = [], []
        cameras = [(name, camera) for name in names() for camera in read_story(name)[0].cameras]
        bar = Bar("stories")
        for done, (name, camera) in enumerate(cameras):
            truth = folder / name / camera / "truth.jsonl"
            if not truth.is_file():
                raise ValueError(f"gate: {truth} is not there; python -m models.scenes all --out {folder}")
            view = true_site.view_of(read_story(name)[1].cameras[camera])
            patches = Patches.seen_by(view, self.detector.network_size(view.height, view.width))
            for frame in read_frames(truth):
                if frame.frame % every != first or frame.picture != "good":
                    continue
                picture = cv2.imread(str(truth.parent / "pictures" / f"{frame.frame:06d}.jpg"))
                if picture is None:
                    raise ValueError(
                        f"gate: picture {frame.frame} of {truth.parent} is not there; render it again"
                    )
                true = _true(patches, frame.people)
                ours.append(Errors(patches.of_map(self.density(picture)), true, patches.area_m2))
                boxes = self.detector.detect(np.asarray(picture, np.uint8)).people().boxes_xyxy
                heads = np.stack(
                    [(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 1] + HEAD_SHARE * (boxes[:, 3] - boxes[:, 1])],
                    axis=1,
                )
                theirs.append(Errors(patches.of_points(heads)[0], true, patches.area_m2))
            bar(done + 1, len(cameras))
        return Errors.joined(ours), Errors.joined(theirs)


def _true(patches: Patches, people: list[Any]) -> Any:
    """Heads per patch. Somebody wholly hidden counts where at least half of the people around them are seen."""
    points = np.array([one.head_px for one in people]).reshape(-1, 2)
    everyone, patch = patches.of_points(points)
    seen = np.array([one.visible > 0.0 for one in people], bool)
    shown = np.bincount(patch[(patch >= 0) & seen], minlength=len(everyone))
    return np.where(shown * 2 >= everyone, everyone, shown)


def with_bands(one: head.Head, errors: Errors) -> head.Head:
    """The head with its measured error bands."""
    bands = tuple(errors.band(low, high)[0] for low, high in pairwise(BANDS_PER_M2))
    return replace(one, about=msgspec.structs.replace(one.about, bands=bands))


def report(name: str, empties: list[OnEmpty], vtest: dict[str, OnVtest], ours: Errors, theirs: Errors) -> str:
    """The section of docs/accuracy.md, in Markdown."""
    worst = max((one.found for one in empties), default=0.0)
    mean = float(np.mean([one.found for one in empties])) if empties else 0.0
    held = vtest["reported"]
    first, second = worst < MOST_FALSE and bool(empties), held.mae <= held.detector_mae
    lines = [
        f"Head {name}.",
        "Scale and threshold were set on rendered pictures alone; all is at the detector's default input size.",
        "",
        f"**Gate 1, people-free real pictures kept apart ({len(empties)}): {'passed' if first else 'failed'}.** "
        f"Mean {mean:.2f}, worst",
        f"{worst:.2f} people found where nobody is (gate: fewer than {MOST_FALSE:.0f} on each); the detector finds "
        f"{sum(one.boxes for one in empties)} in all.",
        "",
        f"**Gate 2, vtest.avi: {'passed' if second else 'failed'}.** MAE {held.mae:.3f}, bias {held.bias:+.3f} on the "
        f"{held.frames} reported frames; the detector {held.detector_mae:.3f}, bias {held.detector_bias:+.3f}.",
        "",
        f"**So it {'is a candidate for default' if first and second else 'stays experimental and off'}.**",
        "",
        "| picture shows | map | boxes |",
        "|---|---|---|",
    ]
    lines += [
        f"| {one.shows} | {one.found:.2f} | {one.boxes} |" for one in sorted(empties, key=lambda o: -o.found)
    ]
    lines += [
        "",
        "| vtest.avi | map MAE | map bias | detector MAE | detector bias |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {half} | {one.mae:.3f} | {one.bias:+.3f} | {one.detector_mae:.3f} | {one.detector_bias:+.3f} |"
        for half, one in vtest.items()
    ]
    lines += [
        "",
        "Rendered stories, patches of 4 x 4 m at head height. MAE in people per m²; bias, deviation: shares of truth.",
        "",
        "| true per m² | patches | map MAE | map bias | map deviation | detector MAE | detector bias | deviation |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for low, high in pairwise(BANDS_PER_M2):
        mine, error = ours.band(low, high)
        other, their_error = theirs.band(low, high)
        what = f"{low:g} to {high:g}" if high < BANDS_PER_M2[-1] else f"{low:g} and more"
        if mine.n == 0:
            lines.append(f"| {what} | 0 | not seen | | | | | |")
            continue
        lines.append(
            f"| {what} | {mine.n} | {error:.3f} | {mine.bias:+.2f} | {mine.relative_sigma:.2f} | {their_error:.3f} | "
            f"{other.bias:+.2f} | {other.relative_sigma:.2f} |"
        )
    return "\n".join(lines) + "\n"


def put(section: str, path: Path) -> None:
    """Write the section between its two marks. Raises ValueError where they are not there."""
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"gate: {path} has no place for the section; it wants the lines {BEGIN} and {END}")
    before, _, rest = text.partition(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{section}{END}{rest.partition(END)[2]}", encoding="utf-8")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to a parser."""
    parser.add_argument("head", type=Path, help="the .head file that `esplanade-models train` made")
    parser.add_argument("--scenes", type=Path, required=True, help="folder of the rendered stories")
    parser.add_argument("--negatives", type=Path, required=True, help="folder of the people-free pictures")
    parser.add_argument("--footage", type=Path, help="a copy of vtest.avi; found or fetched when left out")
    parser.add_argument("--every", type=int, default=20, help="one frame in so many of each story")
    parser.add_argument(
        "--write", type=Path, metavar="MD", help="put the result into this file, between its marks"
    )
    parser.add_argument("--bands", action="store_true", help="write the measured bands into the head file")


def judge(options: argparse.Namespace) -> int:
    """Measure and print; returns the exit status: 0 however the gate goes, 1 where it can not be measured."""
    try:
        if options.every < 2:
            raise ValueError("gate: --every must be at least 2")
        one = head.read(options.head)
        negatives.fetch(options.negatives, print)
        known = labels.read(LABELS)
        path = footage.checked(options.footage) if options.footage else footage.vtest()
        judging = Judge(one)
        # bands come from other frames than the report
        if options.bands:
            banded, _ = judging.scenes(options.scenes, options.every, options.every // 2)
            one = with_bands(one, banded)
        ours, theirs = judging.scenes(options.scenes, options.every, 0)
        vtest = {
            "tuning": judging.vtest(path, known.tuning()),
            "reported": judging.vtest(path, known.reporting()),
        }
        section = report(
            f"`{head.sha256_of(one)[:12]}` ({one.about.trained_on})",
            judging.empties(options.negatives),
            vtest,
            ours,
            theirs,
        )
        print(section)
        if options.write:
            put(section, options.write)
        if options.bands:
            head.write(one, options.head)
    except (ValueError, OSError, LookupError) as wrong:
        print(f"{wrong}", file=sys.stderr)
        return 1
    return 0


def main(given: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m models.density.gate", description=__doc__)
    arguments(parser)
    return judge(parser.parse_args(given))


if __name__ == "__main__":
    sys.exit(main())
