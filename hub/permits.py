"""When a vehicle or a person may be where it is closed: weekly windows in local time, and timed permits.

A window is what a sign at the entrance says, read off the clock on the wall. So on the two days of the year when
that clock jumps, an hour that does not exist opens nothing, and an hour that comes twice opens it twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from contract.messages import CrossingKind
from contract.phrase import Phrase, say, say_as
from hub.terms import DAY_WORDS

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WallTime = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$(?!\n)|^24:00$(?!\n)")]

DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOTOR_KINDS: frozenset[str] = frozenset({"car", "bus", "truck", "motorcycle"})
TIMED_PERMIT_MAX_MS = 24 * 3_600_000


class PermitWindow(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}
):
    """Kinds that may be there on `days` between two local wall times; `to` before `from` runs over midnight.

    A window over midnight belongs to the day it starts on. `kinds` empty means the motor kinds.
    """

    days: Annotated[tuple[Day, ...], Meta(min_length=1)]
    start: WallTime
    end: WallTime
    kinds: tuple[CrossingKind, ...] = ()
    note: str = ""

    def allows(self, kind: str) -> bool:
        return kind in self.kinds if self.kinds else kind in MOTOR_KINDS

    def open_at(self, now_ms: int, zone: ZoneInfo) -> bool:
        """Whether the wall clock in `zone` stands inside the window."""
        local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
        minute = local.hour * 60 + local.minute
        start, end = _minutes(self.start), _minutes(self.end)
        today = DAYS[local.weekday()] in self.days
        if start < end:
            return today and start <= minute < end
        yesterday = DAYS[local.weekday() - 1] in self.days
        return (today and minute >= start) or (yesterday and minute < end)


class TimedPermit(Struct, frozen=True, kw_only=True):
    """An operator's permit: kinds that may be in a zone or area until a moment. Kept with who gave it and why."""

    place: str
    kinds: tuple[str, ...]
    until_ms: int
    by: str
    reason: str
    granted_ms: int

    def allows(self, kind: str) -> bool:
        return kind in self.kinds if self.kinds else kind in MOTOR_KINDS


def in_force(
    place: str,
    windows: Sequence[PermitWindow],
    granted: Sequence[TimedPermit],
    kind: str,
    now_ms: int,
    zone: ZoneInfo,
) -> Phrase | None:
    """What permits this kind here now, in words, or None. Windows come before timed permits."""
    for window in windows:
        if window.allows(kind) and window.open_at(now_ms, zone):
            note = window.note or say("permit window")
            return say("{note} ({start} to {end})", note=note, start=window.start, end=window.end)
    for permit in granted:
        if permit.place == place and permit.allows(kind) and permit.granted_ms <= now_ms < permit.until_ms:
            return say("permit by {by}: {reason}", by=permit.by, reason=permit.reason)
    return None


def describe(windows: Sequence[PermitWindow], kind: str) -> Phrase | tuple[Phrase, ...]:
    """The windows for this kind as a person reads them, or that there are none."""
    found = tuple(
        say("{days} {start} to {end}", days=_days(w.days), start=w.start, end=w.end)
        for w in windows
        if w.allows(kind)
    )
    return found or say_as("windows", "none")


def _days(days: Sequence[Day]) -> Phrase:
    """Each day's word, one after the other: languages differ in the words, not in the row."""
    return Phrase(id=" ".join(f"{{{day}}}" for day in days), values={day: DAY_WORDS[day] for day in days})


def _minutes(wall: str) -> int:
    return int(wall[:2]) * 60 + int(wall[3:])
