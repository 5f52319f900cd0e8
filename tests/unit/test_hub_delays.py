from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.delays import Delay, Verdict

ON, HOLD, OFF, UNKNOWN = Verdict.ON, Verdict.HOLD, Verdict.OFF, Verdict.UNKNOWN


def run(verdicts, *, step_ms=1000, on=3000, off=5000, samples=1, delay=None, start=0):
    delay = delay or Delay()
    states = []
    for i, verdict in enumerate(verdicts):
        delay.advance(verdict, start + i * step_ms, on_after_ms=on, off_after_ms=off, samples_min=samples)
        states.append(delay.active)
    return states, delay


def test_on_after_its_delay_in_capture_time():
    states, _ = run([ON] * 5)
    assert states == [False, False, False, True, True]


def test_off_before_the_delay_begins_anew():
    states, _ = run([ON, ON, ON, OFF, ON, ON, ON, ON])
    assert states.index(True) == 7


def test_hold_neither_begins_nor_ends():
    states, _ = run([ON, ON, HOLD, HOLD, ON, ON, ON])
    assert states[-1]
    states, _ = run([HOLD] * 20)
    assert not any(states)


def test_off_delay_must_be_unbroken():
    on = [ON] * 4
    states, _ = run([*on, *[OFF] * 5])
    assert states[-1]
    states, _ = run([*on, *[OFF] * 6])
    assert not states[-1]
    states, _ = run([*on, *[OFF] * 5, HOLD, *[OFF] * 5])
    assert states[-1]


def test_unknown_stops_the_on_clock():
    # Two seconds on, a long silence, then one more second: three seconds in all.
    _, delay = run([ON, ON, ON])
    delay.advance(UNKNOWN, 3_000, on_after_ms=3000, off_after_ms=5000)
    delay.advance(ON, 90_000, on_after_ms=3000, off_after_ms=5000)
    assert not delay.active
    delay.advance(ON, 91_000, on_after_ms=3000, off_after_ms=5000)
    assert delay.active


def test_unknown_stops_the_off_clock():
    _, delay = run([ON] * 4 + [OFF] * 4)
    assert delay.active
    for i in range(100):
        delay.advance(UNKNOWN, 8_000 + i * 1000, on_after_ms=3000, off_after_ms=5000)
    delay.advance(OFF, 200_000, on_after_ms=3000, off_after_ms=5000)
    assert delay.active
    delay.advance(OFF, 202_000, on_after_ms=3000, off_after_ms=5000)
    assert not delay.active


def test_the_same_instant_again_changes_nothing():
    _, delay = run([ON, ON])
    for _ in range(50):
        delay.advance(ON, 1_000, on_after_ms=3000, off_after_ms=5000)
    assert not delay.active
    delay.advance(ON, 500, on_after_ms=3000, off_after_ms=5000)
    assert delay.on_ms == 1000


def test_no_delay_is_at_once_and_two_samples_are_two():
    states, _ = run([ON, ON], on=0)
    assert states == [True, True]
    states, _ = run([ON, ON], on=0, samples=2)
    assert states == [False, True]


verdicts = st.lists(st.sampled_from([ON, HOLD, OFF, UNKNOWN]), max_size=60)


@given(verdicts)
def test_it_never_starts_without_enough_on_nor_ends_without_enough_off(sequence):
    delay = Delay()
    on_ms = off_ms = 0
    previous = None
    for i, verdict in enumerate(sequence):
        was = delay.active
        delay.advance(verdict, i * 1000, on_after_ms=3000, off_after_ms=5000)
        known_before = previous is not None and previous is not UNKNOWN
        if verdict is ON:
            on_ms += 1000 if known_before else 0
        if verdict is OFF:
            on_ms = 0
            off_ms += 1000 if known_before else 0
        elif verdict is not UNKNOWN:
            off_ms = 0
        if delay.active and not was:
            assert on_ms >= 3000
            off_ms = 0
        if was and not delay.active:
            assert off_ms >= 5000
            on_ms = 0
        if verdict is UNKNOWN:
            assert delay.active == was
        previous = verdict
