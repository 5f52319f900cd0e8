"""What can be marked of a crowd is less than stands there."""

from __future__ import annotations

import numpy as np
import pytest

from contract.geometry import GridFrame, GroundGrid
from models.calibrate.stories import fullest, fullest_per_m2
from models.scenes.truth import FrameTruth, PersonTruth


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
