"""Vehicles that several cameras track become one vehicle on the ground: by position and velocity, never by looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contract.messages import VehicleKind
from hub.permits import MOTOR_KINDS

# [E] Two tracks are one vehicle within these: foot-print and calibration error, and how well slow speeds are known.
GATE_M = 3.0
GATE_M_S = 3.0
_PREDICT_MAX_S = 1.0  # [E] a position is carried forward at most so far
_MOVING_M_S = 1.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """One camera's track of one vehicle. `weight` > 0 from the camera's geometry there."""

    camera: str
    track: str
    kind: VehicleKind
    x_m: float
    y_m: float
    speed_m_s: float
    speed_sigma_m_s: float
    heading_deg: float
    captured_ms: int
    weight: float


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One vehicle on the ground. `id` is the first camera's track; it lives no longer than that."""

    id: str
    kind: VehicleKind
    x_m: float
    y_m: float
    speed_m_s: float
    heading_deg: float
    cameras: tuple[str, ...]
    captured_ms: int

    @property
    def motor(self) -> bool:
        return self.kind in MOTOR_KINDS


@dataclass(frozen=True, slots=True)
class _Moved:
    sighting: Sighting
    x_m: float
    y_m: float
    vx_m_s: float
    vy_m_s: float


def associate(sightings: Sequence[Sighting]) -> tuple[Vehicle, ...]:
    """One Vehicle for each vehicle; a camera gives at most one track to each. Order of the input does not matter.

    Pairs are taken nearest first; ties go by camera and track.
    """
    if not sightings:
        return ()
    newest_ms = max(s.captured_ms for s in sightings)
    moved = [_carry(s, newest_ms) for s in sorted(sightings, key=lambda s: (s.camera, s.track))]
    groups = list(range(len(moved)))
    pairs = sorted(
        (_distance_m(moved[i], moved[j]), i, j)
        for i in range(len(moved))
        for j in range(i + 1, len(moved))
        if _same(moved[i], moved[j])
    )
    for _, i, j in pairs:
        a, b = groups[i], groups[j]
        if a == b:
            continue
        members = [k for k, group in enumerate(groups) if group in (a, b)]
        cameras = [moved[k].sighting.camera for k in members]
        if len(set(cameras)) == len(cameras):
            for k in members:
                groups[k] = min(a, b)
    return tuple(
        _one([moved[k] for k, group in enumerate(groups) if group == first]) for first in sorted(set(groups))
    )


def _carry(s: Sighting, to_ms: int) -> _Moved:
    heading = math.radians(s.heading_deg)
    vx, vy = s.speed_m_s * math.sin(heading), s.speed_m_s * math.cos(heading)
    dt_s = min(_PREDICT_MAX_S, (to_ms - s.captured_ms) / 1000.0)
    return _Moved(s, s.x_m + vx * dt_s, s.y_m + vy * dt_s, vx, vy)


def _distance_m(a: _Moved, b: _Moved) -> float:
    return math.hypot(a.x_m - b.x_m, a.y_m - b.y_m)


def _same(a: _Moved, b: _Moved) -> bool:
    if a.sighting.camera == b.sighting.camera:
        return False
    apart_s = abs(a.sighting.captured_ms - b.sighting.captured_ms) / 1000.0
    speed = max(a.sighting.speed_m_s, b.sighting.speed_m_s)
    if _distance_m(a, b) > GATE_M + 0.5 * speed * min(apart_s, _PREDICT_MAX_S):
        return False
    if max(a.sighting.speed_m_s, b.sighting.speed_m_s) < _MOVING_M_S:
        return True
    sigma = math.hypot(a.sighting.speed_sigma_m_s, b.sighting.speed_sigma_m_s)
    return math.hypot(a.vx_m_s - b.vx_m_s, a.vy_m_s - b.vy_m_s) <= GATE_M_S + min(sigma, GATE_M_S)


def _one(members: list[_Moved]) -> Vehicle:
    total = sum(m.sighting.weight for m in members)
    x, y, vx, vy = (
        sum(m.sighting.weight * value(m) for m in members) / total for value in (_x, _y, _vx, _vy)
    )
    # A motor vehicle that one camera takes for a bicycle stays a motor vehicle.
    best = max(members, key=lambda m: (m.sighting.kind in MOTOR_KINDS, m.sighting.weight))
    first = members[0].sighting
    heading = first.heading_deg if vx == vy == 0.0 else math.degrees(math.atan2(vx, vy)) % 360.0
    return Vehicle(
        id=f"{first.camera}.{first.track}",
        kind=best.sighting.kind,
        x_m=x,
        y_m=y,
        speed_m_s=math.hypot(vx, vy),
        heading_deg=heading % 360.0,
        cameras=tuple(sorted({m.sighting.camera for m in members})),
        captured_ms=max(m.sighting.captured_ms for m in members),
    )


def _x(m: _Moved) -> float:
    return m.x_m


def _y(m: _Moved) -> float:
    return m.y_m


def _vx(m: _Moved) -> float:
    return m.vx_m_s


def _vy(m: _Moved) -> float:
    return m.vy_m_s
