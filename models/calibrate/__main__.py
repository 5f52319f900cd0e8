"""`esplanade-models calibrate`: frames of one camera, heads marked in them, a density model fitted and bound to it."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from contract.site_file import read_shared
from contract.yaml_file import FileError
from edge.combined_file import DensityRefused
from edge.detector import ModelUnreadable
from edge.external_map import ExternalMap, WithExternalMap
from edge.footage import FootageUnusable
from edge.ground import GroundUnusable
from edge.map_ground import HeadsUnseen
from models.calibrate import choice, marks, outside, proof, reach, refit, report
from models.calibrate.camera import OneCamera, one_camera, read_camera
from models.calibrate.frames import (
    STREAMS,
    masked,
    recording,
    stream_frames,
    write_picture,
)
from models.calibrate.grids import errors_of
from models.calibrate.marking import Marking, MarkingServer, still_to_do
from models.calibrate.marks import LEAST_FRAMES, Marked, MarksUnusable
from models.calibrate.workplace import Taken, Workplace, begun, existing
from models.density import assemble, head
from models.density.errors import ErrorsUnusable, to_text
from models.density.fit import FitWrong
from models.density.head import HeadWrong
from models.density.taps import NoTaps
from models.eval.story_folder import StoryUnreadable
from models.input_size import parsed
from models.manifest import UnknownModel
from models.store import ModelMissing, WrongContent, located, sha256_of

TOLD: Final = (
    DensityRefused,
    ErrorsUnusable,
    FileError,
    FitWrong,
    FootageUnusable,
    GroundUnusable,
    HeadWrong,
    HeadsUnseen,
    MarksUnusable,
    ModelMissing,
    ModelUnreadable,
    NoTaps,
    StoryUnreadable,
    UnknownModel,
    WrongContent,
    OSError,
)
FRAMES_MEANT: Final = (20, 50)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="esplanade-models calibrate", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    taking = commands.add_parser(
        "frames", help="1. take frames of the camera, masks burned in, into a new folder"
    )
    taking.add_argument("footage", help="a video, a folder of pictures, or an rtsp:// address")
    _camera_arguments(taking)
    taking.add_argument("--out", type=Path, required=True, help="the folder to work in; only you can read it")
    taking.add_argument("--frames", type=int, default=30, help="how many, 20 to 50 are meant (default 30)")
    taking.add_argument("--every", type=float, default=60.0, help="rtsp: seconds between frames (default 60)")

    marking = commands.add_parser("mark", help="2. mark heads in them, on a page that only this machine sees")
    marking.add_argument("folder", type=Path)
    marking.add_argument("--port", type=int, default=0, help="a fixed port instead of a free one")

    fitting = commands.add_parser("fit", help="3. fit the density model and measure it on frames kept apart")
    fitting.add_argument("folder", type=Path, nargs="?", help="the folder of steps 1 and 2")
    fitting.add_argument(
        "--points", type=Path, help="instead: a folder of pictures with NAME.points.json beside them"
    )
    _camera_arguments(fitting)
    fitting.add_argument("--out", type=Path, required=True, help="the file for the edge agent, NAME.onnx")
    fitting.add_argument("--start", type=Path, help="a .head file to start from instead of the general head")
    fitting.add_argument("--fresh", action="store_true", help="start from random weights")
    fitting.add_argument("--steps", type=int, default=refit.STEPS)
    fitting.add_argument("--seed", type=int, default=0)

    measuring = commands.add_parser(
        "measure", help="the errors of an external density network on marked frames, for the agent's file"
    )
    measuring.add_argument("folder", type=Path, nargs="?", help="the folder of steps 1 and 2")
    measuring.add_argument("--points", type=Path, help="instead: a folder of pictures with NAME.points.json")
    _camera_arguments(measuring)
    measuring.add_argument("--external", type=Path, required=True, help="the network's .onnx file")
    measuring.add_argument(
        "--external-size", type=parsed, metavar="HxW", help="that the picture is fitted into for it"
    )
    measuring.add_argument("--out", type=Path, required=True, help="the file of errors, NAME.json")

    proving = commands.add_parser(
        "proof", help="the same on a rendered camera, whose truth is known (docs/accuracy.md)"
    )
    proof.arguments(proving)
    return parser


def _camera_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", type=Path, required=True, help="the site file")
    parser.add_argument("--camera", required=True, help="the camera's id in it")
    parser.add_argument("--model", help="the detector to build on (default: the manifest's)")
    parser.add_argument(
        "--input-size", type=parsed, metavar="HxW", help="instead of what the calibration asks for"
    )


def _frames(asked: argparse.Namespace) -> int:
    if not LEAST_FRAMES <= asked.frames <= 500:
        raise MarksUnusable(f"--frames {asked.frames}: take {LEAST_FRAMES} to 500; 20 to 50 are meant")
    one = read_camera(asked.site, asked.camera, asked.model, asked.input_size)
    place = begun(asked.out, one.purpose)
    if asked.footage.startswith(STREAMS):
        _from_stream(asked, one, place)
    else:
        _from_recording(asked, one, place)
    print(
        f"\nmasked pictures are in {place.folder}; now mark heads: esplanade-models calibrate mark {place.folder}"
    )
    return 0


def _from_stream(asked: argparse.Namespace, one: OneCamera, place: Workplace) -> None:
    there = [int(path.stem) for path in place.folder.glob("[0-9]*.png") if path.stem.isdecimal()]
    if there:
        print(f"{len(there)} frames are there; going on")
    frames = stream_frames(
        asked.footage, one.camera, every_s=asked.every, wanted=max(0, asked.frames - len(there))
    )
    # A number is never used twice: marks of a picture that was deleted must not be taken for another's.
    for i, picture in enumerate(frames, 1):
        name = f"{max(there, default=0) + i:04d}.png"
        write_picture(place.folder / name, masked(picture, one.camera, "stream"))
        _told("frames taken", len(there) + i, asked.frames)


def _from_recording(asked: argparse.Namespace, one: OneCamera, place: Workplace) -> None:
    source = recording(Path(asked.footage), asked.frames)
    place.take_from(Taken(footage=str(source.path.resolve()), frames=asked.frames))
    detector = one.detector()
    different: list[int] = []
    people: list[int] = []
    before = None
    for i, picture in enumerate(source.frames(range(len(source.at_s)))):
        masked(picture, one.camera, f"footage {asked.footage}")
        # The same picture twice could be fitted to and held out.
        if before is None or not np.array_equal(picture, before):
            different.append(i)
            people.append(len(detector.detect(picture).people()))
        before = picture
        _told("frames looked at", i + 1, len(source.at_s))
    chosen = choice.spread_choice([source.at_s[i] for i in different], people, asked.frames)
    wanted = [different[k] for k in chosen]
    print(f"\n{len(wanted)} of them chosen, spread over time and fullness")
    if len(wanted) < asked.frames:
        print(f"footage {asked.footage} holds no more that differ; {asked.frames} were asked for")
    missing = [(n, i) for n, i in enumerate(wanted, 1) if not (place.folder / f"{n:04d}.png").is_file()]
    for (n, _), picture in zip(missing, source.frames([i for _, i in missing]), strict=True):
        write_picture(place.folder / f"{n:04d}.png", masked(picture, one.camera, f"footage {asked.footage}"))
        _told("frames written", n, len(wanted))


def _mark(asked: argparse.Namespace) -> int:
    marking = Marking(existing(asked.folder))
    with MarkingServer(marking, asked.port) as server:
        print(f"open this address once, in a browser on this machine:\n\n  {server.address}\n")
        print("every click is saved; end with Ctrl-C and start again to go on later", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    frames = marking.frames()
    left = still_to_do(frames)
    heads = sum(len(one.points_px) for one in frames if one.done)
    print(f"{len(frames) - left} of {len(frames)} pictures finished, {heads} heads")
    if left == 0:
        print(
            f"now fit: esplanade-models calibrate fit {asked.folder} --site SITE --camera "
            f"{marking.place.purpose.camera} --out NAME.onnx"
        )
    return 0


def _fit(asked: argparse.Namespace) -> int:
    if (asked.folder is None) == (asked.points is None):
        raise MarksUnusable("give the folder of `calibrate frames`, or --points FOLDER")
    if asked.out.suffix != ".onnx":
        raise MarksUnusable(f"--out {asked.out}: must end in .onnx")
    _writable(asked.out)
    if asked.steps < 1:
        raise MarksUnusable("--steps must be above 0")
    one, marked = _marked(asked)
    folder = asked.folder or asked.points
    marks.enough(marked, folder)
    if len(marked) < FRAMES_MEANT[0]:
        print(f"only {len(marked)} frames are marked; {FRAMES_MEANT[0]} to {FRAMES_MEANT[1]} are meant")
    start = refit.start_of(one.model, asked.start, asked.fresh)
    looked = one.looked()
    features = []
    for i, picture in enumerate(marked, 1):
        features.append(looked.features(picture))
        _told("pictures read", i, len(marked))
    outcome = fit_and_measure(one, looked, features, start, asked, checkpoints=asked.out.parent)
    content = assemble.assembled(located(one.model).read_bytes(), outcome.head, looked.taps)
    half = asked.out.with_name(f".{asked.out.name}.half")
    half.write_bytes(content)
    half.replace(asked.out)
    print(f"\n\nheld out, never fitted to: {report.counts(outcome.held_out, outcome.errors)}")
    print(f"\nby density of 6 x 6 m patches:\n{report.table(outcome.held_out, outcome.errors)}")
    print(
        f"\n{asked.out}: for camera {one.site}/{one.camera.id} and calibration {one.camera.calibration} alone, "
        f"{len(content)} bytes\nin the agent's file:\n    density: {{use: calibrated, file: {asked.out.name}}}"
    )
    cell_px = features[0].map_px[1]
    print("\n" + "\n".join(r.said() for r in reach.reaches(one.ground, reach.zones_of(asked.site), cell_px)))
    if asked.folder is not None:
        print(
            f"\n{asked.folder} still holds pictures of people: delete it when you have marked all you mean to mark"
        )
    return 0


def _measure(asked: argparse.Namespace) -> int:
    if (asked.folder is None) == (asked.points is None):
        raise MarksUnusable("give the folder of `calibrate frames`, or --points FOLDER")
    _writable(asked.out)
    one, marked = _marked(asked)
    marks.enough(marked, asked.folder or asked.points)
    pin = sha256_of(asked.external)
    external = ExternalMap(asked.external, pin, frame_px=asked.external_size)
    frames = outside.counted(one, WithExternalMap(one.detector(), external), marked, _told)
    errors = errors_of(frames, "marks")
    asked.out.write_text(to_text(errors), encoding="utf-8")
    print(
        f"\n{report.counts(frames, errors)}\n\nby density of 6 x 6 m patches:\n{report.table(frames, errors)}"
    )
    print(
        f"\nin the agent's file:\n    density: {{use: external, file: {asked.external.name}, sha256: {pin}, "
        f"errors: {asked.out.name}}}"
    )
    return 0


def fit_and_measure(
    one: OneCamera,
    looked: refit.Looked,
    features: list[refit.Features],
    start: head.Head | None,
    asked: argparse.Namespace,
    *,
    checkpoints: Path,
) -> refit.Outcome:
    """Fits to four in five frames and measures on the rest. Raises MarksUnusable, ErrorsUnusable, FitWrong."""
    to_fit, held_out = refit.split(features, choice.held_out(len(features), refit.HELD_OUT_ONE_IN))
    begin = refit.begin(looked, to_fit, start, asked.seed)
    fitted = refit.fitted(
        begin, to_fit, steps=asked.steps, seed=asked.seed, checkpoints=checkpoints, told=_told
    )
    return refit.finished(
        fitted,
        looked,
        site=one.site,
        trained=to_fit,
        held_out=held_out,
        input_px=one.input_px,
        created_at=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _marked(asked: argparse.Namespace) -> tuple[OneCamera, list[Marked]]:
    """The camera at the size that the folder was begun for, and what is marked."""
    if asked.points is not None:
        return read_camera(asked.site, asked.camera, asked.model, asked.input_size), marks.marked_in(
            asked.points
        )
    place = existing(asked.folder)
    purpose = place.purpose
    one = one_camera(
        read_shared(asked.site),
        asked.camera,
        asked.model or purpose.model,
        asked.input_size or purpose.input_px,
    )
    if (one.site, one.camera.id) != (purpose.site, purpose.camera):
        raise MarksUnusable(
            f"folder {place.folder}: holds pictures of camera {purpose.site}/{purpose.camera}, not of "
            f"{one.site}/{one.camera.id}"
        )
    return one, marks.marked_in(place.folder, place.done())


def _writable(out: Path) -> None:
    """Raises MarksUnusable now instead of after minutes of work."""
    if not out.parent.is_dir():
        raise MarksUnusable(f"--out {out}: folder {out.parent} is not there; make it first")


def _told(what: str, done: int, of: int) -> None:
    """One line that counts up on a terminal; elsewhere every tenth part."""
    if sys.stderr.isatty():
        print(f"\r{what}: {done} of {of}    ", end="" if done < of else "\n", file=sys.stderr, flush=True)
    elif done == of or done * 10 // of > (done - 1) * 10 // of:
        print(f"{what}: {done} of {of}", file=sys.stderr, flush=True)


def main(given: list[str] | None = None) -> int:
    """Entry point; returns the exit status: 0 done, 1 a named problem, 2 wrong usage, 130 interrupted."""
    asked = _parser().parse_args(given)
    run: dict[str, Callable[[argparse.Namespace], int]] = {
        "frames": _frames,
        "mark": _mark,
        "fit": _fit,
        "measure": _measure,
        "proof": lambda options: proof.run(options, _told),
    }
    try:
        return run[asked.command](asked)
    except TOLD as wrong:
        print(f"esplanade-models calibrate: {wrong}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on where it was", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
