"""From a count of the heads that show, measured against marked heads, to everybody: the edge's last step.

Marks miss two things. Who is hidden is not marked (models/density/hidden.py). And a mark is put on the ground by its
head, as the map is, so that a taller person stands too near in both: no error is seen where there is one.
"""

from __future__ import annotations

import numpy as np

from contract.geometry import BoolGrid, FloatGrid
from edge.fusion import around_per_m2
from edge.ground import CALIBRATION_ERROR_PX, HEAD_HEIGHT_M, Ground
from edge.sharpen import HEIGHTS_M
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
    stands for; the hidden are uncertain by chance (binomial) and because crowds differ (`UNSURE`); and a share of the
    people may stand in the next cell.
    """
    cell_m = ground.frame.cell_m
    cot = cot_elevation(ground)
    factor, slope, hidden = everybody(around_per_m2(people, seen, cell_m), cot)
    all_people = people * factor
    by_chance = all_people * hidden * (1.0 - hidden)
    by_crowd = (UNSURE * hidden * all_people) ** 2
    by_place = (_moved_share(ground, cot) * _beside(all_people * seen)) ** 2
    return all_people, np.asarray(np.sqrt((sigma * slope) ** 2 + by_chance + by_crowd + by_place))


def _moved_share(ground: Ground, cot: FloatGrid) -> FloatGrid:
    """How far a head misplaces its owner, in cells, at most half: people's heights differ, and pixels are wrong."""
    pixel_m = np.where(np.isfinite(ground.metres_per_pixel), ground.metres_per_pixel, ground.frame.cell_m)
    moved_m = np.hypot(cot * HEIGHTS_M, pixel_m * CALIBRATION_ERROR_PX)
    return np.asarray(np.minimum(moved_m / ground.frame.cell_m, 0.5))


def _beside(people: FloatGrid) -> FloatGrid:
    """By how many people the four cells beside each one differ from it, root mean square."""
    wide = np.pad(people, 1)
    sides = (wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:])
    return np.asarray(np.sqrt(np.mean([(one - people) ** 2 for one in sides], axis=0)))
