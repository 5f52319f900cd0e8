"""One ground vehicle for one vehicle: by position and velocity only."""

from __future__ import annotations

import random

import pytest

from hub.vehicles import Sighting, associate


def seen(camera, x, y, *, track="t1", kind="car", speed=0.0, heading=90.0, at=1_000, weight=1.0, sigma=0.3):
    return Sighting(camera, track, kind, x, y, speed, sigma, heading, at, weight)


def test_one_vehicle_seen_by_two_cameras():
    (one,) = associate([seen("a", 10, 10, weight=3.0), seen("b", 12, 10, weight=1.0)])
    assert one.cameras == ("a", "b")
    assert (one.x_m, one.y_m) == (10.5, 10)


def test_two_vehicles_of_one_camera_stay_two():
    assert len(associate([seen("a", 10, 10, track="t1"), seen("a", 11, 10, track="t2")])) == 2


def test_far_apart_stay_two():
    assert len(associate([seen("a", 10, 10), seen("b", 14, 10)])) == 2


def test_opposite_directions_stay_two():
    assert (
        len(associate([seen("a", 10, 10, speed=8, heading=90), seen("b", 10, 11, speed=8, heading=270)])) == 2
    )


def test_the_later_sighting_is_met_where_the_earlier_would_be():
    # 10 m/s east: 0.4 s later it is 4 m further.
    (one,) = associate([seen("a", 10, 10, speed=10, at=1_000), seen("b", 14, 10, speed=10, at=1_400)])
    assert one.x_m == pytest.approx(14.0)


def test_each_camera_gives_at_most_one_track():
    found = associate([seen("a", 10, 10), seen("b", 11, 10, track="t1"), seen("b", 10.2, 10, track="t2")])
    assert sorted(v.cameras for v in found) == [("a", "b"), ("b",)]
    pair = next(v for v in found if len(v.cameras) == 2)
    assert pair.x_m == pytest.approx(10.1)


def test_a_motor_vehicle_that_one_camera_takes_for_a_bicycle_stays_one():
    (one,) = associate(
        [seen("a", 10, 10, kind="motorcycle", weight=0.1), seen("b", 10, 10, kind="bicycle", weight=9.0)]
    )
    assert one.kind == "motorcycle"
    assert one.motor


def test_order_of_input_does_not_matter():
    sightings = [seen(c, 10 + i * 1.3, 10 + j, track=f"t{j}") for i, c in enumerate("abc") for j in range(4)]
    expected = associate(sightings)
    for n in range(20):
        shuffled = sightings.copy()
        random.Random(n).shuffle(shuffled)
        assert associate(shuffled) == expected


def test_heading_is_a_compass_bearing():
    (one,) = associate([seen("a", 0, 0, speed=5, heading=225.0)])
    assert one.heading_deg == pytest.approx(225.0)
    assert one.speed_m_s == pytest.approx(5.0)


def test_nothing():
    assert associate([]) == ()
