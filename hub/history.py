"""What a zone's timeline shows: one point a second for the last ten minutes, and the minutes kept in the database."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from contract.instants import Instant, from_ms
from contract.intake import Observation
from contract.messages import Quality, ZoneState
from hub.batch import Batch, ZoneMinute, larger, smaller
from hub.records import Records
from hub.step import Step

SECONDS_KEPT = 600
MINUTE_MS = 60_000
MINUTES_MAX = 7 * 24 * 60


class Point(Struct, frozen=True, kw_only=True):
    """One second, or the mean and the extremes of one minute. Null is unknown, which is not zero.

    `known_s`: in how many seconds of it the count was known. `late_readings` came too late to be judged: what they
    saw is in the cameras' and lines' minutes and not in the zone's, which is therefore never called observed.
    """

    at: Instant
    people: float | None
    people_low: float | None
    people_high: float | None
    density_per_m2: float | None
    patch_max_per_m2: float | None
    level: int | None
    quality: Quality
    known_s: int
    late_readings: int


class History(Struct, frozen=True, kw_only=True):
    zone: str
    step_s: int
    points: tuple[Point, ...]


class Timeline:
    """One sample a second of every zone: into the minutes of a batch, and into the seconds kept in memory."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._seconds: dict[str, deque[tuple[int, Point]]] = {}
        self._last_second: int | None = None

    def note(self, step: Step, batch: Batch) -> None:
        second = step.now_ms // 1000
        if self._last_second is not None and second <= self._last_second:
            return
        self._last_second = second
        minute_ms = step.now_ms // MINUTE_MS * MINUTE_MS
        with self._guard:
            for zone in step.zones:
                _add(batch.zone_minutes.setdefault((zone.zone, minute_ms), ZoneMinute()), zone)
                kept = self._seconds.setdefault(zone.zone, deque(maxlen=SECONDS_KEPT))
                kept.append((step.now_ms, _point(zone)))

    def history(self, zone: str, *, minutes: int, now_ms: int, records: Records) -> History:
        """Minutes from the database up to where memory begins, then seconds. `step_s`: the longest step in it."""
        since_ms = now_ms - minutes * MINUTE_MS
        with self._guard:
            seconds = [(at, point) for at, point in self._seconds.get(zone, ()) if at >= since_ms]
        until_ms = seconds[0][0] if seconds else now_ms + MINUTE_MS
        rows = records.zone_minutes(zone, since_ms=since_ms // MINUTE_MS * MINUTE_MS)
        points = tuple(
            Point(
                at=from_ms(row.minute_ms),
                people=row.people,
                people_low=row.people_low,
                people_high=row.people_high,
                density_per_m2=row.density_per_m2,
                patch_max_per_m2=row.patch_max_per_m2,
                level=row.level,
                quality=row.quality,
                known_s=row.known_s,
                late_readings=row.late_readings,
            )
            for row in rows
            if row.minute_ms < until_ms
        )
        step_s = 1 if seconds and not points else MINUTE_MS // 1000
        return History(zone=zone, step_s=step_s, points=points + tuple(point for _, point in seconds))


def _point(zone: ZoneState) -> Point:
    return Point(
        at=zone.at,
        people=zone.people,
        people_low=zone.people_low,
        people_high=zone.people_high,
        density_per_m2=zone.density_per_m2,
        patch_max_per_m2=zone.patch_max_per_m2,
        level=zone.level,
        quality=zone.quality,
        known_s=int(zone.people is not None),
        late_readings=0,
    )


def note_late(zones: Iterable[str], observation: Observation, batch: Batch) -> None:
    """A reading that came too late to be judged: the zones it saw lack it in the minute it was captured in."""
    minute_ms = observation.captured_to_ms // MINUTE_MS * MINUTE_MS
    for zone in zones:
        batch.zone_late[zone, minute_ms] += 1


def _add(minute: ZoneMinute, zone: ZoneState) -> None:
    minute.samples += 1
    if zone.people is not None:
        minute.known += 1
        minute.partly += zone.quality != "observed"
        minute.people_sum += zone.people
        minute.density_sum += zone.density_per_m2 or 0.0
        minute.people_low = smaller(minute.people_low, zone.people_low)
        minute.people_high = larger(minute.people_high, zone.people_high)
        minute.people_max = larger(minute.people_max, zone.people)
        minute.patch_max_per_m2 = larger(minute.patch_max_per_m2, zone.patch_max_per_m2)
    if zone.level is not None:
        minute.level_max = zone.level if minute.level_max is None else max(minute.level_max, zone.level)
