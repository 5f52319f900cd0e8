"""Homographies against a pinhole camera whose geometry is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.homography import Lens, NotFittable, fit, inside, plane, precision
from contract.site_file import Camera, Distortion, PictureSize, PointPair, Surface

FOCAL_PX, WIDTH, HEIGHT = 900.0, 768, 576


def pinhole(points_m, *, height_m=8.0, tilt_deg=25.0, lens=None):
    """Pixels of ground points seen by a camera above the origin that looks north, tilted down."""
    tilt = np.radians(tilt_deg)
    x, y = np.asarray(points_m, float).T
    depth = y * np.cos(tilt) + height_m * np.sin(tilt)
    below = height_m * np.cos(tilt) - y * np.sin(tilt)
    pixels = np.stack([FOCAL_PX * x / depth + WIDTH / 2, FOCAL_PX * below / depth + HEIGHT / 2], axis=1)
    return pixels if lens is None else lens.distort(pixels)


GROUND_M = [(-4.0, 14.0), (4.0, 14.0), (6.0, 30.0), (-6.0, 30.0), (0.0, 20.0), (3.0, 24.0)]


def pairs(lens=None, ground=GROUND_M):
    return [
        PointPair(pixel=tuple(px), site=tuple(m))
        for px, m in zip(pinhole(ground, lens=lens), ground, strict=True)
    ]


def camera(distortion=None, masks=(), lens=None):
    corners = ((0.0, 100.0), (768.0, 100.0), (768.0, 576.0), (0.0, 576.0))
    return Camera(
        id="gate",
        agent="east",
        name="Gate",
        position_m=(0.0, 0.0),
        height_m=8.0,
        picture=PictureSize(width=WIDTH, height=HEIGHT),
        surfaces=(Surface(id="ground", polygon=corners, points=tuple(pairs(lens))),),
        distortion=distortion,
        masks=masks,
    )


def test_four_pairs_are_met_exactly_and_others_agree_with_the_pinhole():
    exact = fit(pairs()[:4])
    assert exact.max_m < 1e-9
    other = [(1.0, 17.0), (-3.0, 26.0), (2.0, 40.0)]
    assert np.allclose(exact.to_site(pinhole(other)), other, atol=1e-8)
    assert np.allclose(exact.to_picture(other), pinhole(other), atol=1e-8)


def test_a_wrong_pair_shows_in_the_error():
    given_pairs = pairs()
    moved = PointPair(pixel=given_pairs[0].pixel, site=(given_pairs[0].site[0] + 2.0, given_pairs[0].site[1]))
    found = fit([moved, *given_pairs[1:]])
    assert 0.1 < found.rms_m < found.max_m < 2.0
    assert len(found.errors_m) == len(given_pairs)


@given(st.floats(-0.2, 0.2), st.floats(0, 768), st.floats(0, 576))
def test_undistort_is_the_inverse_of_distort(k1, x, y):
    lens = Lens(k1, 900.0, (384.0, 288.0))
    assert np.allclose(lens.distort(lens.undistort([(x, y)])), [(x, y)], atol=1e-6)


def test_a_lens_that_folds_shows_nothing_beyond_the_fold():
    lens = Lens(-0.9, 300.0, (384.0, 288.0))
    assert np.isnan(lens.undistort([(767.0, 575.0)])).all()
    assert np.isnan(lens.distort([(1384.0, 288.0)])).all()


def test_distortion_is_taken_out():
    lens = Lens(-0.12, FOCAL_PX, (WIDTH / 2, HEIGHT / 2))
    bent = fit(pairs(lens), lens)
    assert bent.max_m < 1e-6
    assert np.allclose(bent.to_site(pinhole([(2.0, 18.0)], lens=lens)), [(2.0, 18.0)], atol=1e-6)
    assert fit(pairs(lens)).max_m > 0.02


@pytest.mark.parametrize("k1", [0.0, -0.12, 0.08])
def test_metres_per_pixel_is_the_worst_shift_of_a_one_pixel_error(k1):
    lens = Lens(k1, FOCAL_PX, (WIDTH / 2, HEIGHT / 2)) if k1 else None
    found = fit(pairs(lens), lens)
    for place in [(0.0, 15.0), (5.0, 28.0)]:
        centre = found.to_picture([place])
        turns = np.linspace(0, 2 * np.pi, 721)
        around = centre + 1e-3 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        shift = np.linalg.norm(found.to_site(around) - place, axis=1).max() / 1e-3
        assert found.metres_per_pixel(*place) == pytest.approx(shift, rel=1e-3)


def test_precision_falls_with_distance_and_ends_at_the_horizon():
    found = fit(pairs())
    near, far, behind = found.metres_per_pixel([0.0, 0.0, 0.0], [15.0, 60.0, -50.0])
    assert near < far < np.inf
    assert behind == np.inf
    horizon_y = HEIGHT / 2 - FOCAL_PX * np.tan(np.radians(25.0))
    assert np.isnan(found.to_site([(384.0, horizon_y - 1.0)])).all()
    assert np.isfinite(found.to_site([(384.0, horizon_y + 1.0)])).all()


def test_points_on_a_line_or_too_few_or_flipped_are_refused():
    with pytest.raises(NotFittable, match="at least 4"):
        fit(pairs()[:3])
    with pytest.raises(NotFittable, match="one line"):
        fit(pairs(ground=[(0.0, 14.0), (0.0, 18.0), (0.0, 22.0), (0.0, 30.0), (0.0, 26.0)]))
    with pytest.raises(NotFittable, match="one line"):
        fit(pairs(ground=[(0.0, 14.0), (0.0, 18.0), (0.0, 22.0), (4.0, 30.0)]))
    with pytest.raises(NotFittable, match="the same"):
        fit(pairs(ground=[(0.0, 14.0)] * 4))


def test_precision_of_a_camera_knows_surfaces_masks_and_the_frame():
    one = camera()
    planes = [plane(one, one.surfaces[0])]
    x, y = np.array([[0.0, 0.0], [40.0, 0.0]]), np.array([[15.0, 25.0], [20.0, 400.0]])
    seen = precision(one, planes, x, y)
    assert seen.shape == (2, 2)
    assert seen[0, 0] < seen[0, 1] < np.inf
    assert (seen[1] == np.inf).all()
    px = planes[0].to_picture([(0.0, 15.0)])[0]
    box = tuple((float(px[0] + dx), float(px[1] + dy)) for dx, dy in ((-9, -9), (9, -9), (9, 9), (-9, 9)))
    masked = precision(camera(masks=(box,)), planes, x, y)
    assert masked[0, 0] == np.inf
    assert masked[0, 1] == seen[0, 1]


def test_an_unfittable_surface_is_named():
    one = camera(distortion=Distortion(k1=-1.0, focal_px=100.0))
    with pytest.raises(NotFittable, match=r"camera gate: surface ground: .*k1"):
        plane(one, one.surfaces[0])


def test_inside_a_concave_polygon():
    shape = ((0, 0), (4, 0), (4, 4), (2, 1), (0, 4))
    assert inside(shape, [(1, 1), (2, 3), (3.5, 3), (5, 1), (np.nan, 1)]).tolist() == [
        True,
        False,
        True,
        False,
        False,
    ]
