"""Vehicle tracks in site metres: position, speed, heading, and how sure the speed is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from contract import limits
from contract.instants import from_ms
from contract.messages import VehicleKind, VehicleTrack
from edge.footprint import Form, footprint, headed, learnt
from edge.ground import Ground
from edge.tracker import Track

MOTOR_KINDS: Final = frozenset({"motorcycle", "car", "bus", "truck"})
MOVING_M_S: Final = 1.0
"""A motor vehicle at least this fast is reported every 200 ms (contract.md)."""
BOX_SIGMA: Final = 0.02
BOX_SIGMA_PX: Final = 1.0
"""Jitter of a box's lower edge: a share of its height, and at least this many pixels. [E]"""
POINT_SIGMA_MIN_M: Final = 0.1
ACCELERATION_M_S2: Final = 2.0
"""What a vehicle in a square does without warning. [E]"""
START_SPEED_SIGMA_M_S: Final = 5.0
SURE_SIGMAS: Final = 2.0
"""A speed counts as motion only when it is this many of its own sigmas away from zero. [E]"""
HEADING_MIN_M_S: Final = 0.5
"""Slower than this a heading is noise, and the last one stands. [E]"""


@dataclass(slots=True)
class Motion:
    """Constant-velocity Kalman filter on the ground, the same in both axes. Metres and seconds."""

    point_m: npt.NDArray[np.float64]
    velocity_m_s: npt.NDArray[np.float64]
    place: float
    both: float
    speed: float
    at_ms: int
    heading_deg: float = 0.0
    has_moved: bool = False
    whole: bool = True

    @staticmethod
    def begin(point_m: npt.NDArray[np.float64], sigma_m: float, at_ms: int) -> Motion:
        return Motion(point_m.copy(), np.zeros(2), sigma_m**2, 0.0, START_SPEED_SIGMA_M_S**2, at_ms)

    def measure(self, point_m: npt.NDArray[np.float64], sigma_m: float, at_ms: int) -> None:
        """Moves on to `at_ms` and takes in one measured point with its standard deviation."""
        dt = max(0, at_ms - self.at_ms) / 1000.0
        self.at_ms = at_ms
        noise = ACCELERATION_M_S2**2
        self.point_m += self.velocity_m_s * dt
        self.place += 2 * dt * self.both + dt**2 * self.speed + noise * dt**4 / 4
        self.both += dt * self.speed + noise * dt**3 / 2
        self.speed += noise * dt**2
        gain_place = self.place / (self.place + sigma_m**2)
        gain_speed = self.both / (self.place + sigma_m**2)
        off = point_m - self.point_m
        self.point_m += gain_place * off
        self.velocity_m_s += gain_speed * off
        self.speed -= gain_speed * self.both
        self.both *= 1 - gain_place
        self.place *= 1 - gain_place
        if self.speed_m_s >= HEADING_MIN_M_S:
            east, north = self.velocity_m_s
            self.heading_deg = math.degrees(math.atan2(east, north)) % 360.0
        self.has_moved = self.has_moved or self.is_moving

    def jump(self, point_m: npt.NDArray[np.float64], sigma_m: float, at_ms: int) -> None:
        """Moves on to `at_ms` and a point that is known in another way than those before: no speed follows from it.

        So it is when a vehicle that the picture's edge cut comes wholly into view, or leaves.
        """
        dt = max(0, at_ms - self.at_ms) / 1000.0
        self.at_ms, self.whole = at_ms, not self.whole
        self.point_m = point_m.copy()
        self.place, self.both = sigma_m**2, 0.0
        self.speed += (ACCELERATION_M_S2 * dt) ** 2

    @property
    def speed_m_s(self) -> float:
        return float(np.hypot(*self.velocity_m_s))

    @property
    def sigma_m_s(self) -> float:
        return math.sqrt(max(0.0, self.speed))

    @property
    def is_moving(self) -> bool:
        return self.speed_m_s >= MOVING_M_S and self.speed_m_s >= SURE_SIGMAS * self.sigma_m_s


class Vehicles:
    """The vehicles one camera follows, on the ground."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._motions: dict[str, Motion] = {}
        self._forms: dict[str, Form] = {}

    def update(self, seen: list[Track], alive: list[Track], captured_ms: int) -> tuple[VehicleTrack, ...]:
        """Takes the vehicle tracks seen in one picture; returns all that are alive and stand on a surface."""
        for track in seen:
            if track.id is not None:
                self._measure(track.id, track, captured_ms)
        living = {track.id for track in alive}
        self._motions = {id_: motion for id_, motion in self._motions.items() if id_ in living}
        self._forms = {id_: form for id_, form in self._forms.items() if id_ in living}
        found = [self._fact(track, captured_ms) for track in alive if track.id in self._motions]
        return tuple(found[: limits.VEHICLES_MAX])

    def _measure(self, id_: str, track: Track, captured_ms: int) -> None:
        """Takes one box in: the middle of the vehicle, as its kind, size and direction are known by now."""
        ground, box = self._ground, track.box_xyxy
        motion = self._motions.get(id_)
        before = self._forms.get(id_, Form(track.kind))
        form = before if before.kind == track.kind else Form(track.kind, 1.0, before.heading_rad)
        if motion is not None and motion.is_moving:
            form = replace(form, heading_rad=math.radians(motion.heading_deg))
        elif motion is None or not motion.has_moved:
            form = headed(ground, box, form)
        stands = footprint(ground, box, form)
        if stands is None:
            return
        self._forms[id_] = learnt(ground, box, form, stands.middle_m)
        point_m = stands.middle_m
        jitter_px = max(BOX_SIGMA_PX, BOX_SIGMA * float(box[3] - box[1]))
        precision_m = float(ground.precision_m(point_m[None])[0])
        sigma_m = max(POINT_SIGMA_MIN_M, stands.sigma_m, min(jitter_px * precision_m, limits.SITE_MAX_M))
        if motion is None:
            motion = self._motions[id_] = Motion.begin(point_m, sigma_m, captured_ms)
            motion.whole = stands.sigma_m == 0.0
            return
        if form != before:
            # Learning a vehicle's size or direction moves its middle; that is no motion.
            earlier = footprint(ground, box, before)
            if earlier is not None:
                motion.point_m += point_m - earlier.middle_m
        if motion.whole != (stands.sigma_m == 0.0):
            motion.jump(point_m, sigma_m, captured_ms)
        else:
            motion.measure(point_m, sigma_m, captured_ms)

    def _fact(self, track: Track, captured_ms: int) -> VehicleTrack:
        assert track.id is not None
        motion = self._motions[track.id]
        limit = limits.SITE_MAX_M
        return VehicleTrack(
            id=track.id,
            kind=cast(VehicleKind, track.kind),
            x_m=round(min(limit, max(-limit, float(motion.point_m[0]))), 2),
            y_m=round(min(limit, max(-limit, float(motion.point_m[1]))), 2),
            speed_m_s=round(min(limits.SPEED_MAX_M_S, motion.speed_m_s), 2),
            speed_sigma_m_s=round(min(limits.SPEED_MAX_M_S, motion.sigma_m_s), 2),
            heading_deg=round(motion.heading_deg, 1) % 360.0,
            age_s=round(max(0, captured_ms - track.named_ms) / 1000.0, 3),
            confidence=round(min(1.0, max(0.0, track.score)), 3),
            captured_at=from_ms(track.seen_ms),
        )

    def any_moving(self, alive: list[Track]) -> bool:
        """Whether a motor vehicle surely moves at 1 m/s or more."""
        return any(
            track.kind in MOTOR_KINDS and track.id in self._motions and self._motions[track.id].is_moving
            for track in alive
        )
