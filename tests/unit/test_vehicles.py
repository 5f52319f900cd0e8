"""Vehicles on the ground: position, speed and heading against a known motion."""

from __future__ import annotations

import numpy as np
import pytest

from edge.ground import Ground
from edge.tracker import Tracker, TrackIds
from edge.vehicles import Vehicles
from tests.kit import edge_scene as scene

START_MS = 1_750_000_000_000


@pytest.fixture(scope="module")
def ground():
    return Ground(scene.camera(), 2.0)


def car_box(x_m, y_m, jitter=0.0):
    """The box of a car 4.4 m long and 1.8 m wide whose middle stands there, across the view: its near wheels end it."""
    foot = scene.pixels([(x_m, y_m - 0.8)])[0]
    scale = scene.pixels([(x_m + 1.0, y_m - 0.8)])[0][0] - foot[0]
    return [foot[0] - 2.2 * scale, foot[1] - 1.4 * scale, foot[0] + 2.2 * scale, foot[1] + jitter]


def drive(ground, at, frames, *, kind=2, seed=0):
    """Facts of every frame for a vehicle at `at(i)`, with a pixel of jitter in its lower edge."""
    tracker, vehicles = Tracker(TrackIds("boot", "gate")), Vehicles(ground)
    rng = np.random.default_rng(seed)
    out = []
    for i in range(frames):
        box = car_box(*at(i), jitter=rng.normal(0, 1.0))
        now = START_MS + 100 * i
        tracks = tracker.update(scene.detections([], [box], kind=kind), now)
        alive = tracker.alive(lambda track: not track.is_person)
        out.append((vehicles.update(tracks, alive, now), vehicles.any_moving(alive)))
    return out


def test_a_parked_car_stands_where_it_stands(ground):
    facts = drive(ground, lambda i: (2.0, 24.0), 100)
    (car,), _ = facts[-1]
    assert (car.x_m, car.y_m) == pytest.approx((2.0, 24.0), abs=0.3)
    assert car.speed_m_s < 0.5
    assert car.age_s == pytest.approx(9.7)
    assert not any(moving for _, moving in facts[20:]), "jitter is no motion"


def test_a_driving_car_has_speed_and_heading(ground):
    facts = drive(ground, lambda i: (-6.0 + 0.4 * i, 22.0), 30)
    (car,), moving = facts[-1]
    assert car.speed_m_s == pytest.approx(4.0, abs=0.5)
    assert car.heading_deg == pytest.approx(90.0, abs=8.0)
    assert abs(car.speed_m_s - 4.0) <= 2 * car.speed_sigma_m_s
    assert moving


def test_heading_is_clockwise_from_north(ground):
    (car,), _ = drive(ground, lambda i: (0.0, 40.0 - 0.5 * i), 30)[-1]
    assert car.heading_deg == pytest.approx(180.0, abs=10.0)


def test_a_bicycle_never_asks_for_short_readings(ground):
    facts = drive(ground, lambda i: (-6.0 + 0.4 * i, 22.0), 30, kind=1)
    assert facts[-1][0][0].kind == "bicycle"
    assert not any(moving for _, moving in facts)


def test_a_hidden_car_stays_for_three_seconds(ground):
    tracker, vehicles = Tracker(TrackIds("boot", "gate")), Vehicles(ground)
    counts = []
    for i in range(60):
        now = START_MS + 100 * i
        tracks = tracker.update(scene.detections([], [car_box(2.0, 24.0)] if i < 20 else []), now)
        alive = tracker.alive(lambda track: not track.is_person)
        facts = vehicles.update(tracks, alive, now)
        counts.append(len(facts))
        if i == 40:
            assert facts[0].captured_at.endswith("1.900Z"), "it says when it was last seen"
    assert counts[25] == counts[45] == 1
    assert counts[55] == 0
