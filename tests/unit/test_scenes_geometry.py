"""Scenes without graphics: meshes, cameras, vehicles' motion, grids, stories."""

from __future__ import annotations

import numpy as np
import pytest

from contract.geometry import GridFrame, GroundGrid
from contract.homography import plane
from contract.yaml_file import FileError
from hub.site import read_site
from models.scenes import meshes, true_site
from models.scenes.camera import View
from models.scenes.decimation import decimate
from models.scenes.story import MOST_FRAMES, names, read_story
from models.scenes.traffic import rides
from models.scenes.true_ground import spread
from models.scenes.vehicle_forms import KIND_OF_MODEL, MODELS
from models.scenes.vehicle_mesh import built
from models.scenes.wardrobe import look

VIEW = View.towards((-12.0, -5.0, 9.5), (6.0, 21.0), 64.0, (1280, 720))


def ball(rings: int = 14, sides: int = 20):
    mesh = meshes.ball((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), rings, sides)
    points, faces = np.unique(np.round(mesh.points, 6), axis=0, return_inverse=True)
    return points.astype(np.float64), faces.reshape(-1, 3).astype(np.int32)


def test_decimation_keeps_a_subset_and_the_shape():
    points, faces = ball()
    fine, coarse = decimate(points, faces, np.zeros(len(points), np.int32), [200, 80])
    assert len(fine) <= 200 and len(coarse) <= 80
    assert set(coarse.ravel()) <= set(fine.ravel())
    a, b, c = (points[coarse[:, k]] for k in range(3))
    volume = float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)
    assert 0.75 * 4.18 < abs(volume) < 4.19
    edges = np.sort(np.concatenate([coarse[:, [0, 1]], coarse[:, [1, 2]], coarse[:, [2, 0]]]), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all(), "a closed surface stays closed"


def test_decimation_gives_the_same_triangles_again():
    points, faces = ball()
    regions = (points[:, 2] > 0).astype(np.int32)
    first = decimate(points, faces, regions, [120])[0]
    assert np.array_equal(first, decimate(points, faces, regions, [120])[0])


@pytest.mark.parametrize("k1", [0.0, -0.16, 0.05])
def test_a_camera_finds_the_ground_under_its_own_pixels(k1):
    view = View.towards((24.0, -18.0, 7.0), (-6.0, -4.0), 60.0, (1280, 720), k1)
    ground = np.array([[-6.0, -4.0], [10.0, -8.0], [-30.0, 2.0]])
    pixels = view.project(np.concatenate([ground, np.zeros((3, 1))], axis=1))
    assert np.allclose(view.ground(pixels), ground, atol=1e-5)


def test_the_middle_of_the_picture_is_where_the_camera_looks():
    pixel = VIEW.project(np.array([[6.0, 21.0, 0.0]]))[0]
    assert np.allclose(pixel, (640.0, 360.0), atol=1e-6)
    right = VIEW.project(np.array([[14.0, 15.0, 0.0]]))[0]
    assert right[0] > 640.0


def test_the_renderers_matrix_says_the_same_as_the_projection():
    points = np.array([[6.0, 21.0, 0.0], [0.0, 10.0, 1.7], [-8.0, 30.0, 3.0]])
    clip = np.concatenate([points, np.ones((3, 1))], axis=1) @ VIEW.matrix().T
    ndc = clip[:, :2] / clip[:, 3:]
    pixels = np.stack([(ndc[:, 0] + 1) * 640.0, (1 - ndc[:, 1]) * 360.0], axis=1)
    assert np.allclose(pixels, VIEW.project(points), atol=1e-6)


@pytest.mark.parametrize("story", names())
def test_each_storys_site_file_is_valid_and_exact(story, tmp_path):
    told, layout = read_story(story)
    site = true_site.write(tmp_path / "site.yaml", told, layout)
    clicked = true_site.write(tmp_path / "clicks.yaml", told, layout, clicks=True)
    assert site.replay_start == told.start
    whole = read_site(tmp_path / "site.yaml")
    assert {zone.id for zone in whole.zones} == {zone["id"] for zone in layout.zones}
    for name in told.cameras:
        camera = site.camera(name)
        view = true_site.view_of(layout.cameras[name])
        ground = view.ground(np.array([[640.0, 500.0], [300.0, 600.0], [900.0, 420.0]]))
        pixels = view.project(np.concatenate([ground, np.zeros((3, 1))], axis=1))
        exact = np.abs(plane(camera, camera.surfaces[0]).to_site(pixels) - ground).max()
        by_clicks = np.abs(
            plane(clicked.camera(name), clicked.camera(name).surfaces[0]).to_site(pixels) - ground
        ).max()
        assert exact < 0.005
        assert exact < by_clicks < 0.6


def test_all_stories_together_stay_within_the_frames_allowed():
    told = [read_story(name)[0] for name in names()]
    assert sum(len(story.frame_times_s()) * len(story.cameras) for story in told) <= MOST_FRAMES
    assert all(
        b > a
        for story in told
        for a, b in zip(story.frame_times_s(), story.frame_times_s()[1:], strict=False)
    )


def test_a_story_that_names_what_is_not_there_is_refused_with_its_line(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(
        "story: bad\ntitle: Bad\nlayout: gate-square\nseed: 1\nstart: '2026-06-20T18:00:00.000Z'\nlight: sun\n"
        "length_s: 5\npassages: [[0, 5, 1]]\ncameras: [mast]\nflows:\n"
        "  - {start: nowhere, end: south, per_min: [[0, 1]]}\n"
    )
    with pytest.raises(FileError, match=r"bad\.yaml:11: .*no place 'nowhere'"):
        read_story(str(path))


def test_vehicles_move_as_fast_as_they_are_said_to():
    story, layout = read_story("road-traffic")
    driven = rides(story, layout, {name: built(name) for name in {d.model for d in story.drives}})
    checked = 0
    for ride in driven:
        for t in np.arange(ride.drive.start_s + 1.0, ride.drive.start_s + 6.0, 0.5):
            before, here, after = ride.at(t - 0.1), ride.at(t), ride.at(t + 0.1)
            if before is None or here is None or after is None:
                continue
            moved = np.hypot(after.x_m - before.x_m, after.y_m - before.y_m) / 0.2
            assert moved == pytest.approx(here.speed_m_s, abs=0.05)
            course = np.degrees(np.arctan2(after.x_m - before.x_m, after.y_m - before.y_m)) % 360
            assert abs((course - here.heading_deg + 180) % 360 - 180) < 8
            checked += 1
    assert checked > 100


def test_a_van_that_backs_out_points_against_its_motion():
    story, layout = read_story("quiet-morning")
    driven = rides(story, layout, {name: built(name) for name in {d.model for d in story.drives}})
    arriving, leaving = (
        next(r for r in driven if r.drive.id == name) for name in ("delivery-1", "delivery-1-out")
    )
    stopped, starts = arriving.at(290.0), leaving.at(295.1)
    assert np.hypot(stopped.x_m - starts.x_m, stopped.y_m - starts.y_m) < 0.6
    assert abs((stopped.nose_deg - starts.nose_deg + 180) % 360 - 180) < 3


@pytest.mark.parametrize("model", MODELS)
def test_every_vehicle_fits_its_measures_and_stands_on_the_ground(model):
    vehicle = built(model)
    low, high = vehicle.mesh.points.min(axis=0), vehicle.mesh.points.max(axis=0)
    assert -0.02 < low[2] < 0.05
    assert high[2] == pytest.approx(vehicle.size_m[2], abs=0.12)
    assert high[0] - low[0] == pytest.approx(vehicle.size_m[0], abs=0.25)
    assert KIND_OF_MODEL[model] in ("bicycle", "motorcycle", "car", "bus", "truck")


def test_everybody_is_shared_between_cells_and_nobody_is_lost():
    frame = GridFrame.around((-20.0, -20.0, 20.0, 20.0), 2.0)
    points = np.random.default_rng(3).uniform(-18, 18, (300, 2))
    grid = spread(points, frame)
    assert grid.sum() == pytest.approx(300.0)
    on_a_corner = spread(np.array([[2.0, 4.0]]), frame)
    assert sorted(on_a_corner[on_a_corner > 0]) == pytest.approx([0.25] * 4)
    empty = np.zeros(frame.shape)
    seen = np.ones(frame.shape, np.bool_)
    assert GroundGrid.from_wire(
        GroundGrid(frame, grid, empty, seen, seen).to_wire()
    ).people.sum() == pytest.approx(300.0, abs=2.0)


def test_looks_follow_from_the_seed_alone():
    one, again, other = look(5, 12, 0.3), look(5, 12, 0.3), look(6, 12, 0.3)
    assert np.array_equal(one.dress, again.dress) and one.pace == again.pace
    assert not np.array_equal(one.dress, other.dress)
    held = sum(look(5, person, 0.4).umbrella is not None for person in range(300))
    assert 80 < held < 150


def test_polygons_are_cut_into_triangles_of_the_same_area():
    outline = [(0.0, 0.0), (6.0, 0.0), (6.0, 2.0), (3.0, 2.0), (3.0, 5.0), (0.0, 5.0)]
    cut = meshes.ears(outline)
    total = sum(meshes.area([outline[i] for i in corner]) for corner in cut)
    assert total == pytest.approx(meshes.area(outline))
