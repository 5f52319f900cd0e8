"""Where people and vehicles are in the picture, and how much of each is seen: exact, from the meshes drawn."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from models.scenes.bodies import BodySet
from models.scenes.camera import View
from models.scenes.picture import Seen
from models.scenes.renderer import COARSE_PX, FINE_PX
from models.scenes.traffic import Ride, Standpoint
from models.scenes.truth import Box, PersonTruth, VehicleTruth
from models.scenes.vehicle_forms import KIND_OF_MODEL
from models.scenes.vehicle_mesh import VehicleMesh
from models.scenes.world import Somebody

Floats = npt.NDArray[np.float64]

SAMPLES: Final = 64
"""Points of a body that are looked up in the picture for its visibility."""
NEARER_M: Final = 0.04


class Sight:
    """One set of bodies and vehicles; `people` and `vehicles` give the truth of one frame."""

    def __init__(self, bodies: BodySet, meshes: dict[str, VehicleMesh]) -> None:
        self.bodies = bodies
        self.used = [[np.unique(level) for level in body.levels] for body in bodies.bodies]
        self.corners = {
            name: np.unique(mesh.mesh.points.astype(np.float64), axis=0) for name, mesh in meshes.items()
        }

    def body_m(self, one: Somebody, level: int) -> Floats:
        """The points (n, 3) of a person in site metres, as the renderer draws that level of detail."""
        body = self.bodies.bodies[one.look.shape]
        used = self.used[one.look.shape][level]
        a, b, share = one.frames
        first, second = body.points[a, used].astype(np.float64), body.points[b, used].astype(np.float64)
        points = ((1.0 - share) * first + share * second) * one.look.scale
        c, s = math.cos(one.heading_rad), math.sin(one.heading_rad)
        ahead, left = points[:, 2], points[:, 0]
        return np.stack(
            [one.x_m + c * ahead - s * left, one.y_m + s * ahead + c * left, points[:, 1]], axis=1
        )

    def people(self, people: list[Somebody], view: View, seen: Seen) -> list[PersonTruth]:
        """Everybody of whom some part lies within the picture, hidden or not."""
        if not people:
            return []
        feet = np.array([(one.x_m, one.y_m, 0.0) for one in people])
        depth = view.depth_m(feet)
        feet_px = view.project(feet)
        found = []
        for i, one in enumerate(people):
            if depth[i] < 1.0:
                continue
            tall = 1.75 * view.focal_px / depth[i]
            away = np.nan_to_num(feet_px[i], nan=1e9)
            if not (-2 * tall < away[0] < view.width + 2 * tall and -tall < away[1] < view.height + 3 * tall):
                continue
            level = 0 if tall > FINE_PX else 1 if tall > COARSE_PX else 2
            points = self.body_m(one, level)
            pixels = view.project(points)
            box = _box(pixels, view)
            if box is None:
                continue
            visible = _visible(points, pixels, one.person, view, seen)
            head = self._head_m(one)
            head_px = view.project(head[None])[0]
            found.append(
                PersonTruth(
                    id=one.person,
                    x_m=round(one.x_m, 3),
                    y_m=round(one.y_m, 3),
                    vx_m_s=round(one.vx_m_s, 3),
                    vy_m_s=round(one.vy_m_s, 3),
                    height_m=round(one.look.height_m, 3),
                    head_px=_pixel(head_px),
                    foot_px=_pixel(feet_px[i]),
                    box_xyxy=box,
                    visible=visible,
                    rides=one.rides,
                )
            )
        return found

    def _head_m(self, one: Somebody) -> Floats:
        body = self.bodies.bodies[one.look.shape]
        middle = body.points[one.frames[0], body.head].astype(np.float64).mean(axis=0) * one.look.scale
        c, s = math.cos(one.heading_rad), math.sin(one.heading_rad)
        return np.array(
            [one.x_m + c * middle[2] - s * middle[0], one.y_m + s * middle[2] + c * middle[0], middle[1]]
        )

    def vehicles(
        self, vehicles: list[tuple[Ride, Standpoint]], numbers: dict[str, int], view: View, seen: Seen
    ) -> list[VehicleTruth]:
        found = []
        for ride, here in vehicles:
            turn = math.radians(90.0 - here.nose_deg)
            c, s = math.cos(turn), math.sin(turn)
            local = self.corners[ride.drive.model]
            points = np.stack(
                [
                    here.x_m + c * local[:, 0] - s * local[:, 1],
                    here.y_m + s * local[:, 0] + c * local[:, 1],
                    local[:, 2],
                ],
                axis=1,
            )
            if (view.depth_m(points) < 1.0).any():
                continue
            pixels = view.project(points)
            box = _box(pixels, view)
            if box is None:
                continue
            found.append(
                VehicleTruth(
                    id=ride.drive.id,
                    kind=KIND_OF_MODEL[ride.drive.model],
                    model=ride.drive.model,
                    x_m=round(here.x_m, 3),
                    y_m=round(here.y_m, 3),
                    speed_m_s=round(here.speed_m_s, 3),
                    heading_deg=round(here.heading_deg, 2) % 360.0,
                    size_m=(round(ride.size_m[0], 2), round(ride.size_m[1], 2), round(ride.size_m[2], 2)),
                    box_xyxy=box,
                    visible=_visible(points, pixels, numbers[ride.drive.id], view, seen),
                    permitted=ride.drive.permitted,
                )
            )
        return found


def _pixel(point: Floats) -> tuple[float, float]:
    """Far outside the picture where the lens shows no such point."""
    clean = np.nan_to_num(point, nan=-9999.0)
    return round(float(clean[0]), 2), round(float(clean[1]), 2)


def _box(pixels: Floats, view: View) -> Box | None:
    """Around all points, cut at the picture's edges; None outside. A pixel that is touched counts whole."""
    shown = pixels[np.isfinite(pixels).all(axis=1)]
    if shown.shape[0] == 0:
        return None
    low, high = shown.min(axis=0), shown.max(axis=0)
    left, top = max(float(low[0]), 0.0), max(float(low[1]), 0.0)
    right, bottom = min(float(high[0]), float(view.width)), min(float(high[1]), float(view.height))
    if right - left < 0.5 or bottom - top < 0.5:
        return None
    return round(left, 2), round(top, 2), round(right, 2), round(bottom, 2)


def _visible(points: Floats, pixels: Floats, number: int, view: View, seen: Seen) -> float:
    step = max(1, points.shape[0] // SAMPLES)
    chosen, spots = points[::step], pixels[::step]
    depth = view.depth_m(chosen)
    inside = np.isfinite(spots).all(axis=1)
    column = np.where(inside, np.nan_to_num(spots[:, 0]), -1.0).astype(np.int64)
    row = np.where(inside, np.nan_to_num(spots[:, 1]), -1.0).astype(np.int64)
    inside &= (column >= 0) & (column < view.width) & (row >= 0) & (row < view.height)
    column, row = column[inside], row[inside]
    hidden = (seen.number[row, column] != number) & (seen.depth_m[row, column] < depth[inside] - NEARER_M)
    return round(float(np.count_nonzero(~hidden)) / int(points[::step].shape[0]), 3)
