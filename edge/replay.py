"""Footage to readings, on media time: the same input gives the same bytes, at any speed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from contract import limits
from contract.instants import to_ms
from contract.messages import ModelRef, Reading
from contract.site_file import SharedSite
from edge.detector import Detector
from edge.external_map import WithExternalMap
from edge.footage import Footage, read_ahead
from edge.ground import Ground
from edge.readings import Readings
from edge.sighting import Sight
from models.density.errors import Bands, Errors

BOOT_DIGITS: Final = 20


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did: for the caller to print."""

    boot: str
    frames: int
    readings: int
    media_s: float
    wall_s: float


def replay_boot(footage: Path, *, model: str, calibration: str, settings: bytes) -> str:
    """The boot of a replay: a hash of all that decides its readings. Raises OSError when the footage is not there."""
    whole = hashlib.sha256()
    with footage.open("rb") as file:
        whole.update(hashlib.file_digest(file, "sha256").digest())
    for part in (model.encode(), calibration.encode(), settings):
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()[:BOOT_DIGITS]


def replay(
    *,
    footage: Path,
    site: SharedSite,
    camera: str,
    detector: Detector | WithExternalMap,
    out: BinaryIO,
    errors: Errors | Bands | None = None,
    start: str | None = None,
    period_s: float = limits.PERIOD_DEFAULT_S,
    speed: float | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Replayed:
    """Writes one reading a line to `out`. `speed` 1 is real time; None is as fast as the machine can.

    `errors`: as measured of what is looked with. Every frame is analysed at any speed.
    Raises KeyError for an unknown camera, GroundUnusable, FootageUnusable,
    PictureMismatch, OSError.
    """
    began_s = time.monotonic()
    one = site.camera(camera)
    start = start or site.replay_start
    boxes = detector.detector if isinstance(detector, WithExternalMap) else detector
    settings = msgspec.json.encode(
        {
            "site": site.site,
            "camera": one.id,
            "start": start,
            "period_s": period_s,
            "cell_m": site.cell_m,
            "lines": one.lines,
            "thresholds": boxes.thresholds.tolist(),
            "network_size": boxes.network_size(one.picture.height, one.picture.width),
            "errors": errors,
        }
    )
    model = f"{detector.name}/{detector.sha256}"
    boot = replay_boot(footage, model=model, calibration=one.calibration, settings=settings)
    ground = Ground(one, site.cell_m)
    sight = Sight(camera=one, ground=ground, detector=detector, boot=boot)
    readings = Readings(
        site=site.site,
        camera=one,
        boot=boot,
        period_s=period_s,
        ground=ground,
        model=ModelRef(name=detector.name, sha256_12=detector.sha256[:12]),
        errors=errors,
    )
    start_ms = to_ms(start)
    frames = written = 0
    captured_ms = start_ms
    for frame in read_ahead(Footage(footage, start_ms=start_ms)):
        captured_ms = frame.captured_ms
        if speed is not None:
            ahead_s = (captured_ms - start_ms) / 1000.0 / speed - (time.monotonic() - began_s)
            if ahead_s > 0:
                wait(ahead_s)
        written += _write(out, readings.advance(captured_ms))
        readings.add(sight.see(frame))
        frames += 1
    written += _write(out, readings.close())
    return Replayed(boot, frames, written, (captured_ms - start_ms) / 1000.0, time.monotonic() - began_s)


def _write(out: BinaryIO, readings: list[Reading]) -> int:
    for reading in readings:
        out.write(msgspec.json.encode(reading) + b"\n")
    if readings:
        out.flush()
    return len(readings)
