"""The middle of a vehicle from its box, against a solid whose corners are projected by a camera of our own."""

from __future__ import annotations

import numpy as np
import pytest

from edge.footprint import Form, box_of, footprint, headed
from edge.ground import Ground
from tests.kit import edge_scene as scene


@pytest.fixture(scope="module")
def ground():
    return Ground(scene.camera(), 2.0)


def solid_box(x_m, y_m, length_m, width_m, height_m, heading_deg):
    """The box around wheels on the ground and a body with blunt ends, by the kit's own camera."""
    turn = np.radians(heading_deg)
    ahead = np.array([np.sin(turn), np.cos(turn)])
    beside = np.array([ahead[1], -ahead[0]])
    points = []
    for up, long, wide in ((0.0, 0.66, 0.9), (0.1, 0.96, 0.7), (0.1, 0.8, 1.0), (1.0, 0.85, 0.8)):
        for a in (-0.5, 0.5):
            for b in (-0.5, 0.5):
                at = np.array([x_m, y_m]) + a * length_m * long * ahead + b * width_m * wide * beside
                points.append(scene.pixels([at], up * height_m)[0])
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    return np.array([*low, *high])


@pytest.mark.parametrize("heading_deg", (0.0, 30.0, 90.0, 135.0))
@pytest.mark.parametrize(
    ("kind", "size"), (("car", (4.4, 1.8, 1.5)), ("truck", (6.0, 2.1, 2.6)), ("bus", (11.0, 2.5, 3.1)))
)
def test_the_middle_is_found_from_the_box(ground, kind, size, heading_deg):
    box = solid_box(1.0, 28.0, *size, heading_deg)
    found = footprint(ground, box, Form(kind, 1.0, np.radians(heading_deg)))
    assert found is not None and found.sigma_m == 0.0
    assert found.middle_m == pytest.approx([1.0, 28.0], abs=0.15)
    foot = ground.to_site(np.array([[(box[0] + box[2]) / 2, box[3]]]))[0]
    assert np.hypot(*(foot - (1.0, 28.0))) > 0.6, "the end of the box alone is not the place"


def test_what_is_drawn_and_what_is_found_are_inverse(ground):
    form = Form("car", 1.1, 0.4)
    box = box_of(ground, np.array([-2.0, 24.0]), form)
    found = footprint(ground, box, form)
    assert found is not None
    assert found.middle_m == pytest.approx([-2.0, 24.0], abs=0.02)


def test_a_vehicle_whose_wheels_are_below_the_picture_is_placed_by_its_roof(ground):
    whole = solid_box(0.0, 9.0, 4.4, 1.8, 1.5, 90.0)
    assert whole[3] > scene.HEIGHT + 5 and whole[1] > 10
    cut = np.array([whole[0], whole[1], whole[2], scene.HEIGHT])
    found = footprint(ground, cut, Form("car", 1.0, np.radians(90.0)))
    assert found is not None and found.sigma_m > 0.0
    assert found.middle_m == pytest.approx([0.0, 9.0], abs=0.5)


def test_a_vehicle_half_in_the_picture_is_placed_by_the_end_that_shows(ground):
    edge_m = ground.to_site(np.array([[scene.WIDTH - 1.0, 300.0]]))[0]
    whole = solid_box(edge_m[0], edge_m[1], 4.4, 1.8, 1.5, 90.0)
    assert whole[2] > scene.WIDTH + 10
    cut = np.array([whole[0], whole[1], scene.WIDTH, whole[3]])
    found = footprint(ground, cut, Form("car", 1.0, np.radians(90.0)))
    assert found is not None
    assert found.middle_m == pytest.approx(edge_m, abs=0.3)


@pytest.mark.parametrize("heading_deg", (0.0, 90.0))
def test_one_that_has_not_moved_is_headed_as_its_box_is_shaped(ground, heading_deg):
    form = headed(ground, solid_box(0.0, 26.0, 11.0, 2.5, 3.1, heading_deg), Form("bus"))
    apart = abs(np.degrees(form.heading_rad) - heading_deg) % 180.0
    assert min(apart, 180.0 - apart) < 30.0
