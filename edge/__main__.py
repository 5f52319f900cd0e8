"""Command line of the edge agent: run, replay, check."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from importlib.metadata import version
from pathlib import Path

from contract import limits
from contract.instants import to_ms
from contract.site_file import read_shared
from contract.yaml_file import FileError
from edge.agent import build, shared_detector
from edge.combined_file import DensityRefused
from edge.config import DensityChoice, ModelChoice, read_config
from edge.detector import ModelUnreadable
from edge.footage import FootageUnusable
from edge.ground import Ground, GroundUnusable
from edge.look import look
from edge.map_ground import HeadsUnseen
from edge.outbox import OutboxUnusable
from edge.replay import replay
from edge.sighting import PictureMismatch
from models.manifest import ManifestWrong, UnknownModel
from models.store import ModelMissing, WrongContent

TOLD = (
    DensityRefused,
    FileError,
    FootageUnusable,
    GroundUnusable,
    HeadsUnseen,
    ManifestWrong,
    ModelMissing,
    ModelUnreadable,
    OutboxUnusable,
    PictureMismatch,
    UnknownModel,
    WrongContent,
    OSError,
    ValueError,
)
"""Errors whose message says all that the user needs: no traceback."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="esplanade-edge", description=__doc__)
    parser.add_argument("--version", action="version", version=f"esplanade-edge {version('esplanade')}")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the agent until it is told to stop")
    run.add_argument("config", type=Path)
    run.add_argument(
        "--until-settled",
        action="store_true",
        help="end when the footage is over and the hub has every reading",
    )
    check = commands.add_parser("check", help="read configuration, model and calibration, and judge them")
    check.add_argument("config", type=Path)
    again = commands.add_parser("replay", help="turn footage into readings on media time")
    again.add_argument("footage", type=Path)
    again.add_argument("--site", type=Path, required=True, help="the site file")
    again.add_argument("--camera", required=True, help="the camera of the site file that took the footage")
    again.add_argument("--out", type=Path, required=True, help="where the readings go, one a line")
    again.add_argument("--model", help="a model's name in the manifest, or its file")
    again.add_argument(
        "--density", choices=("calibrated", "experimental", "external"), help="use a density model"
    )
    again.add_argument("--density-file", type=Path, help="its file")
    again.add_argument("--density-sha256", help="its pin (external)")
    again.add_argument("--density-errors", type=Path, help="its measured errors (external)")
    again.add_argument("--speed", type=float, help="1 is real time; without it, as fast as this machine can")
    again.add_argument("--start", help="media time of the first frame, as 2026-06-20T18:00:00.000Z")
    again.add_argument("--period", type=float, default=limits.PERIOD_DEFAULT_S, help="seconds of a reading")
    again.add_argument("--threads", type=int, default=1, help="threads of the detector")
    return parser


def _run(asked: argparse.Namespace) -> int:
    agent = build(read_config(asked.config))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: agent.stop())
    agent.run(until_settled=asked.until_settled)
    for problem in agent.broken:
        print(f"esplanade-edge: {problem}", file=sys.stderr)
    return 1 if agent.broken else 0


def _check(asked: argparse.Namespace) -> int:
    config = read_config(asked.config)
    detector = shared_detector(config)
    if detector is not None:
        print(f"model {detector.name} {detector.short_sha256}")
    for choice, camera in config.cameras:
        ground = Ground(camera, config.site.cell_m)
        print(f"camera {camera.id}: {choice.source.said}")
        print(f"  calibration {camera.calibration}: {ground.report()}")
        looking = look(
            site=config.site.site, ground=ground, model=config.model, density=choice.density, shared=detector
        )
        print(f"  model {looking.model.name} {looking.model.sha256_12}: {looking.said}")
    print(f"broker {config.broker.host}:{config.broker.port}, outbox {config.outbox}")
    return 0


def _replay(asked: argparse.Namespace) -> int:
    if asked.speed is not None and asked.speed <= 0:
        raise ValueError("--speed must be above 0")
    if not limits.PERIOD_MIN_S <= asked.period <= limits.PERIOD_MAX_S:
        raise ValueError(f"--period must lie between {limits.PERIOD_MIN_S:g} and {limits.PERIOD_MAX_S:g} s")
    if asked.start is not None:
        to_ms(asked.start)
    site = read_shared(asked.site)
    try:
        camera = site.camera(asked.camera)
    except KeyError as unknown:
        raise ValueError(f"--camera: {unknown.args[0]}") from None
    if not asked.footage.is_file():
        raise FootageUnusable(f"footage {asked.footage}: there is no such file")
    looking = look(
        site=site.site,
        ground=Ground(camera, site.cell_m),
        model=ModelChoice(name=asked.model, threads=asked.threads),
        density=_density(asked),
    )
    with asked.out.open("wb") as out:
        done = replay(
            footage=asked.footage,
            site=site,
            camera=asked.camera,
            detector=looking.detector,
            errors=looking.errors,
            out=out,
            start=asked.start,
            period_s=asked.period,
            speed=asked.speed,
        )
    print(
        f"{done.frames} frames, {done.media_s:.1f} s of footage, {done.readings} readings in {done.wall_s:.1f} s "
        f"({asked.out}), boot {done.boot}"
    )
    return 0


def _density(asked: argparse.Namespace) -> DensityChoice | None:
    if asked.density is None:
        if asked.density_file or asked.density_sha256 or asked.density_errors:
            raise ValueError("--density-file and the like need --density")
        return None
    if asked.density_file is None and asked.density != "experimental":
        raise ValueError("--density needs --density-file")
    if asked.density == "external" and (asked.density_sha256 is None or asked.density_errors is None):
        raise ValueError("--density external needs --density-sha256 and --density-errors")
    return DensityChoice(
        use=asked.density,
        file=None if asked.density_file is None else str(asked.density_file),
        sha256=asked.density_sha256,
        errors=None if asked.density_errors is None else str(asked.density_errors),
    )


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 done, 1 a named problem, 2 wrong usage (argparse)."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        return {"run": _run, "check": _check, "replay": _replay}[asked.command](asked)
    except TOLD as problem:
        print(f"esplanade-edge: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
