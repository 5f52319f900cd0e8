"""Boxes to people on the ground, against a pinhole camera whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ground import FOOTPRINT_M, Ground, GroundUnusable
from tests.kit import edge_scene as scene


@pytest.fixture(scope="module")
def ground():
    return Ground(scene.camera(), 2.0)


def place(ground, people, vehicles=()):
    return ground.place(np.asarray(people, float).reshape(-1, 4), np.asarray(vehicles, float).reshape(-1, 4))


def test_a_visible_foot_is_the_place(ground):
    placed = place(ground, [scene.person_box(1.0, 18.0), scene.person_box(-3.0, 28.0)])
    assert np.allclose(placed.points_m, [(1.0, 18.0), (-3.0, 28.0)], atol=0.01)
    assert not placed.by_head.any()


def test_feet_behind_a_nearer_person_are_replaced_by_the_head(ground):
    far, near = scene.person_box(0.0, 24.0), scene.person_box(0.0, 22.0)
    cut = [far[0], far[1], far[2], near[1] + 0.5 * (far[3] - near[1])]  # the detector sees the upper half
    placed = place(ground, [cut, near])
    assert placed.by_head.tolist() == [True, False]
    assert np.allclose(placed.points_m[0], (0.0, 24.0), atol=0.05)
    foot_of_cut = ground.to_site(np.array([[(cut[0] + cut[2]) / 2, cut[3]]]))[0]
    assert foot_of_cut[1] > 25.0, "the hidden foot would have thrown the point back"


def test_a_whole_person_beside_another_keeps_the_foot(ground):
    placed = place(ground, [scene.person_box(0.0, 24.0), scene.person_box(0.3, 23.0)])
    assert not placed.by_head.any()
    assert np.allclose(placed.points_m[0], (0.0, 24.0), atol=0.05)


def test_feet_hidden_by_a_car_are_replaced_by_the_head(ground):
    whole = scene.person_box(2.0, 26.0)
    hidden_from = whole[1] + 0.5 * (whole[3] - whole[1])
    person = [whole[0], whole[1], whole[2], hidden_from]
    car = [whole[0] - 60, hidden_from - 12, whole[2] + 60, whole[3] + 40]
    placed = place(ground, [person], [car])
    assert placed.by_head.all()
    assert np.allclose(placed.points_m[0], (2.0, 26.0), atol=0.1)


def test_a_box_cut_by_the_lower_edge_is_placed_by_its_head(ground):
    lowest = next(y for y in np.arange(20.0, 2.0, -0.1) if scene.person_box(0.0, y)[3] > scene.HEIGHT + 30)
    whole = scene.person_box(0.0, lowest)
    placed = place(ground, [[whole[0], whole[1], whole[2], scene.HEIGHT]])
    assert placed.by_head.all()
    assert np.allclose(placed.points_m[0], (0.0, lowest), atol=0.05)


def test_above_the_surface_nothing_is_placed(ground):
    placed = place(ground, [[100, 5, 110, 30]])
    assert np.isnan(placed.points_m).all()
    people, outside = ground.spread(placed.points_m)
    assert people.sum() == 0.0
    assert outside == 1.0


def test_only_precise_cells_are_covered(ground):
    x, y = ground.frame.centres_m()
    sharp = ground.planes[0].metres_per_pixel(x, y) * 3.0
    assert (sharp[ground.covered] < 2.5).all(), "a covered cell bears a 3-pixel error, give or take its half"
    far = np.argwhere(ground.covered)[:, 0].max()
    assert y[far, 0] < 75.0
    assert ground.covered.sum() > 50


def test_masked_ground_is_not_covered():
    lower_half = ((0.0, 300.0), (768.0, 300.0), (768.0, 576.0), (0.0, 576.0))
    masked = Ground(scene.camera(masks=(lower_half,)), 2.0)
    whole = Ground(scene.camera(), 2.0)
    near, far = (0.0, 13.0), (0.0, 25.0)
    assert whole.covered[whole.frame.cell_of(*near)]
    assert not masked.covered[masked.frame.cell_of(*near)]
    assert whole.covered[whole.frame.cell_of(*far)]
    assert masked.covered[masked.frame.cell_of(*far)]


def test_a_person_on_a_border_is_shared_by_area(ground):
    people, outside = ground.spread(np.array([[2.0 - FOOTPRINT_M / 4, 20.0]]))
    left, right = ground.frame.cell_of(1.0, 20.1), ground.frame.cell_of(3.0, 20.1)
    lower_left, lower_right = ground.frame.cell_of(1.0, 19.9), ground.frame.cell_of(3.0, 19.9)
    assert people[left] == pytest.approx(0.375)
    assert people[right] == pytest.approx(0.125)
    assert people[lower_left] == pytest.approx(0.375)
    assert people[lower_right] == pytest.approx(0.125)
    assert outside == pytest.approx(0.0, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-60, 60), st.floats(-20, 120)), max_size=30))
def test_nobody_is_lost_or_doubled(points):
    ground = Ground(scene.camera(), 2.0)
    people, outside = ground.spread(np.asarray(points, float).reshape(-1, 2))
    assert people.sum() + outside == pytest.approx(len(points), abs=1e-6)
    assert (people >= 0).all()
    assert not people[~ground.covered].any()


def test_sigma_grows_with_people_and_with_distance(ground):
    none, some = ground.sigma(np.zeros(ground.frame.shape)), ground.sigma(np.full(ground.frame.shape, 4.0))
    assert (some > none).all()
    near, far = ground.frame.cell_of(0.0, 16.0), ground.frame.cell_of(0.0, 40.0)
    assert some[far] > some[near]


def test_a_tall_vehicle_hides_the_cells_behind_it(ground):
    foot = scene.pixels([(0.0, 20.0)])[0]
    hidden = ground.hidden_cells(np.array([[foot[0] - 150, foot[1] - 160, foot[0] + 150, foot[1]]]))
    assert hidden[ground.frame.cell_of(0.0, 25.0)]
    assert not hidden[ground.frame.cell_of(0.0, 17.0)]
    assert not hidden[ground.frame.cell_of(0.0, 40.0)]


def test_report_names_the_worst_pair(ground):
    assert "5 pairs, error 0.00 m rms" in ground.report()


def test_an_unusable_calibration_says_what_to_do():
    with pytest.raises(GroundUnusable, match=r"camera gate: nowhere .* raise cell_m"):
        Ground(scene.camera(polygon=((0.0, 60.0), (768.0, 60.0), (768.0, 61.0), (0.0, 61.0))), 0.5)
    with pytest.raises(GroundUnusable, match="at most 4096"):
        Ground(scene.camera(picture=(2304, 1728)), 0.5)


def test_a_vehicle_hides_ground_from_a_low_camera_too():
    import msgspec

    low = Ground(msgspec.structs.replace(scene.camera(), height_m=1.9), 2.0)
    assert not low.heads_usable
    foot = scene.pixels([(0.0, 20.0)])[0]
    hidden = low.hidden_cells(np.array([[foot[0] - 150, foot[1] - 160, foot[0] + 150, foot[1]]]))
    assert hidden[low.frame.cell_of(0.0, 25.0)]
    assert not hidden[low.frame.cell_of(0.0, 17.0)]


def test_ground_whose_people_are_masked_but_for_their_feet_is_not_covered():
    foot, head = scene.pixels([(0.0, 25.0)])[0], scene.pixels([(0.0, 25.0)], 1.65)[0]
    knee = float(foot[1] - 0.2 * (foot[1] - head[1]))
    above = ((0.0, 0.0), (768.0, 0.0), (768.0, knee), (0.0, knee))
    masked = Ground(scene.camera(masks=(above,)), 2.0)
    assert masked.frame.cell_of(0.0, 25.0) is None or not masked.covered[masked.frame.cell_of(0.0, 25.0)]
    assert masked.covered[masked.frame.cell_of(0.0, 17.0)]


def test_ground_whose_people_stand_out_of_the_picture_is_not_covered():
    """A camera that looks steeply down sees ground at its upper edge, and of the people there only the feet."""
    import msgspec

    whole = scene.camera()
    cut_px = float(
        scene.pixels([(0.0, 25.0)], 0.6)[0][1]
    )  # the new upper edge: 0.6 m above the ground at 25 m
    bottom = scene.HEIGHT - int(cut_px)
    points = tuple(
        msgspec.structs.replace(pair, pixel=(pair.pixel[0], pair.pixel[1] - cut_px))
        for pair in whole.surfaces[0].points
    )
    polygon = ((0.0, 0.0), (768.0, 0.0), (768.0, float(bottom)), (0.0, float(bottom)))
    cut = Ground(
        msgspec.structs.replace(
            whole,
            surfaces=(msgspec.structs.replace(whole.surfaces[0], polygon=polygon, points=points),),
            picture=msgspec.structs.replace(whole.picture, height=bottom),
        ),
        2.0,
    )
    assert not cut.covered[cut.frame.cell_of(0.0, 25.0)]
    assert cut.covered[cut.frame.cell_of(0.0, 19.0)]
