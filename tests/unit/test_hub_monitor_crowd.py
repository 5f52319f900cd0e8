"""The monitor on crowds: from readings to levels and alerts."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import numpy as np
import pytest

from contract.instants import to_ms
from contract.messages import Crossing
from hub.monitor import Acknowledge
from tests.plaza import SQUARE, START_MS, alerts, assessment, crowd, events, monitor, reading, second, zone

WEST_HALF = np.zeros(SQUARE.shape, bool)
WEST_HALF[:, :15] = True


def both(at, people, **over):
    return [reading("west", at, people, **over), reading("east", at, people, **over)]


def run(m, seconds, people, start=0):
    """`people` is a density or a function of the second. Returns (steps, transitions)."""
    steps, found = [], []
    for i in range(start, start + seconds):
        at = START_MS + i * 1000
        grid = people(i) if callable(people) else crowd(people)
        steps.append(second(m, at, *both(at, grid)))
        found += steps[-1].transitions
    return steps, found


def test_an_empty_square_is_calm():
    step = run(monitor(), 3, 0.0)[0][-1]
    square = zone(step, "square")
    assert (square.level, square.quality, square.people, square.level_of_service) == (0, "observed", 0.0, "A")
    assert [r.reason for r in square.reasons] == ["zone.calm"]
    assert step.alerts == ()


def test_numbers_of_a_hot_spot():
    square = zone(run(monitor(), 6, 4.0)[0][-1], "square")
    assert square.people == pytest.approx(4.0 * 36, abs=0.1)
    assert square.people_low < square.people < square.people_high
    assert square.patch_max_per_m2 == pytest.approx(4.0)
    assert square.patch_at_m == (11.0, 11.0)
    assert square.density_per_m2 == pytest.approx(144 / 2384, abs=1e-3)
    assert square.occupancy_share == pytest.approx(144 / 4768, abs=1e-3)


def test_a_local_hot_spot_is_not_averaged_away():
    step = run(monitor(), 20, 5.0)[0][-1]
    assert zone(step, "square").level_of_service == "A"
    assert zone(step, "square").level == 3
    (alert,) = alerts(step)
    assert (alert.rule, alert.severity) == ("density.critical", "high")


def test_an_alert_says_everything():
    (alert,) = alerts(run(monitor(assessment=assessment()), 20, 5.0)[0][-1])
    (reason,) = alert.reasons
    assert (reason.reason, reason.value, reason.threshold, reason.unit) == ("density.patch", 5.0, 4.7, "/m2")
    assert reason.sources == ("west", "east")
    assert alert.zone == "square"
    assert alert.position_m == (11.0, 11.0)
    assert alert.vms_url in ("https://vms.example/west", "https://vms.example/east")
    assert alert.advice
    assert "100% of the zone" in alert.certainty
    assert "2 sigma" in alert.certainty


@pytest.mark.parametrize(
    ("density", "rule", "after_s"),
    [
        (2.1, "density.caution", 60),
        (3.6, "density.warning", 30),
        (4.8, "density.critical", 10),
        (6.1, "density.extreme", 5),
    ],
)
def test_on_delays_of_the_method(density, rule, after_s):
    _, found = run(monitor(), 70, density)
    opened = next(t for t in found if t.event == "open")
    assert opened.alert.rule == rule
    assert opened.at == f"2026-06-20T18:0{after_s // 60}:{after_s % 60:02d}.000Z"


def test_below_caution_nothing_opens():
    assert run(monitor(), 200, 1.95)[1] == []


def test_a_standing_crowd_has_a_higher_caution():
    m = monitor()
    for i in range(100):
        at = START_MS + i * 1000
        step = second(m, at, reading("lane-cam", at, 2.5 * 4))
    assert not alerts(step, "density.caution")
    for i in range(100, 170):
        at = START_MS + i * 1000
        step = second(m, at, reading("lane-cam", at, 3.1 * 4))
    assert alerts(step, "density.caution")


def test_one_alert_rises_for_one_hot_spot():
    _, found = run(
        monitor(), 400, lambda i: crowd(2.2 if i < 100 else 3.8 if i < 200 else 5.0 if i < 300 else 6.5)
    )
    density = [t for t in found if t.alert.rule.startswith("density")]
    assert events(density) == [
        ("open", "density.caution", "low"),
        ("worsen", "density.warning", "medium"),
        ("worsen", "density.critical", "high"),
        ("worsen", "density.extreme", "high"),
    ]
    assert len({t.alert.alert for t in density}) == 1
    assert density[-1].alert.rule == "density.extreme"


def test_the_median_of_five_seconds_lets_one_bad_reading_pass():
    _, found = run(monitor(), 100, lambda i: crowd(9.0 if i == 50 else 0.5))
    assert found == []


def test_a_wobble_round_a_threshold_for_an_hour():
    rng = random.Random(5)
    _, found = run(monitor(), 3600, lambda i: crowd(2.0 + 0.1 * math.sin(i / 7) + rng.uniform(-0.05, 0.05)))
    assert len([t for t in found if t.event == "open"]) <= 2
    assert len([t for t in found if t.event in ("return", "rise_again")]) == 0


def test_a_slow_wobble_through_the_whole_band():
    m, found = monitor(), []
    for i in range(0, 3600, 5):  # a camera that sends every five seconds
        at = START_MS + i * 1000
        people = crowd(2.0 + 0.1 * math.sin(2 * math.pi * i / 600))
        found += second(m, at, *both(at, people, period_s=5.0)).transitions
    assert len([t for t in found if t.event == "open" and t.alert.rule.startswith("density")]) <= 2


def test_clears_after_its_time_and_closes_when_acknowledged():
    m = monitor()
    run(m, 20, 5.0)
    steps, found = run(m, 190, 0.5, start=20)
    assert events(found)[-1] == ("return", "density.critical", "high")
    (alert,) = steps[-1].alerts
    assert alert.condition == "returned"
    assert [t.event for t in m.act(Acknowledge(alert=alert.alert, by="Ana"), START_MS + 300_000)] == [
        "acknowledge",
        "close",
    ]


def test_the_level_follows_the_same_delays():
    m = monitor()
    steps, _ = run(m, 20, 5.0)
    levels = [zone(s, "square").level for s in steps]
    assert levels[9] == 0
    assert levels[10] == 3
    steps, _ = run(m, 250, 0.5, start=20)
    levels = [zone(s, "square").level for s in steps]
    assert levels[100] == 3
    assert levels[-1] == 0
    assert all(a >= b for a, b in itertools.pairwise(levels))


# --- merging, end to end ---


@pytest.mark.parametrize("sigma", [0.0, 0.01, 600.0])
def test_an_occluded_camera_cannot_clear_the_square(sigma):
    m = monitor()
    for i in range(20):
        at = START_MS + i * 1000
        step = second(m, at, reading("west", at, crowd(5.0)), reading("east", at, 0.0, sigma=sigma))
    square = zone(step, "square")
    assert square.people == pytest.approx(180, abs=0.1)
    (alert,) = alerts(step)
    assert alert.rule == "density.critical"
    assert "larger count stands" in alert.certainty


def test_an_occluded_camera_that_joins_later_cannot_clear_an_alert():
    m = monitor()
    for i in range(20):
        at = START_MS + i * 1000
        second(
            m,
            at,
            reading("west", at, crowd(5.0)),
            reading("east", at, 0.0, observed=np.zeros(SQUARE.shape, bool)),
        )
    for i in range(20, 400):
        at = START_MS + i * 1000
        step = second(m, at, reading("west", at, crowd(5.0)), reading("east", at, 0.0, sigma=0.0))
    assert alerts(step)[0].condition == "active"
    assert zone(step, "square").level == 3


# --- partly seen ---


def test_partly_seen_says_so_and_counts_only_what_is_seen():
    m = monitor()
    for i in range(6):
        at = START_MS + i * 1000
        step = second(m, at, *both(at, 1.0, observed=WEST_HALF))
    square = zone(step, "square")
    assert square.quality == "partly"
    assert square.observed_share == pytest.approx(0.5, abs=0.01)
    assert square.people == pytest.approx(300, abs=1)
    assert square.people_high > 600
    assert square.reasons[0].reason == "zone.partly_seen"
    assert "50%" in square.reasons[0].text


def test_a_hot_spot_that_goes_out_of_sight_does_not_clear():
    m = monitor()
    run(m, 20, 5.0)  # at (11, 11), in the west half
    for i in range(20, 600):
        at = START_MS + i * 1000
        step = second(m, at, *both(at, 0.0, observed=~WEST_HALF))
    square = zone(step, "square")
    assert (square.quality, square.level, square.hazard) == ("partly", 3, 3)
    (alert,) = alerts(step, "density.critical")
    assert alert.condition == "unknown"
    # Seen again and empty: now it falls, after its time.
    for i in range(600, 790):
        at = START_MS + i * 1000
        step = second(m, at, *both(at, 0.0))
    assert alerts(step, "density.critical")[0].condition == "returned"


def test_a_hot_spot_half_out_of_sight_does_not_clear_either():
    m = monitor()
    run(m, 20, 5.0)
    shut = np.ones(SQUARE.shape, bool)
    shut[:, :6] = False  # the patch at columns 4 to 6 keeps one of its three columns
    for i in range(20, 400):
        at = START_MS + i * 1000
        step = second(m, at, *both(at, 0.0, observed=shut))
    # 120 of the 180 people were last seen on ground now out of sight: 3.3 per square metre, above what ends a warning.
    assert zone(step, "square").level == 2
    assert alerts(step, "density.critical")[0].condition == "unknown"


# --- occupancy and time to critical ---


def lane(m, i, people, crossings=()):
    at = START_MS + i * 1000
    return second(m, at, reading("lane-cam", at, people, crossings=crossings))


def test_occupancy_rises_from_low_to_medium():
    m = monitor()
    found = []
    for i in range(200):
        found += lane(m, i, 330 / 150 if i < 100 else 410 / 150).transitions
    assert events([t for t in found if t.alert.rule == "occupancy"]) == [
        ("open", "occupancy", "low"),
        ("worsen", "occupancy", "medium"),
    ]
    reason = found[0].alert.reasons[0]
    assert reason.value == pytest.approx(82.5, abs=0.5)
    assert reason.threshold == 80


def test_time_to_critical_of_a_filling_lane():
    m = monitor()
    found = []
    # 0.5 people a second from 100 towards 400: ten minutes away at the start.
    for i in range(260):
        step = lane(m, i, (100 + 0.5 * i) / 150)
        found += step.transitions
    state = zone(step, "lane")
    assert state.net_inflow_per_min == pytest.approx(30, abs=1)
    remaining = (400 - (100 + 0.5 * 259)) / 0.5 / 60
    assert state.time_to_critical.median_min == pytest.approx(remaining, abs=0.5)
    opened = next(t for t in found if t.alert.rule == "time.to.critical")
    assert (opened.event, opened.alert.severity) == ("open", "medium")
    assert {r.reason for r in opened.alert.reasons} == {"time.to_critical", "inflow.positive"}


def test_a_spot_that_begins_to_fill_is_judged_by_what_it_holds_now():
    """Half a person a second from second 120 on: a fifth of critical after 68 s, and told a minute later."""
    m = monitor()
    found = run(m, 330, lambda i: crowd(max(0.0, 0.5 * (i - 120)) / 36))[1]
    opened = next(t for t in found if t.alert.rule == "time.to.critical")
    after_s = (to_ms(opened.at) - START_MS) / 1000
    assert 188 + 60 <= after_s <= 188 + 60 + 8


def test_no_trend_from_less_than_a_minute():
    m = monitor()
    for i in range(55):
        step = lane(m, i, (100 + 2 * i) / 150)
    assert zone(step, "lane").time_to_critical is None
    assert zone(step, "lane").net_inflow_per_min is None


def test_a_steady_lane_has_no_time_to_critical():
    m = monitor()
    for i in range(200):
        step = lane(m, i, 200 / 150)
    assert zone(step, "lane").time_to_critical is None
    assert not alerts(step, "time.to.critical")


def test_counting_lines_give_the_inflow_where_they_close_the_zone():
    m = monitor()
    for i in range(200):
        crossing = Crossing(line="lane-mouth", kind="person", forward=2, backward=1)
        step = lane(m, i, 200 / 150, [crossing])
    state = zone(step, "lane")
    assert state.net_inflow_per_min == pytest.approx(60, abs=1)
    assert state.time_to_critical.median_min == pytest.approx(200 / 60, abs=0.1)
    assert (
        state.time_to_critical.high_min > state.time_to_critical.median_min > state.time_to_critical.low_min
    )


def test_crossings_of_a_device_whose_clock_is_off_count_when_they_happened():
    m, off_ms = monitor(), 3_600_000
    for i in range(200):
        at = START_MS + i * 1000
        crossing = Crossing(line="lane-mouth", kind="person", forward=2, backward=1)
        said = reading("lane-cam", at - off_ms, 200 / 150, crossings=[crossing])
        mended = replace(said, captured_from_ms=at - 1000, captured_to_ms=at)
        step = second(m, at, mended)
    assert zone(step, "lane").net_inflow_per_min == pytest.approx(60, abs=1)


def test_a_line_that_misses_people_does_not_hide_that_it_fills():
    m = monitor()
    for i in range(200):
        step = lane(m, i, (100 + 0.5 * i) / 150)
    assert zone(step, "lane").net_inflow_per_min == pytest.approx(30, abs=1)


def test_a_camera_that_joins_is_not_an_inflow():
    m = monitor()
    for i in range(130):
        at = START_MS + i * 1000
        seen = WEST_HALF if i < 70 else np.ones(SQUARE.shape, bool)
        step = second(m, at, *both(at, 4.0, observed=seen))
    net = zone(step, "square").net_inflow_per_min
    assert net is None or abs(net) < 1


def test_a_neighbourhood_fills_while_the_zone_does_not():
    m = monitor()
    for i in range(200):
        at = START_MS + i * 1000
        step = second(m, at, *both(at, crowd(1.5 + 0.01 * i)))
    arrival = zone(step, "square").time_to_critical
    assert arrival.where.startswith("6 m around (11, 11)")
    assert arrival.median_min == pytest.approx((4.7 - 3.49) / 0.01 / 60, abs=0.4)
