"""What can be marked of a crowd is less than stands there."""

from __future__ import annotations

import numpy as np
import pytest

from contract.geometry import GridFrame, GroundGrid
from edge.ground import Ground
from models.calibrate.stories import StoryCamera, fullest, fullest_per_m2
from models.scenes.truth import FrameTruth, PersonTruth
from tests.kit import edge_scene as scene


def test_the_fullest_six_metres_lie_on_a_raster_of_two():
    assert fullest_per_m2(np.zeros((0, 2))) == 0.0
    packed = np.array([(-3.5, -0.5)] * 30 + [(1.5, 3.5)] * 6)
    assert fullest_per_m2(packed) == pytest.approx(36 / 36.0), "cells -2 to 0 across, -1 to 1 down"
    assert fullest_per_m2(packed + np.array((0.0, 100.0))) == pytest.approx(36 / 36.0)
    apart = np.array([(-4.5, 0.0)] * 30 + [(1.5, 0.0)] * 6)
    assert fullest_per_m2(apart) == pytest.approx(30 / 36.0)


def test_hidden_people_stand_there_and_nobody_marks_them():
    nothing, some = np.zeros((4, 4)), np.ones((4, 4), bool)
    grid = GroundGrid(GridFrame(2.0, 0, 0, 4, 4), nothing, nothing, some, some).to_wire()
    people = [
        PersonTruth(
            id=i, x_m=3.0, y_m=3.0, vx_m_s=0.0, vy_m_s=0.0, height_m=1.7, head_px=(5.0, 5.0), foot_px=(5.0, 9.0),
            box_xyxy=(4.0, 4.0, 6.0, 9.0), visible=visible,
        )
        for i, visible in enumerate([0.9] * 9 + [0.01] * 18)
    ]  # fmt: skip
    frame = FrameTruth(
        frame=0, t_s=0.0, captured_at="2026-06-20T18:00:00.000Z", camera="gate", picture="good", people=people,
        vehicles=[], grid=grid, people_outside_grid=0.0,
    )  # fmt: skip
    assert fullest(frame) == pytest.approx((27 / 36.0, 9 / 36.0))


def test_a_finer_truth_is_gathered_into_the_cells_that_are_needed():
    """Long Row is told in cells of 1 m; errors are measured in cells of 2 m."""
    ground = Ground(scene.camera(), 2.0)
    frame = ground.frame
    fine = GridFrame(1.0, 2 * frame.column0 - 1, 2 * frame.row0, 2 * frame.columns + 1, 2 * frame.rows)
    people, known = np.zeros(fine.shape), np.ones(fine.shape, bool)
    people[4:6, 7:9], people[0, 0] = [[1.0, 0.5], [0.25, 2.0]], 9.0
    known[10, 11] = False
    wire = GroundGrid(fine, people, np.zeros(fine.shape), known, known).to_wire()
    truth = FrameTruth(
        frame=0, t_s=0.0, captured_at="2026-06-20T18:00:00.000Z", camera="gate", picture="good", people=[],
        vehicles=[], grid=wire, people_outside_grid=0.0,
    )  # fmt: skip
    found, sure = StoryCamera.grid(truth, ground)
    assert found[2, 3] == pytest.approx(3.75, abs=0.02)
    assert found.sum() == pytest.approx(3.75, abs=0.02), "who stands outside is not brought in"
    assert not sure[5, 5]
    assert sure.sum() == sure.size - 1
    with pytest.raises(ValueError, match="no multiple"):
        StoryCamera.grid(truth, Ground(scene.camera(), 1.5))
