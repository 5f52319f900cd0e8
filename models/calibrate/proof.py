"""How much a calibration on 30 frames brings, on a rendered camera whose truth is known exactly (docs/accuracy.md)."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Final

from edge.detections import Detections, PeopleMap
from edge.ground import Ground
from models.calibrate import choice, refit, report
from models.calibrate.camera import one_camera
from models.calibrate.grids import Counted, Counter, by_true_band, complete
from models.calibrate.marks import MarksUnusable
from models.calibrate.stories import fullest, story_camera
from models.density import assemble, head, layers
from models.eval.story_folder import story_folder
from models.store import located

APART_S: Final = 1.0
"""Held-out footage stays this far from every marked frame. [E]"""
PACKED_PER_M2: Final = 2.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to a parser."""
    parser.add_argument("story", type=Path, help="the folder of a rendered story")
    parser.add_argument("camera")
    parser.add_argument("--model")
    parser.add_argument("--frames", type=int, default=30, help="frames marked")
    parser.add_argument("--most", type=int, default=60, help="held-out frames measured on, at most")
    parser.add_argument(
        "--until", type=float, help="mark frames before this second only, measure on those after"
    )
    parser.add_argument("--steps", type=int, default=refit.STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="a .head file to start from")
    parser.add_argument("--fresh", action="store_true", help="start from random weights")
    parser.add_argument("--save", type=Path, help="keep the fitted head here")
    parser.add_argument(
        "--clicked", action="store_true", help="with the camera as clicked by hand, not the exact one"
    )
    parser.add_argument(
        "--out", type=Path, help="also write the file for the edge agent, for `eval scenes --density`"
    )
    parser.add_argument("--work", type=Path, default=Path(), help="where an interrupted fit is kept")


def run(asked: argparse.Namespace, told: refit.Told) -> int:
    """Prints the numbers; the exit status is 0."""
    story = story_folder(asked.story)
    if asked.camera not in story.cameras:
        raise MarksUnusable(
            f"story {story.name}: no camera {asked.camera}; it has {', '.join(story.cameras)}"
        )
    if asked.out is not None and asked.out.suffix != ".onnx":
        raise MarksUnusable(f"--out {asked.out}: must end in .onnx")
    one = one_camera(story.site(clicked=asked.clicked), asked.camera, asked.model)
    here = story_camera(story, asked.camera)
    width, height = one.camera.picture.width, one.camera.picture.height
    end_s = math.inf if asked.until is None else asked.until
    before = [truth for truth in here.frames if truth.t_s < end_s]
    taken = choice.spread_choice(
        [truth.t_s for truth in before], [len(truth.people) for truth in before], asked.frames
    )
    looked = one.looked()
    features = []
    for i, n in enumerate(taken, 1):
        features.append(looked.features(here.marked(before[n], width, height)))
        told("marked frames read", i, len(taken))
    to_fit, held_out = refit.split(features, choice.held_out(len(features), refit.HELD_OUT_ONE_IN))
    start = refit.start_of(one.model, asked.start, asked.fresh)
    begin = refit.begin(looked, to_fit, start, asked.seed)
    fitted = refit.fitted(
        begin, to_fit, steps=asked.steps, seed=asked.seed, checkpoints=asked.work, told=told
    )
    outcome = refit.finished(
        fitted, looked, site=one.site, trained=to_fit, held_out=held_out, input_px=one.input_px, created_at=""
    )
    if asked.save is not None:
        head.write(outcome.head, asked.save)
    if asked.out is not None:
        content = assemble.assembled(located(one.model).read_bytes(), outcome.head, looked.taps)
        asked.out.write_bytes(content)
    marked_s = [before[n].t_s for n in taken]
    everybody, markable = (max(values) for values in zip(*map(fullest, here.frames), strict=True))
    print(f"fullest 6 x 6 m of the story: {everybody:.2f} people per m2, {markable:.2f} of them to be marked")
    print(f"marked at, s: {', '.join(f'{at_s:g}' for at_s in marked_s)}")
    rest = [
        truth
        for truth in here.frames
        if min(abs(truth.t_s - at_s) for at_s in marked_s) >= APART_S
        and (asked.until is None or truth.t_s >= asked.until)
    ]
    if not rest:
        raise MarksUnusable(f"story {story.name}: no frame is left to measure on; mark fewer")
    rest = rest[:: max(1, math.ceil(len(rest) / asked.most))]
    counter = Counter(looked.ground)
    frames: list[Counted] = []
    for i, truth in enumerate(rest, 1):
        seen = looked.seen(here.marked(truth, width, height))
        cells = layers.density(fitted, seen.near, seen.far)
        boxes = seen.boxes
        found = Detections(
            boxes.boxes_xyxy, boxes.scores, boxes.kinds, PeopleMap(cells, *seen.map_px, spread_known=True)
        )
        frames.append(counter.counted(found, *here.grid(truth, looked.ground)))
        told("held-out frames measured", i, len(rest))
    _print(asked, one.model.name, looked.ground, outcome, frames, sum(len(f.points_px) for f in features))
    return 0


def _print(
    asked: argparse.Namespace,
    model: str,
    ground: Ground,
    outcome: refit.Outcome,
    frames: list[Counted],
    heads: int,
) -> None:
    fitted = len(outcome.head.about.frames)
    print(
        f"\n{asked.story.name}, camera {asked.camera}, {model}, input {outcome.head.about.input_px}, {asked.frames} "
        f"frames marked ({heads} heads; {fitted} fitted to, {asked.frames - fitted} for errors), {asked.steps} steps"
    )
    print(report.counts(frames, outcome.errors, ground))
    print(report.table(frames, outcome.errors, ground))
    print(
        f"cells whose truth lies inside the stated 95 % interval: {report.inside_95(frames, outcome.errors, ground):.1%}"
    )
    for name, grids in (
        ("detector", [(one.boxes, one.true, one.seen) for one in frames]),
        ("fused", [(complete(one, outcome.errors, ground)[0], one.true, one.seen) for one in frames]),
    ):
        packed = [band for band in by_true_band(grids) if band.from_per_m2 >= PACKED_PER_M2]
        patches = sum(band.patches for band in packed)
        if patches:
            mae = sum(band.mae_per_m2 * band.patches for band in packed) / patches
            print(f"above {PACKED_PER_M2:g} per m2, {patches} patches: {name} off by {mae:.3f} per m2")
