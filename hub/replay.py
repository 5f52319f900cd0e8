"""Recorded readings through the monitor, on media time: the same readings give the same alerts, byte for byte.

hub.media_pace says at which instants; a live hub on media time goes by the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from contract import topics
from contract.intake import Envelope, Observation, read
from contract.messages import Alert, ZoneState
from contract.refusal import Refused
from hub.assessment import Assessment
from hub.escalation import Escalation
from hub.media_pace import MediaPace
from hub.monitor import Monitor
from hub.site import Site
from hub.step import Step

SECOND_MS = 1000


class ReplayError(ValueError):
    """Readings that cannot be replayed; the message names file and line."""


@dataclass(slots=True)
class ZoneFigures:
    """People: mean and maximum over the whole seconds in which they were known. Patch: the densest, in persons/m2."""

    people_mean: float | None = None
    people_max: float | None = None
    patch_max_per_m2: float | None = None
    seconds: int = 0


@dataclass(slots=True)
class Replayed:
    """What a replay found: counts, figures by zone, and every alert as it was at the end."""

    run: str
    readings: int = 0
    duplicates: int = 0
    steps: int = 0
    media_s: float = 0.0
    zones: dict[str, ZoneFigures] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)


def read_readings(path: Path, site: Site) -> list[Observation]:
    """Every reading of the file, in order of capture, camera, boot and seq. Raises ReplayError."""
    found = []
    decoder = msgspec.json.Decoder(Envelope)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                who = decoder.decode(line)
                topic = topics.READING.address(site=who.site, agent=who.agent, camera=who.camera)
                observation = read(topic, line)
                if not isinstance(observation, Observation):
                    raise ReplayError(f"{path}:{number}: is no reading")
                site.refuse_stranger(observation)
            except (Refused, msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ReplayError(f"{path}:{number}: {error}") from None
            found.append(observation)
    found.sort(key=lambda one: (one.captured_to_ms, one.reading.camera, one.reading.boot, one.reading.seq))
    return found


def run_of(observations: list[Observation]) -> str:
    """The run's id: a hash of what was recorded, so that alert ids repeat when the footage does."""
    boots = sorted({(one.reading.agent, one.reading.boot) for one in observations})
    return hashlib.sha256(msgspec.json.encode(boots)).hexdigest()[:16]


def replay(
    observations: list[Observation],
    *,
    site: Site,
    assessment: Assessment | None,
    alerts_out: BinaryIO,
    zones_out: BinaryIO | None = None,
    run: str | None = None,
    escalation: Escalation | None = None,
) -> Replayed:
    """Judges the readings in order. A line of `alerts_out` is a transition, one of `zones_out` a zone's second.

    `run`: whose alert ids to give; a hash of the readings' boots without it. `escalation`: the town's own steps.
    """
    run = run_of(observations) if run is None else run
    monitor = Monitor(site=site, assessment=assessment, run=run, escalation=escalation)
    found = Replayed(run, zones={zone: ZoneFigures() for zone in site.zone_ids})
    if not observations:
        return found
    start_ms = observations[0].captured_from_ms
    figures = _Figures(found, zones_out)
    for step in _steps(monitor, observations, found):
        found.steps += 1
        for transition in step.transitions:
            alerts_out.write(msgspec.json.encode(transition) + b"\n")
            found.alerts[transition.alert.alert] = transition.alert
        for alert in step.alerts:
            found.alerts[alert.alert] = alert
        figures.note(step)
    found.media_s = (observations[-1].captured_to_ms - start_ms) / 1000
    return found


def _steps(monitor: Monitor, observations: list[Observation], found: Replayed) -> Iterator[Step]:
    seen: set[tuple[str, str, str, int]] = set()
    pace = MediaPace(())
    for observation in observations:
        reading = observation.reading
        key = (reading.agent, reading.boot, reading.camera, reading.seq)
        if key in seen:
            found.duplicates += 1
        else:
            seen.add(key)
            found.readings += 1
            pace.hold(observation)
    for now_ms, together in pace.due(everything=True):
        for observation in together:
            monitor.observe(observation, received_ms=now_ms)
        yield monitor.step(now_ms)


class _Figures:
    """Sums up each zone once a media second: at the first step in it."""

    def __init__(self, found: Replayed, zones_out: BinaryIO | None) -> None:
        self._found = found
        self._out = zones_out
        self._sums = dict.fromkeys(found.zones, 0.0)
        self._second: int | None = None

    def note(self, step: Step) -> None:
        second = step.now_ms // SECOND_MS
        for zone in step.zones:
            if second != self._second:
                self._note_second(zone)
            figures = self._found.zones[zone.zone]
            if zone.patch_max_per_m2 is not None:
                figures.patch_max_per_m2 = max(figures.patch_max_per_m2 or 0.0, zone.patch_max_per_m2)
        self._second = second

    def _note_second(self, zone: ZoneState) -> None:
        if self._out is not None:
            self._out.write(msgspec.json.encode(zone) + b"\n")
        if zone.people is None:
            return
        figures = self._found.zones[zone.zone]
        figures.seconds += 1
        self._sums[zone.zone] += zone.people
        figures.people_mean = round(self._sums[zone.zone] / figures.seconds, 3)
        figures.people_max = max(figures.people_max or 0.0, zone.people)
