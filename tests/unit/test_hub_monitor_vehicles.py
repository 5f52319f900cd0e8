"""The monitor on vehicles and closed areas."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from contract.instants import to_ms
from hub.monitor import Acknowledge, IllegalAction
from tests.plaza import (
    SQUARE,
    START_MS,
    alerts,
    assessment,
    crowd,
    events,
    monitor,
    reading,
    second,
    track,
    zone,
)


def drive(m, seconds, place, *, start=0, camera="west", people=0.0, every_ms=1000, base=START_MS, **over):
    """One vehicle at place(i) for each instant; None is no vehicle. Returns (last step, transitions)."""
    found, step = [], None
    for i in range(start, start + round(seconds * 1000 / every_ms)):
        at = base + i * every_ms
        where = place(i) if callable(place) else place
        vehicles = [] if where is None else [track(at, *where, **{"track": f"v{i // 7}", **over})]
        grid = people if at % 1000 == 0 else None
        others = [] if camera == "lane-cam" else [reading("east" if camera == "west" else "west", at, grid)]
        step = second(m, at, reading(camera, at, grid, vehicles=vehicles), *others)
        found += step.transitions
    return step, found


def test_a_car_in_the_pedestrian_zone():
    step, found = drive(monitor(), 10, (20, 20))
    assert events(found) == [("open", "vehicle.unauthorised", "medium")]
    assert found[0].at == "2026-06-20T18:00:03.000Z"
    (alert,) = step.alerts
    assert (alert.subject, alert.zone, alert.position_m) == ("square", "square", (20.0, 20.0))
    assert {r.reason for r in alert.reasons} == {"vehicle.unauthorised", "permit.none"}
    assert "05:00 to 08:00" in next(r.text for r in alert.reasons if r.reason == "permit.none")
    assert alert.vms_url == "https://vms.example/west"
    (vehicle,) = step.vehicles
    assert (vehicle.zone, vehicle.authorised, vehicle.kind) == ("square", False, "car")


def test_a_changing_track_id_does_not_start_the_clock_anew():
    m, found = monitor(), []
    for i in range(4):
        at = START_MS + i * 1000
        found += second(m, at, reading("west", at, vehicles=[track(at, 20, 20, track=f"v{i}")])).transitions
    assert [t.event for t in found] == ["open"]


def test_a_vehicle_missed_now_and_then_is_not_gone():
    _, flicker = drive(monitor(), 12, lambda i: None if i % 3 == 2 else (20, 20))
    assert [t.event for t in flicker] == ["open"]


@pytest.mark.parametrize("kind", ["car", "bus", "truck", "motorcycle"])
def test_motor_kinds(kind):
    assert drive(monitor(), 6, (20, 20), kind=kind)[1]


def test_a_bicycle_needs_no_permit():
    step, found = drive(monitor(), 20, (20, 20), kind="bicycle")
    assert found == []
    assert step.vehicles[0].authorised


def test_outside_every_closed_place():
    step, found = drive(monitor(), 20, (20, -5))
    assert found == []
    assert step.vehicles[0].zone is None


def test_gone_and_acknowledged():
    m = monitor()
    step, _ = drive(m, 10, (20, 20))
    _, found = drive(m, 60, None, start=10)
    assert events(found) == [("return", "vehicle.unauthorised", "medium")]
    assert [t.event for t in m.act(Acknowledge(alert=step.alerts[0].alert, by="Ana"), START_MS + 80_000)] == [
        "acknowledge",
        "close",
    ]


def test_an_area_closed_to_vehicles_comes_before_its_zone():
    step, found = drive(monitor(), 10, (55, 35))
    assert [t.alert.subject for t in found if t.alert.rule.startswith("vehicle")] == ["stage-back"]
    assert step.alerts[0].zone == "square"


MORNING = to_ms("2026-06-20T03:00:00.000Z")  # 06:00 in Bucharest


def test_a_window_permits_until_it_ends():
    m = monitor()
    step, found = drive(m, 10, (20, 20), base=MORNING)
    assert found == []
    assert step.vehicles[0].authorised
    late = to_ms("2026-06-20T04:59:55.000Z")
    _, found = drive(m, 20, (20, 20), base=late)
    assert [t.at for t in found] == ["2026-06-20T05:00:03.000Z"]


def test_the_zone_window_does_not_open_an_area_inside():
    _, found = drive(monitor(), 10, (55, 35), base=MORNING)
    assert found[0].alert.subject == "stage-back"


def test_a_timed_permit():
    m = monitor()
    m.grant_permit("square", ("car",), START_MS + 20_000, by="Ana", reason="patrol", now_ms=START_MS)
    _, found = drive(m, 20, (20, 20))
    assert found == []
    _, found = drive(m, 10, (20, 20), start=20)
    assert [t.event for t in found] == ["open"]


@pytest.mark.parametrize(
    ("place", "kinds", "hours", "by"),
    [
        ("nowhere", (), 1, "A"),
        ("square", ("tank",), 1, "A"),
        ("square", (), 25, "A"),
        ("square", (), 0, "A"),
        ("square", (), 1, " "),
    ],
)
def test_permits_that_are_not_given(place, kinds, hours, by):
    with pytest.raises(IllegalAction):
        monitor().grant_permit(place, kinds, START_MS + hours * 3_600_000, by=by, reason="r", now_ms=START_MS)


def test_in_a_crowd_it_is_high_at_once():
    m = monitor()
    people = crowd(2.5, (21, 21), 10)
    _, found = drive(m, 1, (20, 20), people=people, every_ms=200, speed=4.0)
    assert events(found) == [("open", "vehicle.in_crowd", "high")]
    assert found[0].at == "2026-06-20T18:00:00.600Z"
    assert found[0].alert.latched
    reason = found[0].alert.reasons[0]
    assert (reason.reason, reason.value, reason.threshold) == ("vehicle.in_crowd", 2.5, 2.0)


def test_driving_into_a_crowd_raises_the_same_alert():
    m = monitor()
    people = crowd(2.5, (41, 21), 10)
    _, found = drive(m, 15, lambda i: (15 + 2.0 * i, 21), people=people, speed=2.0)
    access = [t for t in found if t.alert.rule.startswith("vehicle")]
    assert events(access) == [
        ("open", "vehicle.unauthorised", "medium"),
        ("worsen", "vehicle.in_crowd", "high"),
    ]
    assert len({t.alert.alert for t in access}) == 1


def test_latched_until_acknowledged():
    m = monitor()
    drive(m, 3, (20, 20), people=crowd(2.5, (21, 21), 10))
    step, found = drive(m, 100, None, start=3)
    assert not [t for t in found if t.event == "return"]
    m.act(Acknowledge(alert=alerts(step, "vehicle.in_crowd")[0].alert, by="Ana"), START_MS + 103_000)
    _, found = drive(m, 2, None, start=103)
    assert [t.event for t in found if t.alert.rule == "vehicle.in_crowd"] == ["return", "close"]


def test_a_camera_that_dies_does_not_clear_the_vehicle():
    m = monitor()
    for i in range(10):
        at = START_MS + i * 1000
        second(m, at, reading("west", at, 0.0, vehicles=[track(at, 20, 20)]), reading("east", at, None))
    for i in range(10, 200):
        at = START_MS + i * 1000
        m.observe(reading("lane-cam", at), received_ms=at)
        step = m.step(at)
    (alert,) = alerts(step, "vehicle.unauthorised")
    assert alert.condition == "unknown"


def test_two_cameras_make_one_vehicle():
    m = monitor()
    for i in range(10):
        at = START_MS + i * 1000
        step = second(
            m,
            at,
            reading("west", at, vehicles=[track(at, 20, 20)]),
            reading("east", at, vehicles=[track(at, 21.5, 20, track="e9")]),
        )
    (vehicle,) = step.vehicles
    assert vehicle.cameras == ("east", "west")
    reason = next(r for r in step.alerts[0].reasons if r.reason == "vehicle.unauthorised")
    assert reason.value == 1.0
    assert "two or more cameras agree" in step.alerts[0].certainty


def test_static_risk_moves_the_vehicle_rule():
    m = monitor(assessment=assessment())
    step, found = drive(m, 60, (10, -15), camera="lane-cam")
    assert not [t for t in found if t.alert.rule == "vehicle.unauthorised"]  # the lane is no pedestrian zone
    step, found = drive(m, 120, (10, -15), camera="lane-cam", start=60)
    stopped = [t for t in found if t.alert.rule == "vehicle.stopped"]
    assert events(stopped) == [("open", "vehicle.stopped", "high")]
    assert stopped[0].at == "2026-06-20T18:01:30.000Z"  # 180 s halved
    assert {"static.scores", "static.delay_halved", "static.severity_raised"} <= {
        r.reason for r in stopped[0].alert.reasons
    }
    assert any("Barrier at the lane mouth" in a for a in stopped[0].alert.advice)
    assert step.alerts


def test_stopped_for_three_minutes():
    _, found = drive(monitor(), 200, (10, -15), camera="lane-cam")
    assert events(found) == [("open", "vehicle.stopped", "medium")]
    assert found[0].at == "2026-06-20T18:03:00.000Z"
    assert found[0].alert.reasons[0].value == 180.0


def test_creeping_is_not_standing():
    _, found = drive(monitor(), 250, lambda i: (2 + 0.05 * i, -15), camera="lane-cam")
    assert found == []


def test_one_leaves_and_another_stops_elsewhere():
    _, found = drive(monitor(), 300, lambda i: (5, -15) if i < 150 else (15, -15), camera="lane-cam")
    assert found == []


def test_a_passing_lorry_in_between_does_not_matter():
    _, found = drive(monitor(), 200, lambda i: None if 90 <= i < 95 else (5, -15), camera="lane-cam")
    assert events(found) == [("open", "vehicle.stopped", "medium")]


def test_standing_time_does_not_run_while_nobody_looks():
    m = monitor()
    drive(m, 100, (5, -15), camera="lane-cam")
    for i in range(100, 400):
        at = START_MS + i * 1000
        m.observe(reading("west", at), received_ms=at)
        m.step(at)
    _, found = drive(m, 60, (5, -15), camera="lane-cam", start=400)
    assert not [t for t in found if t.alert.rule == "vehicle.stopped"]
    _, found = drive(m, 30, (5, -15), camera="lane-cam", start=460)
    assert [t for t in found if t.alert.rule == "vehicle.stopped"]


# --- people in a closed area ---


def test_a_person_behind_the_stage():
    m = monitor()
    people = crowd(0.25, (55, 35), 2)  # one person in one cell
    found = []
    for i in range(6):
        at = START_MS + i * 1000
        step = second(m, at, reading("west", at, people), reading("east", at, people))
        found += step.transitions
    assert events(found) == [("open", "area.entered", "low")]
    assert found[0].at == "2026-06-20T18:00:03.000Z"
    assert found[0].alert.reasons[0].value == 1.0
    for i in range(6, 60):
        at = START_MS + i * 1000
        found += second(m, at).transitions
    assert [t.event for t in found] == ["open", "return", "close"]


def test_a_permit_for_persons():
    m = monitor()
    m.grant_permit("stage-back", ("person",), START_MS + 60_000, by="Ana", reason="crew", now_ms=START_MS)
    people = crowd(0.25, (55, 35), 2)
    for i in range(20):
        at = START_MS + i * 1000
        assert second(m, at, reading("west", at, people), reading("east", at, people)).transitions == ()


def test_cues_of_a_vehicle_raise_the_risk_with_their_terms():
    m = monitor(assessment=assessment())
    everyone = crowd(1.3, (30, 20), 60)
    calm, _ = drive(m, 5, None, people=everyone)
    step, found = drive(m, 60, (20, 20), start=5, people=everyone)
    before, after = zone(calm, "square").risk, zone(step, "square").risk
    assert after.live > before.live
    term = next(t for t in after.terms if t.term == "cue.vehicle.unauthorised")
    assert term.without == pytest.approx(before.live, abs=0.3)
    assert "not a measurement" in term.text
    risk = [t for t in found if t.alert.rule == "zone.risk"]
    assert events(risk) == [("open", "zone.risk", "low")]
    assert {"risk.band", "risk.term", "static.scores"} <= {r.reason for r in risk[0].alert.reasons}


@pytest.mark.parametrize(
    "claimed", ["9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z", "2026-06-21T18:00:00.000Z"]
)
def test_a_track_that_lies_about_its_time_stops_neither_the_hub_nor_the_rule(claimed):
    m, found = monitor(), []
    lie = msgspec.structs.replace(track(START_MS, 20, 20), captured_at=claimed)
    second(m, START_MS, reading("west", START_MS, vehicles=[lie]))
    for i in range(1, 6):
        at = START_MS + i * 1000
        found += second(m, at, reading("west", at, vehicles=[track(at, 20, 20)])).transitions
    assert [t.event for t in found] == ["open"]


def test_an_on_delay_under_way_when_its_alert_closes_is_not_kept_for_later():
    m = monitor()
    drive(m, 10, (20, 20))
    step, _ = drive(m, 50, None, start=10)
    assert alerts(step)[0].condition == "returned"
    drive(m, 2, (20, 20), start=60)
    (closed,) = alerts(step)
    m.act(Acknowledge(alert=closed.alert, by="Ana"), START_MS + 61_500)
    step, _ = drive(m, 100, None, start=62)
    assert not step.alerts
    step, _ = drive(m, 1, (20, 20), start=162)
    assert not step.alerts
    step, _ = drive(m, 4, (20, 20), start=163)
    assert [a.rule for a in step.alerts] == ["vehicle.unauthorised"]


def test_a_camera_that_sees_nobody_cannot_weigh_away_a_person_in_a_closed_area():
    m, step = monitor(), None
    person = np.zeros(SQUARE.shape)
    person[SQUARE.cell_of(55.0, 35.0)] = 0.9
    for i in range(6):
        at = START_MS + i * 1000
        step = second(m, at, reading("west", at, person), reading("east", at, 0.0))
    assert [a.subject for a in alerts(step, "area.entered")] == ["stage-back"]


def test_a_camera_that_never_saw_the_vehicle_cannot_say_that_it_has_gone():
    m = monitor()
    drive(m, 10, (20, 20))
    for i in range(10, 120):
        at = START_MS + i * 1000
        for camera in ("east", "lane-cam"):
            m.observe(reading(camera, at), received_ms=at)
        step = m.step(at)
    assert alerts(step, "vehicle.unauthorised")[0].condition == "unknown"
    step, _ = drive(m, 40, None, start=120)
    assert alerts(step, "vehicle.unauthorised")[0].condition == "returned"
