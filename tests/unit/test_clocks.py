from __future__ import annotations

import random

import pytest

from hub.clocks import BOOTS_MAX, Clock, Clocks

START_MS = 1_781_978_400_000


def live(
    clock: Clock, *, device_ahead_ms: int, seconds: int, start_ms: int = START_MS, jitter_ms: int = 80
) -> int:
    """A reading a second as a device sends it; returns when the last one came."""
    chance = random.Random(3)
    received_ms = start_ms
    for second in range(seconds):
        sent_ms = start_ms + 1000 * second
        received_ms = sent_ms + 20 + chance.randrange(jitter_ms)
        clock.note(received_ms=received_ms, sent_at_ms=sent_ms + device_ahead_ms)
    return received_ms


@pytest.mark.parametrize("ahead_ms", [-1900, -300, 0, 300, 1900])
def test_up_to_two_seconds_nothing_is_corrected(ahead_ms: int) -> None:
    clock = Clock()
    live(clock, device_ahead_ms=ahead_ms, seconds=30)
    assert clock.offset_ms == pytest.approx(-ahead_ms, abs=100)
    assert clock.correction_ms == 0
    assert clock.sure


@pytest.mark.parametrize("ahead_ms", [3_600_000, 60_000, 3_000, -3_000, -86_400_000])
def test_beyond_it_is(ahead_ms: int) -> None:
    clock = Clock()
    live(clock, device_ahead_ms=ahead_ms, seconds=30)
    assert clock.correction_ms == pytest.approx(-ahead_ms, abs=100)


def test_a_fast_clock_shows_within_three_seconds() -> None:
    clock = Clock()
    live(clock, device_ahead_ms=60_000, seconds=3)
    assert clock.offset_ms == pytest.approx(-60_000, abs=100)


def test_one_message_from_the_future_says_nothing() -> None:
    clock = Clock()
    clock.note(received_ms=START_MS, sent_at_ms=START_MS + 3_600_000)
    assert clock.offset_ms is None
    assert not clock.sure


def drain(clock: Clock, *, waited_s: int, messages_a_second: int = 2000) -> int:
    """A queue that the broker kept while the hub was away, read as fast as it comes."""
    for number in range(waited_s):
        received_ms = START_MS + number * 1000 // messages_a_second
        clock.note(received_ms=received_ms, sent_at_ms=START_MS - 1000 * (waited_s - number))
    return START_MS + waited_s * 1000 // messages_a_second


def test_a_queue_that_drains_is_no_slow_clock() -> None:
    for waited_s in (5, 60, 600, 36_000):
        clock = Clock()
        drain(clock, waited_s=waited_s)
        assert clock.correction_ms == 0, waited_s
        live(clock, device_ahead_ms=0, seconds=5, start_ms=START_MS + 20_000)
        assert clock.offset_ms == pytest.approx(0, abs=100)


def test_an_outbox_emptied_into_the_broker_is_no_slow_clock() -> None:
    """Sent within three seconds and read within three seconds, ten minutes later: looks like a clock 10 min slow."""
    clock = Clock()
    for number in range(30):
        clock.note(received_ms=START_MS + 100 * number, sent_at_ms=START_MS - 600_000 + 100 * number)
    assert clock.correction_ms == 0


def test_a_clock_that_is_set_is_measured_anew() -> None:
    clock = Clock()
    last_ms = live(clock, device_ahead_ms=0, seconds=60)
    clock.note(received_ms=last_ms + 1000, sent_at_ms=last_ms + 1000 + 600_000)
    assert not clock.sure
    assert clock.correction_ms == 0
    live(clock, device_ahead_ms=600_000, seconds=4, start_ms=last_ms + 2000)
    assert clock.correction_ms == pytest.approx(-600_000, abs=100)


def test_clocks_remember_what_the_database_knew() -> None:
    clocks = Clocks({("box", "boot"): -5000})
    assert clocks.of("box", "boot").correction_ms == -5000
    assert clocks.get("box", "other") is None
    assert clocks.of("box", "other").offset_ms is None


def test_an_agent_that_makes_up_boots_does_not_fill_the_memory() -> None:
    clocks = Clocks({("other", "boot"): -5000})
    for number in range(5_000):
        clocks.of("box", f"boot-{number}")
    kept = [number for number in range(5_000) if clocks.get("box", f"boot-{number}") is not None]
    assert kept == list(range(5_000 - BOOTS_MAX, 5_000))
    assert clocks.of("other", "boot").correction_ms == -5000
