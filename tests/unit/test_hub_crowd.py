from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.crowd import Slope, box_sum, patch_densities_per_m2, patch_room, theil_sen, time_to_critical

ALL = np.ones((6, 7), bool)
ROOM = np.full((6, 7), 4.0)


@given(st.integers(1, 9), st.integers(1, 6), st.integers(1, 7))
def test_box_sum_is_the_sum_over_the_box(k, rows, columns):
    values = np.arange(rows * columns, dtype=float).reshape(rows, columns)
    before, after = (k - 1) // 2, k // 2
    found = box_sum(values, k)
    for r in range(rows):
        for c in range(columns):
            window = values[max(0, r - before) : r + after + 1, max(0, c - before) : c + after + 1]
            assert found[r, c] == pytest.approx(window.sum())


def test_patch_is_nine_cells():
    people = np.zeros((6, 7))
    people[2, 3] = 36.0
    found = patch_densities_per_m2(people, patch_room(ALL, ROOM, 3), 3)
    assert found[2, 3] == pytest.approx(1.0)
    assert found[1, 2] == pytest.approx(1.0)
    assert found[4, 5] == 0.0


def test_patch_divides_by_what_is_walkable_and_observed():
    people = np.full((6, 7), 8.0)
    observed = ALL.copy()
    observed[2, 2:5] = False
    assert patch_densities_per_m2(people, patch_room(observed, ROOM, 3), 3)[2, 3] == pytest.approx(2.0)
    walkable = ROOM.copy()
    walkable[1:3, 2:5] = 0.0
    people[1:3, 2:5] = 0.0
    assert patch_densities_per_m2(people, patch_room(ALL, walkable, 3), 3)[2, 3] == pytest.approx(2.0)


def test_patch_is_unknown_where_less_than_half_is_observed():
    observed = np.zeros((6, 7), bool)
    observed[1:3, 2:4] = True  # 4 of 9 cells
    assert np.isnan(patch_densities_per_m2(np.ones((6, 7)), patch_room(observed, ROOM, 3), 3)[2, 3])
    observed[1, 4] = True  # 5 of 9
    assert not np.isnan(patch_densities_per_m2(np.ones((6, 7)), patch_room(observed, ROOM, 3), 3)[2, 3])


def test_patch_of_a_narrow_alley_is_known():
    walkable = np.zeros((6, 7))
    walkable[:, 3] = 4.0
    people = np.zeros((6, 7))
    people[:, 3] = 20.0
    assert patch_densities_per_m2(people, patch_room(ALL, walkable, 3), 3)[2, 3] == pytest.approx(5.0)


def test_patch_without_room_is_unknown():
    assert np.isnan(
        patch_densities_per_m2(np.ones((6, 7)), patch_room(ALL, np.full((6, 7), 0.1), 3), 3)
    ).all()


def test_unobserved_counts_say_nothing():
    people = np.full((6, 7), 1.0)
    observed = ALL.copy()
    observed[2, 3] = False
    people[2, 3] = 999.0
    assert patch_densities_per_m2(people, patch_room(observed, ROOM, 3), 3)[2, 3] == pytest.approx(0.25)


def test_slope_of_a_line():
    t = [5.0 * i for i in range(24)]
    slope = theil_sen(t, [10 + 0.8 * x for x in t])
    assert slope is not None
    assert slope.median == pytest.approx(0.8)
    assert slope.low == pytest.approx(0.8)
    assert slope.high == pytest.approx(0.8)


def test_outliers_do_not_move_the_slope():
    t = [5.0 * i for i in range(24)]
    y = [10 + 0.8 * x for x in t]
    for i in (3, 9, 15, 21):
        y[i] += 500
    slope = theil_sen(t, y)
    assert slope is not None
    assert slope.median == pytest.approx(0.8, abs=0.1)


def test_interval_covers_the_true_slope_about_nine_times_in_ten():
    rng = np.random.default_rng(7)
    t = [5.0 * i for i in range(24)]
    held = 0
    for _ in range(200):
        slope = theil_sen(t, [0.3 * x + rng.normal(0, 4) for x in t])
        assert slope is not None
        held += slope.low <= 0.3 <= slope.high
    assert 165 <= held <= 200


def test_too_few_points_are_no_trend():
    assert theil_sen([0, 1, 2, 3, 4], [0, 1, 2, 3, 4]) is None
    assert theil_sen([5.0] * 8, list(range(8))) is None


def test_time_to_critical_edges():
    rising = Slope(0.5, 0.25, 1.0)
    assert time_to_critical(100, 100, rising).median_s == 0.0
    assert time_to_critical(120, 100, Slope(-1, -2, 0)).median_s == 0.0
    assert time_to_critical(50, 100, Slope(0.0, -1, 1)) is None
    assert time_to_critical(50, 100, Slope(-0.5, -1, 1)) is None
    found = time_to_critical(50, 100, rising)
    assert (found.median_s, found.low_s, found.high_s) == (100.0, 50.0, 200.0)
    assert time_to_critical(50, 100, Slope(0.5, -0.1, 1.0)).high_s is None
