"""`esplanade-models eval scenes FOLDER`: rendered stories through edge and hub, held against their truth."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge.combined_file import DensityRefused
from edge.detector import Detector, ModelUnreadable
from edge.ground import GroundUnusable
from edge.map_ground import HeadsUnseen
from models.density.errors import ErrorsUnusable
from models.eval.judgement import HubFailed
from models.eval.recording import cache_home
from models.eval.report import NoMarks, report, written
from models.eval.scenes import Say, scored, ways, with_map
from models.eval.story_folder import StoryUnreadable, stories
from models.eval.story_scores import StoryScore
from models.manifest import ManifestWrong, UnknownModel
from models.store import ModelMissing, WrongContent

EXPECTED = (
    StoryUnreadable,
    DensityRefused,
    ErrorsUnusable,
    HeadsUnseen,
    HubFailed,
    GroundUnusable,
    NoMarks,
    ManifestWrong,
    UnknownModel,
    ModelMissing,
    ModelUnreadable,
    WrongContent,
    OSError,
    ValueError,
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to a parser."""
    parser.set_defaults(measure=evaluate)
    parser.add_argument("folder", type=Path, help="what `python -m models.scenes all --out FOLDER` wrote")
    parser.add_argument(
        "--story", action="append", default=[], help="only this story; may be given several times"
    )
    parser.add_argument(
        "--every", type=_count, default=1, metavar="N", help="only every Nth frame, for a quick look"
    )
    parser.add_argument("--model", help="name or .onnx file; the manifest's default when left out")
    parser.add_argument(
        "--density",
        metavar="FILE|general",
        help="with a people map, instead of the detector alone: a file of `calibrate`, which serves its own camera, "
        "or the general head; give --story",
    )
    parser.add_argument("--labels-only", action="store_true", help="only the perfect detector: labels fed in")
    parser.add_argument("--detector-only", action="store_true", help="only the detector, not the labels")
    parser.add_argument(
        "--cache", type=Path, default=None, help="where what was done is kept; a stop loses little"
    )
    parser.add_argument(
        "--write", type=Path, metavar="ACCURACY.md", help="also write the tables between their marks"
    )


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def evaluate(options: argparse.Namespace) -> int:
    """Measure and print; returns the exit status."""
    if options.labels_only and (options.detector_only or options.density):
        other = "--detector-only" if options.detector_only else "--density"
        print(f"eval: --labels-only and {other} leave nothing to do", file=sys.stderr)
        return 2
    try:
        told = stories(options.folder, options.story)
        alone = not options.labels_only and options.density is None
        mapped = with_map(options.density, options.model) if options.density is not None else None
        detector = Detector.load(options.model) if alone else None
        looked = ways(detector, perfect=not options.detector_only, mapped=mapped)
        found: list[StoryScore] = []
        cache = options.cache or cache_home()
        with _Bar(len(told) * len(looked)) as bar:
            for one in scored(told, looked, cache, every=options.every, say=bar.frames):
                found.append(one)
                bar.done(f"{one.story}, {one.way}")
        text = report(found)
        print(text)
        if options.write is not None:
            written(options.write, text)
    except KeyboardInterrupt:
        print("eval: stopped; run it again and it goes on where it was", file=sys.stderr)
        return 130
    except EXPECTED as wrong:
        print(f"eval: {wrong}", file=sys.stderr)
        return 1
    return 0


class _Bar:
    """Progress on a terminal, silence elsewhere."""

    def __init__(self, runs: int) -> None:
        self._runs = runs

    def __enter__(self) -> _Bar:
        try:
            from tqdm import tqdm
        except ImportError:
            self._bar = None
        else:
            self._bar = tqdm(total=self._runs, unit="run", disable=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    @property
    def frames(self) -> Say:
        return self._frames

    def _frames(self, what: str, done: int, of: int) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(f"{what} {done}/{of}")

    def done(self, what: str) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(what)
            self._bar.update()
