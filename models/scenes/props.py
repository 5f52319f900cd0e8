"""Small things that people carry: bags, a wheeled case, an umbrella. Axes as vehicles: x ahead, y left, z up."""

from __future__ import annotations

import itertools
import math
from typing import Final

import numpy as np

from models.scenes.meshes import Mesh, ball, box, tube
from models.scenes.vehicle_mesh import PAINTED

DARK: Final = (0.03, 0.03, 0.03)


def backpack() -> Mesh:
    return Mesh.joined(
        [
            ball((-0.20, 0.0, 1.20), (0.11, 0.16, 0.24), PAINTED),
            ball((-0.27, 0.0, 1.10), (0.06, 0.12, 0.12), PAINTED),
        ]
    )


def handbag() -> Mesh:
    return Mesh.joined(
        [
            box((0.32, 0.12, 0.24), PAINTED, lift=0.62).placed(-0.04, -0.28),
            tube((-0.04, -0.27, 0.86), (0.0, -0.14, 1.38), 0.012, 0.012, DARK, sides=4),
        ]
    )


def shopping() -> Mesh:
    return Mesh.joined(
        [
            box((0.30, 0.14, 0.36), PAINTED, lift=0.30).placed(0.02, 0.34),
            tube((0.02, 0.34, 0.66), (0.02, 0.32, 0.82), 0.008, 0.008, DARK, sides=4),
        ]
    )


def case() -> Mesh:
    return Mesh.joined(
        [
            box((0.26, 0.42, 0.62), PAINTED, lift=0.05).placed(-0.52, -0.20),
            tube((-0.42, -0.20, 0.66), (-0.10, -0.28, 0.82), 0.012, 0.012, DARK, sides=4),
        ]
    )


def umbrella() -> Mesh:
    """Open, held in the right hand over the head; scaled with its bearer, whose top is at 1.77 m."""
    sides, radius, low, high = 10, 0.56, 1.86, 2.10
    rings = [(0.0, high), (0.3, high - 0.05), (0.48, (low + high) / 2 + 0.02), (radius, low)]
    triangles: list[object] = []
    for k in range(sides):
        a, b = 2 * math.pi * k / sides, 2 * math.pi * (k + 1) / sides
        for (r0, z0), (r1, z1) in itertools.pairwise(rings):
            corner = [
                (r0 * math.cos(a), r0 * math.sin(a), z0),
                (r1 * math.cos(a), r1 * math.sin(a), z1),
                (r1 * math.cos(b), r1 * math.sin(b), z1),
                (r0 * math.cos(b), r0 * math.sin(b), z0),
            ]
            triangles += [(corner[0], corner[1], corner[2]), (corner[0], corner[2], corner[3])]
    cloth = Mesh.of(np.array(triangles), None, -1.0, PAINTED).placed(0.16, -0.10)
    shaft = tube((0.20, -0.20, 1.18), (0.16, -0.10, 2.12), 0.012, 0.010, DARK, sides=5)
    return Mesh.joined([cloth, shaft])


PROPS: Final = {
    "backpack": backpack,
    "handbag": handbag,
    "shopping": shopping,
    "case": case,
    "umbrella": umbrella,
}
