"""Time in which the hub itself did not judge: it clears nothing, blames no camera, and cannot run backwards."""

from __future__ import annotations

import pytest

from hub.monitor import Monitor
from tests.plaza import (
    AGENTS,
    START_MS,
    alerts,
    assessment,
    crowd,
    events,
    monitor,
    reading,
    second,
    site,
    track,
)

PAUSE_MS = 600_000


def crowded(m, seconds, density, start=0):
    step, at = None, START_MS
    for i in range(start, start + seconds):
        at = START_MS + i * 1000
        step = second(m, at, reading("west", at, crowd(density)), reading("east", at, crowd(density)))
    return step, at


def after_restart(m, at, *, seconds=30, density=0.0, **over):
    """The hub anew, from its memory and the stored readings."""
    again = Monitor(**{"site": site(), "assessment": None, "run": "test", **over}, memory=m.memory())
    for i in range(seconds, 0, -1):
        then = at - (i - 1) * 1000
        for camera in AGENTS:
            again.recall(reading(camera, then, 0.0 if camera == "lane-cam" else crowd(density)))
    return again


def test_a_pause_does_not_count_for_an_off_delay():
    m = monitor()
    crowded(m, 30, 5.0)
    step, at = crowded(m, 6, 0.0, start=30)
    assert alerts(step)[0].condition == "active"
    again = after_restart(m, at)
    assert alerts(second(again, at + PAUSE_MS))[0].condition == "active"
    for i in range(1, 180):
        step = second(again, at + PAUSE_MS + i * 1000)
    assert not [a for a in alerts(step, "density.critical") if a.condition == "active"]


def test_time_in_which_judging_failed_is_a_pause_too(monkeypatch):
    m = monitor()
    crowded(m, 30, 5.0)
    _, at = crowded(m, 6, 0.0, start=30)
    with monkeypatch.context() as broken:
        broken.setattr(m, "_findings", lambda *_: 1 // 0)
        for i in range(1, 600):
            with pytest.raises(ZeroDivisionError):
                second(m, at + i * 1000)
    assert alerts(second(m, at + PAUSE_MS))[0].condition == "active"


def test_a_pause_does_not_count_for_a_standing_vehicle():
    m = monitor()
    for i in range(60):
        at = START_MS + i * 1000
        second(m, at, reading("lane-cam", at, vehicles=[track(at, 10, -15)]))
    again, at = after_restart(m, at), at + PAUSE_MS
    step = second(again, at, reading("lane-cam", at, vehicles=[track(at, 10, -15)]))
    assert not alerts(step, "vehicle.stopped")


def test_a_pause_does_not_lower_a_risk():
    m = monitor(assessment=assessment())
    crowded(m, 40, 5.0)
    step, at = crowded(m, 10, 0.0, start=40)
    again = after_restart(m, at, assessment=assessment())
    after = second(again, at + PAUSE_MS)
    assert [z.risk.live for z in after.zones] == [z.risk.live for z in step.zones]


def test_no_camera_is_blamed_for_the_hubs_own_silence():
    m = monitor(assessment=assessment())
    step, at = crowded(m, 120, 4.0)
    assert max(z.level for z in step.zones) >= 2
    again = after_restart(m, at, density=4.0, assessment=assessment())
    step = again.step(at + 10_000)
    assert all(z.level is None for z in step.zones)
    assert not [t for t in step.transitions if t.event == "open"]
    silent = [e for s in range(1, 5) for e in events(again.step(at + 10_000 + s * 1000).transitions)]
    assert [(event, rule) for event, rule, _ in silent] == [("open", "sensor.silent")] * 3


def test_a_clock_set_back_over_a_restart_leaves_nothing_looking_live():
    m = monitor()
    _, at = crowded(m, 60, 0.5)
    again = after_restart(m, at, density=0.5)
    back = at - 3_600_000
    for i in range(10):
        step = again.step(back + i * 1000)
    assert [z.level for z in step.zones] == [None, None]
    assert {c.state for c in step.cameras} == {"never"}


def test_after_a_clock_was_set_back_rules_go_on():
    m = monitor()
    _, at = crowded(m, 60, 5.0)
    again = after_restart(m, at, density=5.0)
    back = at - 3_600_000
    again.step(back)
    for i in range(1, 20):
        step = second(again, back + i * 1000, reading("west", back + i * 1000, vehicles=[track(at, 20, 20)]))
    assert alerts(step, "vehicle.unauthorised")
    assert [z.level is not None for z in step.zones] == [True, True]
    for i in range(20, 220):
        step = second(again, back + i * 1000)
    assert alerts(step, "density.critical")[0].condition == "returned"
    assert alerts(step, "vehicle.unauthorised")[0].condition == "returned"
