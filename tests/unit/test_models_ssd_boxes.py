"""Anchors follow the windows that the features really look at, at any input size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import ssd_boxes, yolox_boxes


def windows_by_walking(side_px, level):
    """Centre of the input pixels that reach each cell through stride-2 3x3 layers, followed pixel by pixel."""
    reach = [(index, index) for index in range(side_px)]
    for _ in range(ssd_boxes.FIRST_LEVEL_STRIDED_LAYERS + level):
        cells = -(-len(reach) // 2)
        before = max((cells - 1) * 2 + 3 - len(reach), 0) // 2
        # pixels outside the picture are extrapolated, or the border windows would seem to shift
        step = reach[1][0] - reach[0][0] if len(reach) > 1 else 0
        low = {index: reach[0][0] + index * step for index in range(-3, len(reach) + 3)}
        high = {index: reach[0][1] + index * step for index in range(-3, len(reach) + 3)}
        reach = [(low[2 * cell - before], high[2 * cell - before + 2]) for cell in range(cells)]
    return [(low + high) / 2 + 0.5 for low, high in reach]


@given(side_px=st.integers(200, 700), level=st.integers(0, 2))
def test_window_centres_by_walking_the_layers(side_px, level):
    assert ssd_boxes.window_centres(side_px, level) == pytest.approx(windows_by_walking(side_px, level))


@pytest.mark.parametrize("side_px", [320, 480, 576, 640, 768, 1024])
def test_centres_at_stride_16_for_multiples_of_16(side_px):
    centres = ssd_boxes.anchor_centres(side_px, 0)
    assert centres == pytest.approx(16 * np.arange(side_px // 16) + 10)


def test_centres_at_the_trained_size_are_the_training_grid():
    for level, cells in enumerate((19, 10, 5, 3, 2, 1)):
        assert ssd_boxes.anchor_centres(300, level) == pytest.approx((np.arange(cells) + 0.5) * 300 / cells)


@pytest.mark.parametrize(("height", "width", "count"), [(300, 300, 1917), (480, 640, 6048), (576, 768, 8682)])
def test_anchor_count(height, width, count):
    assert all(values.shape == (count,) for values in ssd_boxes.anchors(height, width))


def test_anchors_keep_their_size_in_pixels():
    small, large = ssd_boxes.anchors(300, 300), ssd_boxes.anchors(768, 1024)
    assert set(small.width.tolist()) == set(large.width.tolist())


def test_ssd_decoding_by_hand():
    of = ssd_boxes.Anchors(*(np.array([value], np.float32) for value in (100, 60, 40, 80)))
    still = ssd_boxes.boxes_xyxy(np.zeros((1, 4), np.float32), of, np.array([0]))
    assert still.tolist() == [[80, 20, 120, 100]]
    moved = ssd_boxes.boxes_xyxy(np.array([[5, -10, 5 * np.log(2), 0]], np.float32), of, np.array([0]))
    assert moved[0] == pytest.approx([40, 20, 80, 180], abs=1e-3)


def test_ssd_decoding_of_absurd_values_is_finite():
    of = ssd_boxes.anchors(300, 300)
    boxes = ssd_boxes.boxes_xyxy(np.full((1, 4), 1e6, np.float32), of, np.array([3]))
    assert np.isfinite(boxes).all()


def test_yolox_decoding_by_hand():
    cells = yolox_boxes.cells(416, 416)
    assert cells.x.shape == (3549,)
    row = 52 * 52 + 26 + 3  # second row of the stride 16 grid, fourth cell
    boxes = yolox_boxes.boxes_xyxy(np.array([[0.5, 0.25, 0, np.log(3)]], np.float32), cells, np.array([row]))
    assert boxes[0] == pytest.approx([56 - 8, 20 - 24, 56 + 8, 20 + 24], abs=1e-3)
