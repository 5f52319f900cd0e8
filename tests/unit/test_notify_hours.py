"""Shifts and quiet hours on the wall clock: over midnight, over the days it jumps, on public holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hub.notify.hours import DAYS, Holidays, Hours, Window, instant_ms, until_all_end_ms

BUCHAREST = ZoneInfo("Europe/Bucharest")
# half hours, jumps at midnight, jumps of half an hour, and none at all
ZONES = (
    "Europe/Bucharest",
    "Europe/Madrid",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Cairo",
)
HOUR_MS = 3_600_000


def at(text: str, zone: ZoneInfo = BUCHAREST, fold: int = 0) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp() * 1000)


def hours(*windows: Window, zone: ZoneInfo = BUCHAREST, holidays: Holidays | None = None) -> Hours:
    return Hours("some", zone, windows, holidays or Holidays())


def window(begin: str, end: str, days: tuple[str, ...] = DAYS, on_holidays: str = "keep") -> Window:
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (begin, end)]
    return Window(frozenset(days), *minutes, on_holidays)  # type: ignore[arg-type]


NIGHT = hours(window("22:00", "06:00"))


@pytest.mark.parametrize(
    ("now", "on", "until"),
    [
        ("2026-06-20T21:59:59", False, None),
        ("2026-06-20T22:00:00", True, "2026-06-21T06:00:00"),
        ("2026-06-21T05:59:59", True, "2026-06-21T06:00:00"),
        ("2026-06-21T06:00:00", False, None),
    ],
)
def test_over_midnight(now: str, on: bool, until: str | None) -> None:
    assert NIGHT.on(at(now)) is on
    assert NIGHT.until_ms(at(now)) == (None if until is None else at(until))


def test_a_window_belongs_to_the_day_it_starts_on() -> None:
    friday = hours(window("22:00", "06:00", ("fri",)))
    assert friday.on(at("2026-06-20T03:00:00"))  # Saturday morning
    assert not friday.on(at("2026-06-20T23:00:00"))
    assert friday.next_ms(at("2026-06-20T23:00:00")) == at("2026-06-26T22:00:00")


def test_the_night_the_clock_jumps_is_shorter_or_longer() -> None:
    for day, length_h in (("2026-03-28", 7), ("2026-10-24", 9), ("2026-06-20", 8)):
        begin = at(f"{day}T22:00:00")
        assert NIGHT.until_ms(begin) == begin + length_h * HOUR_MS


def test_an_hour_that_comes_twice_and_one_that_is_not_there() -> None:
    autumn, spring = date(2026, 10, 25), date(2026, 3, 29)
    assert instant_ms(autumn, 3 * 60 + 30, BUCHAREST) == at("2026-10-25T03:30:00", fold=0)
    # 03:00 jumps to 04:00: all of that hour is the jump
    jump = at("2026-03-29T04:00:00")
    assert {instant_ms(spring, 3 * 60 + minute, BUCHAREST) for minute in (0, 1, 30, 59)} == {jump}


def test_windows_that_meet_run_on() -> None:
    night = hours(window("22:00", "24:00"), window("00:00", "06:00"))
    assert night.until_ms(at("2026-06-20T23:00:00")) == at("2026-06-21T06:00:00")
    always = hours(window("00:00", "24:00"))
    assert always.until_ms(at("2026-06-20T23:00:00")) is not None


def test_several_overlap_until_the_last_one_ends() -> None:
    evening = hours(window("20:00", "23:00"))
    assert until_all_end_ms([evening, NIGHT], at("2026-06-20T20:30:00")) == at("2026-06-21T06:00:00")
    assert until_all_end_ms([evening, NIGHT], at("2026-06-20T12:00:00")) is None


def test_public_holidays() -> None:
    holidays = Holidays(frozenset({date(2026, 6, 1)}), frozenset({(12, 25)}))
    working = hours(window("08:00", "16:00", ("mon", "fri"), "skip"), holidays=holidays)
    assert not working.on(at("2026-06-01T10:00:00"))
    assert working.on(at("2026-06-08T10:00:00"))
    assert not working.on(at("2026-12-25T10:00:00"))
    only = hours(window("00:00", "24:00", on_holidays="only"), holidays=holidays)
    assert only.on(at("2026-06-01T10:00:00"))
    assert not only.on(at("2026-06-02T10:00:00"))
    assert only.next_ms(at("2026-06-02T10:00:00")) == at("2026-12-25T00:00:00")


DAYTIME = st.integers(0, 24 * 60 - 1)
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31)).map(
    lambda one: round(one.replace(tzinfo=UTC).timestamp()) * 1000
)


@given(zone=st.sampled_from(ZONES), cuts=st.sets(DAYTIME, min_size=2, max_size=5), now_ms=INSTANTS)
def test_shifts_that_meet_on_the_wall_leave_no_gap_and_no_overlap(
    zone: str, cuts: set[int], now_ms: int
) -> None:
    """Whatever the clock does, exactly one of the shifts that divide the day is on."""
    where = ZoneInfo(zone)
    bounds = sorted(cuts)
    shifts = [
        hours(Window(frozenset(DAYS), begin, end), zone=where)
        for begin, end in zip(bounds, [*bounds[1:], bounds[0]], strict=True)
    ]
    assert sum(one.on(now_ms) for one in shifts) == 1
    current = next(one for one in shifts if one.on(now_ms))
    until_ms = current.until_ms(now_ms)
    assert until_ms is not None
    assert now_ms < until_ms <= now_ms + 26 * HOUR_MS
    assert not current.on(until_ms)
    assert sum(one.on(until_ms) for one in shifts) == 1


@given(
    zone=st.sampled_from(ZONES),
    begin=DAYTIME,
    end=DAYTIME,
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    now_ms=INSTANTS,
)
def test_begins_and_ends_are_where_the_state_changes(
    zone: str, begin: int, end: int, days: set[str], now_ms: int
) -> None:
    one = hours(Window(frozenset(days), begin, end), zone=ZoneInfo(zone))  # type: ignore[arg-type]
    if one.on(now_ms):
        until_ms = one.until_ms(now_ms)
        assert until_ms is not None
        if len(days) < 7 or begin != end:
            assert one.on(until_ms - 1)
            assert not one.on(until_ms)
    else:
        next_ms = one.next_ms(now_ms)
        assert next_ms is not None
        # a window that lies whole in the hour that is jumped over does not run that day
        assume(one.on(next_ms))
        assert not one.on(next_ms - 1)
        assert next_ms - now_ms <= 8 * 24 * HOUR_MS


@given(zone=st.sampled_from(ZONES), day=st.dates(date(2024, 1, 1), date(2030, 12, 30)), minute=DAYTIME)
def test_the_clock_shows_the_minute_or_jumps_over_it(zone: str, day: date, minute: int) -> None:
    where = ZoneInfo(zone)
    moment = datetime.fromtimestamp(instant_ms(day, minute, where) / 1000, UTC)
    shown = moment.astimezone(where).replace(tzinfo=None)
    wanted = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
    before = (moment - timedelta(seconds=1)).astimezone(where).replace(tzinfo=None)
    assert shown == wanted or before < wanted < shown
