"""Adds those of whom a camera sees no head to a count of the heads that show (models/density/hidden.py)."""

from __future__ import annotations

import numpy as np

from contract.geometry import BoolGrid, FloatGrid
from edge.fusion import around_per_m2
from edge.ground import HEAD_HEIGHT_M, Ground
from models.density.hidden import UNSURE, everybody


def cot_elevation(ground: Ground) -> FloatGrid:
    """Distance of each cell from the camera over its height above the heads (rows, columns)."""
    x, y = ground.frame.centres_m()
    eye = ground.camera.position_m
    height_m = max(ground.camera.height_m - HEAD_HEIGHT_M, 0.1)
    return np.asarray(np.hypot(x - eye[0], y - eye[1]) / height_m)


def with_hidden(
    people: FloatGrid, sigma: FloatGrid, seen: BoolGrid, ground: Ground
) -> tuple[FloatGrid, FloatGrid]:
    """Everybody, and the standard deviation of that, from heads per cell and theirs.

    The factor follows from the heads around each cell. What the heads are off by is worth as many people as a head
    stands for; the hidden are uncertain by chance (binomial) and because crowds differ (`UNSURE`).
    """
    cell_m = ground.frame.cell_m
    factor, slope, hidden = everybody(around_per_m2(people, seen, cell_m), cot_elevation(ground))
    all_people = people * factor
    by_chance = all_people * hidden * (1.0 - hidden)
    by_crowd = (UNSURE * hidden * all_people) ** 2
    return all_people, np.asarray(np.sqrt((sigma * slope) ** 2 + by_chance + by_crowd))
