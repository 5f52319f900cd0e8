"""What a device holds: rates from processor time, and the largest input that holds each."""

from __future__ import annotations

import pytest

from models.bench import Timing, advice, rate_per_s


def timing(size: tuple[int, int], cpu_ms: float, density: bool = False) -> Timing:
    return Timing("some", density, size, cpu_ms, cpu_ms, cpu_ms, cpu_ms)


def test_a_rate_is_the_share_of_all_cores_over_the_time_of_a_picture_and_at_most_one_core():
    assert rate_per_s(timing((320, 416), 50.0), 0.2, 4) == pytest.approx(16.0)
    assert rate_per_s(timing((320, 416), 50.0), 0.5, 4) == pytest.approx(20.0)


def test_advice_is_the_largest_input_that_holds_the_rate():
    some = [timing((320, 416), 40.0), timing((768, 1024), 190.0), timing((320, 416), 60.0, density=True)]
    lines = advice(some, 0.5, 2)  # a second has 1000 ms of processor time in this share
    assert lines[0] == "1 pictures a second: some 768x1024, some 320x416 with people map"
    assert lines[2] == "5 pictures a second: some 768x1024, some 320x416 with people map"
    assert lines[3] == "10 pictures a second: some 320x416, some 320x416 with people map"
    assert advice([timing((320, 416), 999.0)], 0.1, 1)[1] == "2 pictures a second: none of these"
