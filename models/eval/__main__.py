"""`esplanade-models eval`: how good the numbers are, against hand labels, rendered stories, or your own pictures."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import onnxruntime

from edge.detector import Detector
from models.eval import footage, labels, pictures_command, scenes_command, vtest
from models.input_size import parsed
from models.manifest import ManifestWrong, UnknownModel, manifest
from models.store import ModelMissing, WrongContent

PICTURE_PX: Final = (576, 768)
LABELS: Final = Path(__file__).parents[2] / "tests" / "reference" / "vtest_labels.json"
HEAD: Final = (
    f"{'frames':<20} {'people':>6} {'MAE':>6} {'bias':>6} {'worst':>5} {'AP50':>6} {'prec':>6} {'recall':>6} "
    f"{'ms':>6} {'van low':>7} {'van mid':>7}"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to a parser."""
    sets = parser.add_subparsers(dest="set", required=True, metavar="vtest|scenes|pictures")
    _vtest_arguments(sets.add_parser("vtest", help="vtest.avi with our hand labels"))
    scenes = sets.add_parser("scenes", help="rendered stories with exact truth (docs/scenes.md)")
    scenes_command.arguments(scenes)
    pictures_command.arguments(sets.add_parser("pictures", help="a folder of pictures with points"))


def _vtest_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(measure=evaluate)
    parser.add_argument("--footage", type=Path, help="a copy of vtest.avi; found or fetched when left out")
    parser.add_argument("--labels", type=Path, default=LABELS, help="the hand labels")
    parser.add_argument("--model", action="append", help="name or .onnx file; may be given several times")
    parser.add_argument("--input-size", type=parsed, metavar="HxW", help="instead of the manifest's")
    parser.add_argument(
        "--tuned",
        action="store_true",
        help="the person threshold the tuning frames choose, not the manifest's",
    )
    parser.add_argument(
        "--file",
        type=Path,
        help="this .onnx instead of the model's own, read in the same way: to compare conversions",
    )


def evaluate(options: argparse.Namespace) -> int:
    """Measure and print; returns the exit status."""
    try:
        path = footage.checked(options.footage) if options.footage else footage.vtest()
        known = labels.read(options.labels)
        print(
            f"{platform.machine()}, {os.cpu_count()} cores, onnxruntime {onnxruntime.__version__}, 1 thread"
        )
        for name in options.model or [manifest().default]:
            _one(name, known, path, options)
    except (footage.FootageMissing, labels.LabelsWrong, ManifestWrong, UnknownModel) as wrong:
        return _complain(wrong)
    except (ModelMissing, WrongContent, OSError, ValueError) as wrong:
        return _complain(wrong)
    return 0


def _complain(wrong: Exception) -> int:
    print(f"eval: {wrong}", file=sys.stderr)
    return 1


def _one(name: str, known: labels.Labels, path: Path, options: argparse.Namespace) -> None:
    detector = Detector.load(
        name,
        input_size=options.input_size,
        person_threshold=vtest.LOWEST_SCORE,
        vehicle_threshold=vtest.LOWEST_SCORE,
    )
    if options.file:
        detector = Detector(
            detector.model,
            options.file.read_bytes(),
            input_size=options.input_size,
            person_threshold=vtest.LOWEST_SCORE,
            vehicle_threshold=vtest.LOWEST_SCORE,
        )
    threshold = None if options.tuned else detector.model.decode.person_threshold
    tuning, reporting, tuned = vtest.measured(known, path, detector, threshold)
    height, width = detector.network_size(*PICTURE_PX)
    what = f"{name} read from {options.file}" if options.file else f"{name} ({detector.short_sha256})"
    print(f"\n{what}, input {height}x{width}")
    print(f"person threshold {tuning.threshold:.2f} (the tuning frames choose {tuned:.2f})")
    print(HEAD)
    for what, of in (("tuning (0, 26 ...)", tuning), ("reported (13, 39 ...)", reporting)):
        print(
            f"{what:<20} {of.people:>6} {of.count.mean_absolute:>6.3f} {of.count.bias:>+6.3f} {of.count.worst:>5} "
            f"{of.average_precision:>6.3f} {of.precision:>6.3f} {of.recall:>6.3f} {of.frame_ms:>6.1f} "
            f"{of.van_lowest:>7.2f} {of.van_median:>7.2f}"
        )


def main(given: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="esplanade-models eval", description=__doc__)
    arguments(parser)
    options = parser.parse_args(given)
    measure: Callable[[argparse.Namespace], int] = options.measure
    return measure(options)


if __name__ == "__main__":
    sys.exit(main())
