"""Weekly hours in a town's own time: shifts and quiet hours, over midnight, over the two days the clock jumps.

Each window becomes instants, so that windows that meet on the wall meet in time: what ends at 02:30 and what begins at
02:30 share one instant even where 02:30 comes twice (the first one counts) or does not exist (the jump counts).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
OnHolidays = Literal["keep", "skip", "only"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Holidays:
    """Public holidays: dates of one year, and (month, day) of every year."""

    dates: frozenset[date] = frozenset()
    yearly: frozenset[tuple[int, int]] = frozenset()

    def __contains__(self, day: date) -> bool:
        return day in self.dates or (day.month, day.day) in self.yearly


@dataclass(frozen=True, slots=True)
class Window:
    """From one wall time to another on `days`, in minutes of the day; `end` not after `start` runs over midnight.

    A window belongs to the day it starts on, and so does what `on_holidays` says: `skip` does not start on a public
    holiday, `only` on nothing else, `keep` takes no notice.
    """

    days: frozenset[Day]
    start_min: int
    end_min: int
    on_holidays: OnHolidays = "keep"

    def starts_on(self, day: date, holidays: Holidays) -> bool:
        holiday = day in holidays
        if self.on_holidays == "only":
            return holiday
        if self.on_holidays == "skip" and holiday:
            return False
        return DAYS[day.weekday()] in self.days

    def span(self, day: date, zone: ZoneInfo) -> tuple[int, int]:
        """[begin, end) in Unix milliseconds of the window that starts on `day`."""
        over = timedelta(days=1) if self.end_min <= self.start_min else timedelta(0)
        return instant_ms(day, self.start_min, zone), instant_ms(day + over, self.end_min, zone)


@dataclass(frozen=True, slots=True)
class Hours:
    """Named weekly hours: the union of their windows."""

    name: str
    zone: ZoneInfo
    windows: tuple[Window, ...]
    holidays: Holidays = field(default_factory=Holidays)

    def _spans(self, at_ms: int) -> Iterator[tuple[int, int]]:
        today = _local_day(at_ms, self.zone)
        for offset in (-2, -1, 0, 1):
            day = today + timedelta(days=offset)
            for window in self.windows:
                if window.starts_on(day, self.holidays):
                    yield window.span(day, self.zone)

    def until_ms(self, at_ms: int) -> int | None:
        """When the hours that run at `at_ms` end, or None when none run. Windows that meet run on."""
        return _run_on(self._spans, at_ms)

    def on(self, at_ms: int) -> bool:
        return any(begin <= at_ms < end for begin, end in self._spans(at_ms))

    def next_ms(self, at_ms: int, *, within_days: int = 370) -> int | None:
        """When they begin next, or None when not within a year."""
        today = _local_day(at_ms, self.zone)
        for offset in range(-1, within_days):
            day = today + timedelta(days=offset)
            begins = [
                window.span(day, self.zone)[0]
                for window in self.windows
                if window.starts_on(day, self.holidays)
            ]
            found = min((one for one in begins if one > at_ms), default=None)
            if found is not None:
                return found
        return None


def until_all_end_ms(hours: Iterable[Hours], at_ms: int) -> int | None:
    """When the last of several overlapping hours ends, or None when none runs."""
    every = tuple(hours)

    def spans(now_ms: int) -> Iterator[tuple[int, int]]:
        for one in every:
            yield from one._spans(now_ms)

    return _run_on(spans, at_ms)


_RUN_ON_MAX = 800  # [E] a year of windows that meet: then it is no hour of a week any more


def _run_on(spans: Callable[[int], Iterator[tuple[int, int]]], at_ms: int) -> int | None:
    end_ms: int | None = None
    now_ms = at_ms
    for _ in range(_RUN_ON_MAX):
        later = max((end for begin, end in spans(now_ms) if begin <= now_ms < end), default=None)
        if later is None:
            break
        end_ms = now_ms = later
    return end_ms


def _local_day(at_ms: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()


@lru_cache(maxsize=4096)
def instant_ms(day: date, minute: int, zone: ZoneInfo) -> int:
    """The instant at which the wall clock first shows, or jumps over, that minute of the day."""
    naive = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
    first = naive.replace(tzinfo=zone, fold=0)
    second = naive.replace(tzinfo=zone, fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    assert before is not None
    assert after is not None
    if before >= after:  # there once, or twice: the first
        return _ms(naive - before)
    # jumped over: the jump itself lies between the two readings
    low, high = _ms(naive - after), _ms(naive - before)
    while high - low > 1000:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle / 1000, UTC).astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high // 1000 * 1000


def _ms(utc_naive: datetime) -> int:
    return (utc_naive.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
