from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.geometry import GridFrame
from hub.polygons import area_m2, cell_areas_m2, centroid, contains, crosses_itself, sampled

FRAME = GridFrame(2.0, -5, -5, 15, 12)
L_SHAPE = [(0, 0), (10, 0), (10, 4), (4, 4), (4, 10), (0, 10)]


def test_area_does_not_depend_on_direction():
    assert area_m2([(0, 0), (4, 0), (4, 3)]) == 6.0
    assert area_m2([(4, 3), (4, 0), (0, 0)]) == 6.0


def test_cells_of_an_aligned_square_are_whole():
    areas = cell_areas_m2([(0, 0), (4, 0), (4, 4), (0, 4)], FRAME)
    assert areas.sum() == 16.0
    assert set(np.unique(areas)) == {0.0, 4.0}


def test_cells_share_a_border_by_area():
    areas = cell_areas_m2([(1, 1), (3, 1), (3, 2), (1, 2)], FRAME)
    assert areas[5, 5] == pytest.approx(1.0)
    assert areas[5, 6] == pytest.approx(1.0)


def test_concave_polygon_is_exact():
    areas = cell_areas_m2(L_SHAPE, FRAME)
    assert areas.sum() == pytest.approx(area_m2(L_SHAPE))
    at = FRAME.cell_of(7, 7)
    assert areas[at] == 0.0


coordinate = st.floats(-8, 12, allow_nan=False)


@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=3))
def test_a_triangle_inside_the_frame_keeps_its_area(corners):
    assert cell_areas_m2(corners, FRAME).sum() == pytest.approx(area_m2(corners), abs=1e-6)


@given(st.tuples(coordinate, coordinate), st.floats(0.5, 6), st.integers(3, 9))
def test_exact_and_sampled_shares_agree(middle, radius, corners):
    angles = np.arange(corners) / corners * 2 * np.pi
    polygon = [(middle[0] + radius * np.cos(a), middle[1] + radius * np.sin(a)) for a in angles]
    exact = cell_areas_m2(polygon, FRAME)
    rough = sampled([polygon], FRAME, 10).mean(axis=2) * 4.0
    assert abs(exact - rough).max() < 0.5


def test_contains_and_centroid():
    assert contains(L_SHAPE, 2, 8)
    assert not contains(L_SHAPE, 8, 8)
    assert centroid([(0, 0), (4, 0), (4, 2), (0, 2)]) == (2.0, 1.0)


def test_a_bow_tie_crosses_itself():
    assert crosses_itself([(0, 0), (4, 4), (4, 0), (0, 4)])
    assert not crosses_itself(L_SHAPE)
