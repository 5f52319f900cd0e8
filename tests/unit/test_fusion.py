"""Boxes and a people map as one count per cell: exact cases, limits, and nobody lost or doubled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge.fusion import around_per_m2, boxes_sigma, crowding_per_m2, fused
from models.density.errors import ErrorBand, Errors, map_weight, products

SHAPE = (7, 9)
ALL = np.ones(SHAPE, bool)


def band(low, high, rmse, cells=100):
    return ErrorBand(
        from_per_m2=low, to_per_m2=high, cells=cells, bias_per_m2=0.0, rmse_per_m2=rmse, sigma_per_m2=rmse
    )


APART = Errors(
    map=(band(0.0, 1.0, 0.3), band(1.0, 3.0, 0.3), band(3.0, None, 0.3)),
    boxes=(band(0.0, 1.0, 0.1), band(1.0, 3.0, 0.9), band(3.0, None, 2.7)),
)
grids = hnp.arrays(np.float64, SHAPE, elements=st.floats(0.0, 30.0))


def both(boxes, mapped, seen=ALL, errors=APART, cell_m=2.0, outside=(0.0, 0.0)):
    return fused(
        boxes=boxes, mapped=mapped, boxes_outside=outside[0], map_outside=outside[1], seen=seen, cell_m=cell_m,
        measured=errors,
    )  # fmt: skip


def test_where_people_stand_apart_the_boxes_count_and_where_packed_the_map():
    thin, packed = np.full(SHAPE, 0.4), np.full(SHAPE, 20.0)
    assert both(thin, np.full(SHAPE, 0.8)).map_weight == pytest.approx(np.full(SHAPE, 0.1))
    one = both(np.full(SHAPE, 4.0), packed)
    weight = 2.7**2 / (2.7**2 + 0.3**2)
    assert one.map_weight == pytest.approx(np.full(SHAPE, weight))
    assert one.people == pytest.approx(np.full(SHAPE, (1 - weight) * 4.0 + weight * 20.0))


def test_the_weight_rises_smoothly_with_the_crowd():
    density = np.linspace(0.0, 6.0, 601)
    weights = map_weight(APART, density)
    assert (np.diff(weights) >= 0).all()
    assert np.diff(weights).max() < 0.02
    assert weights[0] == pytest.approx(0.1)


def test_who_errs_with_the_other_and_more_gets_nothing():
    """Both miss the same people, the boxes three times as many: best is the map alone, not nine tenths of it."""
    one = band(0.0, None, 0.5)
    other = band(0.0, None, 1.5)
    assert map_weight(Errors(map=(one,), boxes=(other,)), [1.0]) == pytest.approx([0.9])
    assert map_weight(Errors(map=(one,), boxes=(other,), together=(0.75,)), [1.0]) == pytest.approx([1.0])
    assert map_weight(Errors(map=(other,), boxes=(one,), together=(0.75,)), [1.0]) == pytest.approx([0.0])
    assert map_weight(Errors(map=(one,), boxes=(one,), together=(-0.2,)), [1.0]) == pytest.approx([0.5])
    assert map_weight(Errors(map=(one,), boxes=(one,), together=(0.25,)), [1.0]) == pytest.approx(
        [0.0], abs=1.0
    )


def test_the_weight_is_the_one_with_the_least_error():
    rng = np.random.default_rng(8)
    true = rng.uniform(0, 5, 4000)
    shared = rng.normal(0, 0.3, 4000)
    mapped, boxes = true + shared + rng.normal(0, 0.4, 4000), true + shared - 0.5 + rng.normal(0, 0.2, 4000)
    bands = (band(0.0, None, float(np.sqrt(np.mean((mapped - true) ** 2)))),)
    others = (band(0.0, None, float(np.sqrt(np.mean((boxes - true) ** 2)))),)
    errors = Errors(map=bands, boxes=others, together=products(bands, true, mapped - true, boxes - true))
    weight = float(map_weight(errors, [1.0])[0])
    tried = {w: np.mean((w * mapped + (1 - w) * boxes - true) ** 2) for w in np.linspace(0, 1, 101)}
    assert weight == pytest.approx(min(tried, key=tried.get), abs=0.011)


def test_two_that_agree_are_left_alone():
    grid = np.random.default_rng(1).uniform(0, 20, SHAPE)
    assert both(grid, grid).people == pytest.approx(grid)


@given(grids, grids)
def test_a_cell_lies_between_its_two_counts(boxes, mapped):
    one = both(boxes, mapped)
    assert (one.people >= np.minimum(boxes, mapped) - 1e-9).all()
    assert (one.people <= np.maximum(boxes, mapped) + 1e-9).all()
    assert (one.sigma_people > 0).all()


@given(st.integers(0, 6), st.integers(0, 7), st.floats(0.0, 20.0))
def test_one_whom_both_place_in_neighbouring_cells_counts_once(row, column, crowd):
    """On an even crowd of any density, what the sum is off by is the change of the weight between the two cells."""
    boxes, mapped = np.full(SHAPE, crowd), np.full(SHAPE, crowd)
    boxes[row, column] += 1.0
    mapped[row, column + 1] += 1.0
    one = both(boxes, mapped)
    assert one.people.sum() == pytest.approx(boxes.sum(), abs=0.15)


def test_one_on_the_border_counts_once():
    boxes, mapped = np.zeros(SHAPE), np.zeros(SHAPE)
    mapped[3, 0] = 1.0
    inside = both(boxes, mapped, outside=(1.0, 0.0))
    assert inside.people.sum() + inside.outside == pytest.approx(1.0, abs=1e-9)


def test_cells_that_are_not_seen_do_not_thin_the_crowd_beside_them():
    grid, seen = np.full(SHAPE, 12.0), ALL.copy()
    grid[:, :4], seen[:, :4] = 0.0, False
    assert around_per_m2(grid, seen, 2.0)[:, 4:] == pytest.approx(np.full((7, 5), 3.0))
    assert not around_per_m2(np.zeros(SHAPE), np.zeros(SHAPE, bool), 2.0).any()


def test_a_knot_of_people_in_an_empty_square_is_a_crowd_and_not_thinned_out():
    grid = np.zeros(SHAPE)
    grid[3, 4] = 12.0
    crowding = crowding_per_m2(grid, ALL, 2.0)
    assert crowding[2:5, 3:6] == pytest.approx(np.full((3, 3), 3.0))
    assert np.count_nonzero(crowding) == 9
    assert crowding_per_m2(np.full(SHAPE, 12.0), ALL, 2.0) == pytest.approx(np.full(SHAPE, 3.0))
    assert around_per_m2(grid, ALL, 2.0)[3, 4] == pytest.approx(1.0 / 3.0)


@pytest.mark.parametrize("cell_m", [0.5, 1.0, 2.0, 5.0])
def test_crowding_is_about_the_same_on_any_cells(cell_m):
    even = np.full((31, 31), 3.0 * cell_m**2)
    assert crowding_per_m2(even, np.ones((31, 31), bool), cell_m) == pytest.approx(np.full((31, 31), 3.0))
    alone = np.zeros((31, 31))
    alone[15, 15] = 1.0
    assert crowding_per_m2(alone, np.ones((31, 31), bool), cell_m).max() < 0.3


def test_the_patch_is_six_metres_at_any_cell_size():
    for cell_m, reach in ((0.5, 6), (1.0, 3), (2.0, 1), (5.0, 0)):
        grid = np.zeros((31, 31))
        grid[15, 15] = 1.0
        around = around_per_m2(grid, np.ones((31, 31), bool), cell_m)
        assert np.count_nonzero(around > 1e-12) == (2 * reach + 1) ** 2


def test_measured_errors_of_both_together_win_over_the_cautious_sum():
    grid = np.full(SHAPE, 20.0)
    cautious = both(grid, grid).sigma_people[3, 4]
    weight = 2.7**2 / (2.7**2 + 0.3**2)
    assert cautious == pytest.approx(4.0 * ((1 - weight) * 2.7 + weight * 0.3))
    told = Errors(map=APART.map, boxes=APART.boxes, fused=(band(0.0, None, 0.25),))
    assert both(grid, grid, errors=told).sigma_people[3, 4] == pytest.approx(1.0)


def test_sigma_never_falls_with_the_crowd_and_fits_the_cell():
    bands = (band(0.0, 1.0, 0.4), band(1.0, None, 0.2))
    thin = boxes_sigma(np.full(SHAPE, 0.4), ALL, 2.0, bands)
    packed = boxes_sigma(np.full(SHAPE, 20.0), ALL, 2.0, bands)
    assert (packed >= thin).all()
    assert boxes_sigma(np.zeros(SHAPE), ALL, 4.0, bands)[0, 0] == pytest.approx(4 * 4 * 0.4)
    assert boxes_sigma(np.zeros(SHAPE), ALL, 1.0, bands)[0, 0] == pytest.approx(4 * 0.4 / 2)
