"""Counting lines: direction, ends, and points that tremble."""

from __future__ import annotations

import numpy as np
import pytest

from contract.site_file import CountingLine
from edge.crossings import LineCounter

# From west to east: its left is north, its right is south.
LINE = CountingLine(id="gate", start=(-5.0, 20.0), end=(5.0, 20.0))


def counted(*paths, precision=0.02, lines=(LINE,)):
    counter = LineCounter(lines)
    for name, path in enumerate(paths):
        for point in path:
            counter.step(f"t-{name}", "person", np.asarray(point, float), precision)
    return [(c.line, c.kind, c.forward, c.backward) for c in counter.take()]


def line_to(a, b, n=30):
    return [np.asarray(a) + (np.asarray(b) - np.asarray(a)) * i / (n - 1) for i in range(n)]


def test_forward_is_from_left_to_right_and_backward_the_other_way():
    assert counted(line_to((0.0, 23.0), (0.0, 17.0))) == [("gate", "person", 1, 0)]
    assert counted(line_to((0.0, 17.0), (0.0, 23.0))) == [("gate", "person", 0, 1)]
    assert counted(line_to((0.0, 23.0), (0.0, 17.0)), line_to((1.0, 17.0), (1.0, 23.0))) == [
        ("gate", "person", 1, 1)
    ]


def test_passing_beyond_the_ends_is_no_crossing():
    assert counted(line_to((7.0, 23.0), (7.0, 17.0))) == []
    assert counted(line_to((-5.2, 23.0), (-5.2, 17.0))) == []


@pytest.mark.parametrize("seed", range(20))
def test_trembling_on_the_line_counts_nothing(seed):
    rng = np.random.default_rng(seed)
    here = [(0.0, 20.0 + rng.uniform(-0.24, 0.24)) for _ in range(300)]
    assert counted(here) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_noisy_walker_counts_once(seed):
    rng = np.random.default_rng(seed)
    path = [p + rng.normal(0, 0.08, 2) for p in line_to((0.0, 24.0), (0.5, 16.0), 80)]
    assert counted(path) == [("gate", "person", 1, 0)]


def test_far_away_the_band_grows_with_the_precision():
    rng = np.random.default_rng(1)
    here = [(0.0, 20.0 + rng.uniform(-0.8, 0.8)) for _ in range(300)]
    assert counted(here, precision=0.3) == []
    assert counted(here, precision=0.02) != []


def test_one_who_turns_round_inside_the_band_counts_nothing():
    assert counted([*line_to((0.0, 23.0), (0.0, 20.1)), *line_to((0.0, 20.1), (0.0, 23.0))]) == []


def test_one_who_walks_round_the_end_counts_nothing():
    path = [*line_to((4.0, 22.0), (7.0, 20.0)), *line_to((7.0, 20.0), (4.0, 18.0))]
    assert counted(path) == []


def test_take_empties_and_forget_drops_the_dead():
    counter = LineCounter((LINE,))
    counter.step("a", "car", np.array([0.0, 23.0]), 0.02)
    counter.forget([])
    counter.step("a", "car", np.array([0.0, 17.0]), 0.02)
    assert counter.take() == ()
    counter.step("a", "car", np.array([0.0, 23.0]), 0.02)
    assert [c.backward for c in counter.take()] == [1]
    assert counter.take() == ()


def test_a_way_round_the_end_is_no_crossing_though_its_ends_face_each_other():
    """Clear on one side, round the post inside the band, clear on the other: only the way that was walked counts."""
    around = [
        *line_to((4.0, 21.0), (5.6, 20.2)),
        *line_to((5.6, 20.2), (5.6, 19.8)),
        *line_to((5.6, 19.8), (4.0, 19.0)),
    ]
    assert counted(around) == []


def test_a_way_through_the_gate_counts_though_it_starts_and_ends_beyond_it():
    through = [
        *line_to((6.5, 20.3), (4.8, 20.1)),
        *line_to((4.8, 20.1), (4.8, 19.9)),
        *line_to((4.8, 19.9), (6.5, 19.7)),
    ]
    assert counted(through) == [("gate", "person", 1, 0)]
