"""Merging: an occluded camera that reports zero, surely, must not win."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hub.merge import Box, Sheet, counting_sigma, merge

SHAPE = (8, 10)
PATCH = 3


def sheet(name, people, *, sigma=0.5, weight=1.0, observed=True):
    return Sheet(
        name,
        Box(0, SHAPE[0], 0, SHAPE[1]),
        np.broadcast_to(np.asarray(people, float), SHAPE).copy(),
        np.full(SHAPE, float(sigma)),
        np.broadcast_to(np.asarray(observed, bool), SHAPE).copy(),
        np.full(SHAPE, float(weight)),
    )


def total(*sheets):
    return float(merge(sheets, SHAPE, PATCH).people.sum())


def test_nobody_looks():
    fused = merge([], SHAPE, PATCH)
    assert not fused.observed.any()
    assert fused.people.sum() == 0.0


def test_one_camera_is_taken_as_it_is():
    fused = merge([sheet("a", 3.0)], SHAPE, PATCH)
    assert (fused.people == 3.0).all()
    assert fused.observed.all()


def test_two_that_agree_count_once():
    assert total(sheet("a", 4.0), sheet("b", 4.0)) == pytest.approx(4.0 * 80)


def test_an_occluded_zero_does_not_win():
    assert total(sheet("a", 8.0), sheet("b", 0.0)) == pytest.approx(8.0 * 80)


def test_an_absurdly_small_sigma_does_not_win():
    assert total(sheet("a", 8.0, sigma=4.0), sheet("b", 0.0, sigma=0.0)) == pytest.approx(8.0 * 80)


def test_a_huge_sigma_does_not_hide_a_disagreement():
    assert total(sheet("a", 8.0, sigma=600.0), sheet("b", 0.0, sigma=600.0)) == pytest.approx(8.0 * 80)


def test_a_better_geometry_does_not_make_a_zero_win():
    assert total(sheet("a", 8.0, weight=0.01), sheet("b", 0.0, weight=1000.0)) == pytest.approx(8.0 * 80)


def test_a_sparse_crowd_missed_everywhere_is_not_averaged_away():
    # One person in every second cell: no patch alone disagrees by two sigma with a zero, the whole does.
    people = np.zeros(SHAPE)
    people[::2, ::4] = 1.0
    assert total(sheet("a", people), sheet("b", 0.0)) == pytest.approx(people.sum())


def test_one_camera_can_raise_a_spot_where_the_other_counts_more_in_all():
    a = np.full(SHAPE, 3.0)
    a[0:3, 0:3] = 0.0
    b = np.zeros(SHAPE)
    b[0:3, 0:3] = 8.0
    fused = merge([sheet("a", a), sheet("b", b)], SHAPE, PATCH)
    assert fused.people[1, 1] == pytest.approx(8.0)
    assert fused.people[6, 8] == pytest.approx(3.0)


def test_a_person_placed_in_the_next_cell_is_not_counted_twice():
    a, b = np.zeros(SHAPE), np.zeros(SHAPE)
    a[4, 4] = b[4, 5] = 1.0
    assert total(sheet("a", a), sheet("b", b)) == pytest.approx(1.0)


def test_small_differences_are_weighted_by_geometry_alone():
    a, b = sheet("a", 2.0, weight=3.0, sigma=9.0), sheet("b", 2.4, weight=1.0, sigma=0.01)
    assert merge([a, b], SHAPE, PATCH).people[4, 4] == pytest.approx((3 * 2.0 + 2.4) / 4)


def test_not_observed_is_not_zero():
    west = np.zeros(SHAPE, bool)
    west[:, :5] = True
    fused = merge([sheet("a", 4.0, observed=west), sheet("b", 0.0, observed=~west)], SHAPE, PATCH)
    assert fused.people[4, 2] == 4.0
    assert fused.people[4, 7] == 0.0
    assert not fused.disputed.any()
    hidden = merge([sheet("a", 4.0, observed=west)], SHAPE, PATCH)
    assert not hidden.observed[4, 7]


def test_garbage_where_not_observed_says_nothing():
    west = np.zeros(SHAPE, bool)
    west[:, :5] = True
    fused = merge([sheet("a", 40.0, observed=west), sheet("b", 2.0, observed=~west)], SHAPE, PATCH)
    assert fused.people[4, 7] == 2.0


def test_overruled_cells_are_disputed():
    fused = merge([sheet("a", 8.0), sheet("b", 0.0)], SHAPE, PATCH)
    assert fused.disputed.all()


def test_two_occluded_cameras_do_not_outvote_one():
    assert total(sheet("a", 8.0), sheet("b", 0.0), sheet("c", 0.0)) == pytest.approx(8.0 * 80)


def test_sigma_grows_with_the_count():
    assert counting_sigma(0.0) == 1.0
    assert counting_sigma(100.0) > 15.0


grids = hnp.arrays(np.float64, SHAPE, elements=st.floats(0, 40, width=16))
masks = hnp.arrays(np.bool_, SHAPE)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(grids, masks, st.floats(0.01, 100), st.floats(0, 600)), min_size=1, max_size=4))
def test_the_fused_count_lies_between_what_cameras_saw(cameras):
    sheets = [sheet(str(i), p, observed=o, weight=w, sigma=s) for i, (p, o, w, s) in enumerate(cameras)]
    fused = merge(sheets, SHAPE, PATCH)
    seen = np.array([np.where(s.observed, s.people, np.nan) for s in sheets])
    observed = np.logical_or.reduce([s.observed for s in sheets])
    assert (fused.observed == observed).all()
    low = np.where(observed, np.nanmin(np.where(np.isnan(seen), np.inf, seen), axis=0), 0)
    high = np.where(observed, np.nanmax(np.where(np.isnan(seen), -np.inf, seen), axis=0), 0)
    assert (fused.people >= low - 1e-9).all()
    assert (fused.people <= high + 1e-9).all()


@settings(max_examples=60, deadline=None)
@given(grids, masks, st.floats(0.01, 100), st.floats(0, 600))
def test_no_second_camera_clears_what_the_first_supports(people, observed, weight, sigma):
    """Wherever the first sees a crowd, a zero of any weight and any sigma leaves it."""
    crowded = np.where(people > 20, people, 0.0)
    first = sheet("a", crowded, weight=1.0)
    liar = sheet("b", 0.0, observed=observed, weight=weight, sigma=sigma)
    fused = merge([first, liar], SHAPE, PATCH)
    clear = (crowded > 20) & observed
    assert (fused.people[clear] >= crowded[clear] - 1e-9).all()


def plain(sheets, patch_cells):
    """The same merge as the words say it: cell by cell and pair by pair. (people, disputed, observers)"""
    lost = [np.zeros(one.people.shape, bool) for one in sheets]

    def at(n, row, column):
        """(people, its own cell) of the sheet at a cell of the site; people None where it observes nothing."""
        one = sheets[n]
        r, c = row - one.box.row0, column - one.box.column0
        inside = 0 <= r < one.people.shape[0] and 0 <= c < one.people.shape[1]
        return (one.people[r, c], (r, c)) if inside and one.observed[r, c] else (None, (r, c))

    def exceeds(a, b):
        return a - b > 2.0 * np.sqrt(counting_sigma(a) ** 2 + counting_sigma(b) ** 2)

    cells = [(row, column) for row in range(SHAPE[0]) for column in range(SHAPE[1])]
    for i in range(len(sheets)):
        for j in range(i + 1, len(sheets)):
            both = {}
            for cell in cells:
                a, b = at(i, *cell)[0], at(j, *cell)[0]
                if a is not None and b is not None:
                    both[cell] = (a, b)
            all_a, all_b = sum(a for a, _ in both.values()), sum(b for _, b in both.values())
            for row, column in both:
                near = [
                    both[row + dr, column + dc]
                    for dr in range(-((patch_cells - 1) // 2), patch_cells // 2 + 1)
                    for dc in range(-((patch_cells - 1) // 2), patch_cells // 2 + 1)
                    if (row + dr, column + dc) in both
                ]
                near_a, near_b = sum(a for a, _ in near), sum(b for _, b in near)
                a_over, b_over = exceeds(near_a, near_b), exceeds(near_b, near_a)
                if a_over or (exceeds(all_a, all_b) and not b_over):
                    lost[j][at(j, row, column)[1]] = True
                if b_over or (exceeds(all_b, all_a) and not a_over):
                    lost[i][at(i, row, column)[1]] = True
    people, disputed = np.zeros(SHAPE), np.zeros(SHAPE, bool)
    observers = np.zeros(SHAPE, int)
    for cell in cells:
        seen = [(n, *at(n, *cell)) for n in range(len(sheets))]
        seen = [(n, count, own) for n, count, own in seen if count is not None]
        kept = [(sheets[n].weight[own], count) for n, count, own in seen if not lost[n][own]]
        observers[cell] = len(seen)
        disputed[cell] = len(kept) < len(seen)
        if kept:
            people[cell] = sum(w * count for w, count in kept) / sum(w for w, _ in kept)
        elif seen:
            people[cell] = max(count for _, count, _ in seen)
    return people, disputed, observers


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 5), st.integers(1, 6), st.sampled_from([0.3, 3.0, 30.0]))
def test_all_pairs_at_once_say_what_each_pair_says(seed, cameras, patch_cells, most):
    rng = np.random.default_rng(seed)
    sheets = []
    for n in range(cameras):
        (row0, row1), (column0, column1) = (sorted(rng.choice(size + 1, 2, False).tolist()) for size in SHAPE)
        box = Box(row0, row1, column0, column1)
        shape = (row1 - row0, column1 - column0)
        people = rng.random(shape) * most
        observed = rng.random(shape) < rng.choice([0.5, 1.0])
        sheets.append(Sheet(str(n), box, people, people, observed, rng.random(shape) + 0.1))
    fused = merge(sheets, SHAPE, patch_cells)
    people, disputed, observers = plain(sheets, patch_cells)
    assert fused.people == pytest.approx(people)
    assert (fused.disputed == disputed).all()
    assert (fused.observers == observers).all()
    assert (fused.observed == (observers > 0)).all()
