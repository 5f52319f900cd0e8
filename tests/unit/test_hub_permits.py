"""Permit windows read the clock on the wall, also on the two days when it jumps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hub.permits import DAYS, PermitWindow, TimedPermit, describe, in_force

BUCHAREST, AMSTERDAM = ZoneInfo("Europe/Bucharest"), ZoneInfo("Europe/Amsterdam")


def window(start: str, end: str, days=DAYS, kinds=()) -> PermitWindow:
    return PermitWindow(days=tuple(days), start=start, end=end, kinds=tuple(kinds))


def utc_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def open_minutes(w: PermitWindow, zone: ZoneInfo, day: str) -> int:
    """Minutes open within the local day, counted minute by minute through UTC."""
    start = datetime.fromisoformat(day).replace(tzinfo=zone)
    end = (datetime.fromisoformat(day) + timedelta(days=1)).replace(tzinfo=zone)
    minutes = int((end.astimezone(UTC) - start.astimezone(UTC)) / timedelta(minutes=1))
    first = int(start.timestamp() * 1000)
    return sum(w.open_at(first + i * 60_000, zone) for i in range(minutes))


@pytest.mark.parametrize("zone", [BUCHAREST, AMSTERDAM])
def test_an_ordinary_day(zone):
    w = window("06:00", "10:00")
    assert open_minutes(w, zone, "2026-06-20") == 240


def test_the_ends_of_a_window():
    w = window("06:00", "10:00")
    # Summer time: Bucharest is UTC+3, Amsterdam UTC+2.
    assert not w.open_at(utc_ms("2026-06-20T02:59:59.999"), BUCHAREST)
    assert w.open_at(utc_ms("2026-06-20T03:00:00"), BUCHAREST)
    assert w.open_at(utc_ms("2026-06-20T06:59:59.999"), BUCHAREST)
    assert not w.open_at(utc_ms("2026-06-20T07:00:00"), BUCHAREST)
    assert not w.open_at(utc_ms("2026-06-20T03:00:00"), AMSTERDAM)
    assert w.open_at(utc_ms("2026-06-20T04:00:00"), AMSTERDAM)


def test_the_same_wall_time_in_winter_is_another_hour_utc():
    w = window("06:00", "10:00")
    assert not w.open_at(utc_ms("2026-12-19T03:30:00"), BUCHAREST)
    assert w.open_at(utc_ms("2026-12-19T04:30:00"), BUCHAREST)


# 29 March 2026: at 01:00 UTC, Amsterdam jumps 02:00 -> 03:00, Bucharest 03:00 -> 04:00.


@pytest.mark.parametrize(
    ("zone", "start", "end", "minutes"),
    [
        (AMSTERDAM, "02:30", "03:30", 30),  # 02:30 does not exist: open from 03:00 to 03:30
        (AMSTERDAM, "02:00", "03:00", 0),  # the whole window does not exist
        (AMSTERDAM, "01:00", "05:00", 180),
        (BUCHAREST, "03:30", "04:30", 30),
        (BUCHAREST, "03:00", "04:00", 0),
        (BUCHAREST, "02:00", "06:00", 180),
    ],
)
def test_spring_forward(zone, start, end, minutes):
    assert open_minutes(window(start, end), zone, "2026-03-29") == minutes


# 25 October 2026: at 01:00 UTC, Amsterdam repeats 02:00-03:00, Bucharest 03:00-04:00.


@pytest.mark.parametrize(
    ("zone", "start", "end", "minutes"),
    [
        (AMSTERDAM, "02:30", "03:30", 90),  # 02:30-03:00 twice, then 03:00-03:30
        (AMSTERDAM, "02:00", "03:00", 120),
        (AMSTERDAM, "01:00", "05:00", 300),
        (BUCHAREST, "03:30", "04:30", 90),
        (BUCHAREST, "03:00", "04:00", 120),
        (BUCHAREST, "02:00", "06:00", 300),
    ],
)
def test_fall_back(zone, start, end, minutes):
    assert open_minutes(window(start, end), zone, "2026-10-25") == minutes


def test_fall_back_instants_in_amsterdam():
    w = window("02:30", "03:30")
    assert w.open_at(utc_ms("2026-10-25T00:45:00"), AMSTERDAM)  # 02:45 the first time
    assert not w.open_at(utc_ms("2026-10-25T01:15:00"), AMSTERDAM)  # 02:15 the second time
    assert w.open_at(utc_ms("2026-10-25T01:45:00"), AMSTERDAM)  # 02:45 the second time
    assert not w.open_at(utc_ms("2026-10-25T02:30:00"), AMSTERDAM)  # 03:30


def test_over_midnight_belongs_to_the_day_it_starts():
    w = window("22:00", "04:00", days=["sat"])
    saturday, sunday, monday = "2026-06-20", "2026-06-21", "2026-06-22"
    assert open_minutes(w, BUCHAREST, saturday) == 120
    assert open_minutes(w, BUCHAREST, sunday) == 240
    assert open_minutes(w, BUCHAREST, monday) == 0


@pytest.mark.parametrize(("zone", "spring", "fall"), [(AMSTERDAM, 180, 300), (BUCHAREST, 180, 300)])
def test_over_midnight_on_the_change_days(zone, spring, fall):
    w = window("22:00", "04:00", days=["sat"])
    assert open_minutes(w, zone, "2026-03-29") == spring
    assert open_minutes(w, zone, "2026-10-25") == fall


def test_whole_day():
    w = window("00:00", "24:00", days=["sun"])
    assert open_minutes(w, BUCHAREST, "2026-06-21") == 1440
    assert open_minutes(w, BUCHAREST, "2026-06-20") == 0


def test_kinds():
    assert window("06:00", "10:00").allows("truck")
    assert not window("06:00", "10:00").allows("person")
    assert window("06:00", "10:00", kinds=["truck"]).allows("truck")
    assert not window("06:00", "10:00", kinds=["truck"]).allows("car")


def test_a_timed_permit_is_for_its_place_kind_and_time():
    permit = TimedPermit(
        place="square", kinds=("car",), until_ms=2000, by="M", reason="patrol", granted_ms=1000
    )
    ask = lambda place, kind, now: in_force(place, (), (permit,), kind, now, BUCHAREST)  # noqa: E731
    assert str(ask("square", "car", 1000)) == "permit by M: patrol"
    assert ask("square", "car", 1999) is not None
    assert ask("square", "car", 2000) is None
    assert ask("square", "car", 999) is None
    assert ask("lane", "car", 1500) is None
    assert ask("square", "truck", 1500) is None


def test_windows_in_words():
    windows = (window("06:00", "10:00", days=["mon", "tue"]),)
    assert [str(one) for one in describe(windows, "car")] == ["mon tue 06:00 to 10:00"]
    assert str(describe(windows, "person")) == "none"
