"""Silence never reads as safety."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.instants import from_ms
from contract.messages import AgentStatus
from tests.plaza import (
    AGENTS,
    START_MS,
    alerts,
    assessment,
    crowd,
    events,
    health,
    monitor,
    reading,
    second,
    zone,
)


def run(m, seconds, people=0.0, start=0, but=(), dead=()):
    """Everything sends but `but` (and `dead`, whose readings also stop). Returns (steps, transitions)."""
    steps, found = [], []
    for i in range(start, start + seconds):
        at = START_MS + i * 1000
        for camera in AGENTS:
            if camera not in (*but, *dead):
                grid = 0.0 if camera == "lane-cam" else crowd(people)
                m.observe(reading(camera, at, grid), received_ms=at)
        steps.append(m.step(at))
        found += steps[-1].transitions
    return steps, found


BOTH = ("west", "east")


def test_a_zone_is_unknown_after_three_seconds():
    m = monitor()
    run(m, 10)
    steps, _ = run(m, 10, start=10, but=BOTH)
    assert [zone(s, "square").level for s in steps] == [0, 0, 0, *[None] * 7]
    square = zone(steps[-1], "square")
    assert square.quality == "unknown"
    assert square.observed_share == 0
    for value in (
        square.people,
        square.people_low,
        square.density_per_m2,
        square.patch_max_per_m2,
        square.hazard,
    ):
        assert value is None
    assert square.last_level == 0
    assert zone(steps[-1], "lane").level == 0


def test_three_periods_where_they_are_longer():
    m = monitor()
    for i in range(0, 60, 10):
        at = START_MS + i * 1000
        for camera in BOTH:
            m.observe(reading(camera, at, 0.0, period_s=10.0), received_ms=at)
        m.step(at)
    last = START_MS + 50_000
    assert zone(m.step(last + 30_000), "square").level == 0
    assert zone(m.step(last + 30_001), "square").level is None


def test_another_camera_that_covers_keeps_it_known():
    m = monitor()
    run(m, 10)
    steps, _ = run(m, 60, start=10, but=("east",))
    assert zone(steps[-1], "square").quality == "observed"


def test_critical_and_blind():
    m = monitor()
    run(m, 30, 5.0)
    steps, found = run(m, 900, start=30, but=BOTH)
    square = zone(steps[-1], "square")
    assert (square.level, square.last_level, square.quality) == (None, 3, "unknown")
    assert square.reasons[0].reason == "zone.blind"
    assert "last known level 3 (very high)" in square.reasons[0].text
    (alert,) = alerts(steps[-1], "density.critical")
    assert (alert.condition, alert.severity) == ("unknown", "high")
    assert not [t for t in found if t.event in ("return", "close")]


def test_seen_again_the_level_falls_only_after_its_delay():
    m = monitor()
    run(m, 30, 5.0)
    run(m, 300, start=30, but=BOTH)
    steps, _ = run(m, 260, 0.0, start=330)
    levels = [zone(s, "square").level for s in steps]
    assert levels[0] == 3
    assert levels[170] == 3
    assert levels[-1] == 0


def test_half_an_on_delay_before_silence_still_counts_after():
    m = monitor()
    run(m, 22, 3.6)  # warning needs 30 s
    _, found = run(m, 100, start=22, but=BOTH)
    assert not [t for t in found if t.alert.rule.startswith("density")]
    _, found = run(m, 8, 3.6, start=122)
    assert not [t for t in found if t.alert.rule.startswith("density")]
    _, found = run(m, 12, 3.6, start=130)
    assert [t.alert.rule for t in found if t.event == "open"] == ["density.warning"]


# --- sensor.silent ---


def test_after_thirty_seconds_low():
    m = monitor()
    run(m, 10)
    _, found = run(m, 60, start=10, but=("east",))
    silent = [t for t in found if t.alert.rule == "sensor.silent"]
    assert events(silent) == [("open", "sensor.silent", "low")]
    assert silent[0].at == from_ms(START_MS + 9_000 + 4_000 + 30_000)
    alert = silent[0].alert
    assert (alert.subject, alert.cameras, alert.vms_url) == ("east", ("east",), "https://vms.example/east")
    assert alert.reasons[0].reason == "sensor.no_reading"
    assert alert.reasons[0].threshold == 3.0


@pytest.mark.parametrize(
    ("density", "wait", "level", "severity"),
    [(3.6, 45, 2, "medium"), (5.0, 20, 3, "high"), (6.5, 20, 4, "high")],
)
def test_at_once_where_the_zone_was_medium_or_more(density, wait, level, severity):
    m = monitor()
    run(m, wait, density)
    steps, found = run(m, 6, start=wait, but=BOTH)
    silent = [t for t in found if t.alert.rule == "sensor.silent"]
    assert {(t.alert.subject, t.event, t.alert.severity) for t in silent} == {
        ("west", "open", severity),
        ("east", "open", severity),
    }
    assert silent[0].at == from_ms(START_MS + (wait - 1) * 1000 + 4_000)
    stake = next(r for r in silent[0].alert.reasons if r.reason == "sensor.zone_at_stake")
    assert stake.value == level
    assert silent[0].alert.zone == "square"
    assert zone(steps[-1], "square").last_level == level


def test_covered_by_another_camera_it_can_wait():
    m = monitor()
    run(m, 20, 5.0)
    _, found = run(m, 20, 5.0, start=20, but=("east",))
    assert not [t for t in found if t.alert.rule == "sensor.silent"]


def test_clears_after_three_good_readings():
    m = monitor()
    run(m, 10)
    run(m, 60, start=10, but=("east",))
    _, found = run(m, 2, start=70)
    assert not found
    _, found = run(m, 1, start=72)
    assert events(found) == [("return", "sensor.silent", "low"), ("close", "sensor.silent", "low")]


def test_one_good_reading_now_and_then_is_not_enough():
    m = monitor()
    run(m, 10)
    run(m, 60, start=10, but=("east",))
    found = []
    for i in range(20):
        found += run(m, 1, start=70 + 8 * i)[1]
        found += run(m, 7, start=71 + 8 * i, but=("east",))[1]
    assert not [t for t in found if t.event == "return"]


def test_never_seen_since_start():
    m = monitor()
    steps, found = run(m, 40, dead=("east",))
    silent = [t for t in found if t.alert.rule == "sensor.silent"]
    assert events(silent) == [("open", "sensor.silent", "low")]
    assert silent[0].alert.reasons[0].reason == "sensor.never_seen"
    east = next(c for c in steps[-1].cameras if c.camera == "east")
    assert (east.state, east.captured_to, east.age_s) == ("never", None, None)
    assert "check agent box-2" in east.problem


def test_nothing_ever_seen_is_unknown_and_not_calm():
    m = monitor()
    step = m.step(START_MS)
    for state in step.zones:
        assert (state.level, state.last_level, state.quality) == (None, None, "unknown")
        assert state.reasons[0].reason == "zone.never_seen"
    assert set(step.heat.density_per_m2) == {None}


@pytest.mark.parametrize("picture", ["frozen", "dark", "covered", "moved", "none"])
def test_a_bad_picture_is_no_observation(picture):
    m = monitor()
    run(m, 10)
    for camera in BOTH:
        m.note_health(health(camera, START_MS + 10_000, picture), received_ms=START_MS + 10_000)
    steps, found = run(m, 40, start=10)
    assert zone(steps[0], "square").level is None
    west = next(c for c in steps[-1].cameras if c.camera == "west")
    assert (west.state, west.picture) == ("bad_picture", picture)
    opened = [t for t in found if t.alert.rule == "sensor.silent"]
    assert len(opened) == 2
    assert opened[0].alert.reasons[0].reason == "sensor.bad_picture"
    for camera in BOTH:
        m.note_health(health(camera, START_MS + 50_000), received_ms=START_MS + 50_000)
    steps, found = run(m, 4, start=50)
    assert zone(steps[0], "square").level == 0
    assert [t.event for t in found].count("return") == 2


def test_what_an_earlier_boot_said_of_the_picture_no_longer_counts():
    m = monitor()
    run(m, 3)
    m.note_health(health("west", START_MS, "frozen", boot="b0"), received_ms=START_MS)
    steps, _ = run(m, 3, start=3)
    assert next(c for c in steps[-1].cameras if c.camera == "west").state == "live"


def test_stopped_on_purpose_is_said():
    m = monitor()
    run(m, 5)
    status = AgentStatus(
        schema=1, site="plaza", agent="box-1", boot="b1", state="stopped", sent_at=from_ms(START_MS + 5_000),
        version="1", cameras=("west",), models=(),
    )  # fmt: skip
    m.note_status(status, received_ms=START_MS + 5_000)
    steps, found = run(m, 50, start=5, but=("west",))
    assert next(c for c in steps[-1].cameras if c.camera == "west").state == "stopped"
    assert [t.alert.reasons[0].reason for t in found] == ["sensor.stopped"]


def test_a_clock_ahead_does_not_hide_silence():
    m = monitor()
    for i in range(5):
        at = START_MS + i * 1000
        m.observe(reading("west", at + 4_900), received_ms=at)
        m.step(at)
    assert m.step(START_MS + 4_000 + 3_001).cameras[0].state == "silent"


def test_old_readings_do_not_bring_a_camera_back():
    m = monitor()
    run(m, 10)
    run(m, 10, start=10, but=("west",))
    m.observe(reading("west", START_MS + 5_000), received_ms=START_MS + 20_000)
    assert m.step(START_MS + 20_000).cameras[0].state == "silent"


def test_risk_does_not_fall_while_nobody_looks():
    m = monitor(assessment=assessment())
    everyone = crowd(1.0, (30, 20), 60)
    for i in range(10):
        at = START_MS + i * 1000
        step = second(m, at, reading("west", at, everyone), reading("east", at, everyone))
    before = zone(step, "square").risk.live
    consequence = zone(step, "square").risk.terms[0].value
    steps, _ = run(m, 600, start=10, but=BOTH)
    after = zone(steps[-1], "square").risk
    assert after.live == before
    assert after.terms[0].value == consequence
    assert "kept at what was last known" in after.terms[0].text


def test_vehicles_without_grids_keep_a_camera_alive_and_its_ground_unknown():
    m = monitor()
    run(m, 5)
    for i in range(5, 60):
        at = START_MS + i * 1000
        for camera in BOTH:
            m.observe(reading(camera, at, None), received_ms=at)
        step = m.step(at)
    assert step.cameras[0].state == "live"
    assert zone(step, "square").level is None


def test_a_grid_that_leaves_the_site_takes_what_it_said_with_it():
    m = monitor()
    for i in range(5):
        at = START_MS + i * 1000
        step = second(m, at, reading("lane-cam", at, 2.0))
    assert zone(step, "lane").people > 0
    at += 1000
    one = reading("lane-cam", at, 0.0)
    elsewhere = replace(one.ground, frame=replace(one.ground.frame, column0=5_000, row0=5_000))
    step = second(m, at, replace(one, ground=elsewhere))
    assert (zone(step, "lane").people, zone(step, "lane").quality) == (None, "unknown")


def test_the_camera_that_was_overruled_does_not_clear_it_when_the_other_dies():
    m, found = monitor(), []

    def told(start, seconds, west, east):
        for i in range(start, start + seconds):
            at = START_MS + i * 1000
            seen = [reading(c, at, crowd(p)) for c, p in (("west", west), ("east", east)) if p is not None]
            for one in (*seen, reading("lane-cam", at)):
                m.observe(one, received_ms=at)
            step = m.step(at)
            found.extend(step.transitions)
        return step

    step = told(0, 30, 5.0, 0.0)
    assert zone(step, "square").level == 3
    step = told(30, 300, None, 0.0)
    state = zone(step, "square")
    assert state.level == 3
    # all of it is seen, by a camera that saw nobody there before either: that is no observation of an empty square
    assert (state.observed_share, state.quality) == (1.0, "held")
    assert state.people_high > 170
    assert "zone.held" in [one.reason for one in state.reasons]
    lost = alerts(step, "density.critical")[0]
    assert lost.condition == "unknown"
    held = next(one for one in lost.reasons if one.reason == "zone.held")
    assert held.text.startswith("180 people with what was last seen")
    assert "180 with what was last seen" in lost.certainty
    step = told(330, 200, 0.0, 0.0)
    assert zone(step, "square").quality == "observed"
    assert alerts(step, "density.critical")[0].condition == "returned"
    assert zone(step, "square").level == 0
