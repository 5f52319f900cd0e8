"""Vehicles on their lanes: where each is, how fast, and which way it points, at any second of the story."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.scenes.story import Curve, Drive, Layout, Point, Story
from models.scenes.vehicle_mesh import VehicleMesh

Floats = npt.NDArray[np.float64]

STEP_S: Final = 0.05
TURN_RADIUS_M: Final = 6.0
"""Corners of a lane are rounded off over this distance. [E]"""


@dataclass(frozen=True, slots=True)
class Standpoint:
    """A vehicle now. `heading_deg`: the way it moves, clockwise from north; `nose_deg`: the way it points."""

    x_m: float
    y_m: float
    heading_deg: float
    nose_deg: float
    speed_m_s: float
    travelled_m: float


@dataclass(frozen=True, slots=True)
class Ride:
    """One drive worked out: distance along the lane at every step."""

    drive: Drive
    size_m: tuple[float, float, float]
    lane: Floats
    along: Floats
    distance: Floats
    speed: Floats

    def at(self, t_s: float) -> Standpoint | None:
        """None before it appears and after it has gone."""
        drive = self.drive
        since = t_s - drive.start_s
        if since < 0.0 or (drive.end_s is not None and t_s > drive.end_s):
            return None
        index = min(since / STEP_S, len(self.distance) - 1.0)
        travelled = float(np.interp(index, np.arange(len(self.distance)), self.distance))
        if travelled >= float(self.along[-1]) - 1e-6:
            return None
        speed = float(np.interp(index, np.arange(len(self.speed)), self.speed))
        x, y = (float(np.interp(travelled, self.along, self.lane[:, k])) for k in (0, 1))
        base = self.size_m[0] * 0.3
        ahead, behind = travelled + base, travelled - base
        fx, fy = (float(np.interp(ahead, self.along, self.lane[:, k])) for k in (0, 1))
        bx, by = (float(np.interp(behind, self.along, self.lane[:, k])) for k in (0, 1))
        heading = math.degrees(math.atan2(fx - bx, fy - by)) % 360.0
        nose = (heading + 180.0) % 360.0 if drive.backs_out else heading
        return Standpoint(x, y, heading, nose, speed, travelled)


def rides(story: Story, layout: Layout, meshes: dict[str, VehicleMesh]) -> list[Ride]:
    found = []
    for drive in story.drives:
        lane = rounded(layout.lanes[drive.lane])
        if drive.backs_out:
            lane = lane[::-1].copy()
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(lane, axis=0), axis=1))])
        steps = int((story.length_s - min(drive.start_s, 0.0) + 1.0) / STEP_S) + 2
        times = np.arange(steps) * STEP_S
        speed = np.array([_value(drive.km_h, float(t)) for t in times]) / 3.6
        distance = drive.from_m + np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2.0 * STEP_S)])
        found.append(Ride(drive, meshes[drive.model].size_m, lane, along, distance, speed))
    return found


def _value(curve: Curve, at: float) -> float:
    return float(np.interp(at, [t for t, _ in curve], [v for _, v in curve]))


def rounded(lane: tuple[Point, ...]) -> Floats:
    """The lane's polyline with its corners replaced by quadratic curves, points about 0.5 m apart."""
    corners = [np.array(p, np.float64) for p in lane]
    points = [corners[0]]
    for a, b, c in zip(corners[:-2], corners[1:-1], corners[2:], strict=True):
        cut = min(TURN_RADIUS_M, float(np.linalg.norm(b - a)) * 0.45, float(np.linalg.norm(c - b)) * 0.45)
        enter, leave = b + (a - b) / np.linalg.norm(a - b) * cut, b + (c - b) / np.linalg.norm(c - b) * cut
        for share in np.linspace(0.0, 1.0, 13):
            points.append((1 - share) ** 2 * enter + 2 * share * (1 - share) * b + share**2 * leave)
    points.append(corners[-1])
    line = np.array(points)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    even = np.linspace(0.0, along[-1], max(2, int(along[-1] / 0.5)))
    return np.stack([np.interp(even, along, line[:, k]) for k in (0, 1)], axis=1)
