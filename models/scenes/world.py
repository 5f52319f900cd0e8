"""Everybody and everything at any second of a story: what is drawn and what the truth says are both read from here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.scenes.bodies import BodySet
from models.scenes.crowd import STEP_S, Walk
from models.scenes.gait import CLIP_NUMBER, CLIPS
from models.scenes.traffic import Ride, Standpoint
from models.scenes.wardrobe import Look, look

Floats = npt.NDArray[np.float64]

SMOOTH_STEPS: Final = (0.1, 0.2, 0.4, 0.2, 0.1)
STILL_M_S, SHUFFLE_M_S, RUN_M_S = 0.20, 0.72, 2.1
"""Speeds at which a person changes from standing to shuffling, to walking, to running. [E]"""
FIRST_RIDER: Final = 100_000
RIDERS: Final[dict[str, tuple[str, float, float]]] = {
    "bicycle": ("pedal", -0.22, 5.2),
    "motorcycle": ("straddle", -0.38, 1e9),
}
"""Movement, place of the saddle along the machine, and metres for each turn of the pedals."""
PUSHED_M: Final = 0.30
"""A vehicle that moves keeps everybody this far from its sides."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """One person now. `heading_rad`: anticlockwise from east. `frames`: two rows of the body and the second's share."""

    person: int
    x_m: float
    y_m: float
    vx_m_s: float
    vy_m_s: float
    heading_rad: float
    frames: tuple[int, int, float]
    look: Look
    rides: str | None = None


@dataclass(frozen=True, slots=True)
class _Life:
    """A walk made ready to draw: all arrays have one row per STEP_S."""

    walk: Walk
    look: Look
    points: Floats
    velocity: Floats
    heading: Floats
    clip: npt.NDArray[np.int32]
    phase: Floats


class World:
    """`people(t)` and `vehicles(t)` for any second `t` of the story."""

    def __init__(
        self, seed: int, walks: list[Walk], rides: list[Ride], bodies: BodySet, umbrellas: float
    ) -> None:
        self.seed, self.rides, self.bodies = seed, rides, bodies
        self.lives = [self._life(walk, umbrellas) for walk in walks]

    def vehicles(self, t_s: float) -> list[tuple[Ride, Standpoint]]:
        return [(ride, here) for ride in self.rides if (here := ride.at(t_s)) is not None]

    def people(self, t_s: float) -> list[Somebody]:
        """Walkers by number, then riders."""
        found = [one for life in self.lives if (one := self._at(life, t_s)) is not None]
        for i, (ride, here) in enumerate(self.vehicles(t_s)):
            if ride.drive.model in RIDERS:
                found.append(self._rider(i, ride, here))
        return found

    def _life(self, walk: Walk, umbrellas: float) -> _Life:
        seen = look(self.seed, walk.person, umbrellas)
        points = _smoothed(self._pushed(walk))
        n = points.shape[0]
        velocity = np.gradient(points, STEP_S, axis=0) if n > 1 else np.zeros((n, 2))
        speed = np.linalg.norm(velocity, axis=1)
        pace = _averaged(speed, 5)
        clip = np.select(
            [pace < STILL_M_S, pace < SHUFFLE_M_S, pace < RUN_M_S],
            [CLIP_NUMBER["stand"], CLIP_NUMBER["shuffle"], CLIP_NUMBER["walk"]],
            CLIP_NUMBER["run"],
        ).astype(np.int32)
        if seen.umbrella is not None:
            clip[clip == CLIP_NUMBER["stand"]] = CLIP_NUMBER["stand-umbrella"]
            clip[(clip == CLIP_NUMBER["walk"]) | (clip == CLIP_NUMBER["shuffle"])] = CLIP_NUMBER[
                "walk-umbrella"
            ]
        rng = np.random.default_rng([self.seed, 41, walk.person])
        stride = self.bodies.stride_m[seen.shape] * seen.scale
        steps = np.where(stride[clip] > 0.0, speed * STEP_S / np.maximum(stride[clip], 1e-6), 0.0)
        phase = float(rng.random()) + np.concatenate([[0.0], np.cumsum(steps)[:-1]])
        start = float(rng.uniform(-math.pi, math.pi))
        if walk.faces is not None:
            towards = np.asarray(walk.faces) - points[0]
            start = math.atan2(towards[1], towards[0]) + start * 0.15
        return _Life(walk, seen, points, velocity, _headings(velocity, pace, start), clip, phase)

    def _pushed(self, walk: Walk) -> Floats:
        """The walk, kept out of every moving vehicle; the way back takes a few seconds."""
        points = walk.points.copy()
        offset = np.zeros(2)
        moving = [ride for ride in self.rides if max(v for _, v in ride.drive.km_h) > 0.0]
        if not moving:
            return points
        for i in range(points.shape[0]):
            offset *= 0.94
            points[i] += offset
            for ride in moving:
                here = ride.at((walk.first + i) * STEP_S)
                if (
                    here is None
                    or math.hypot(here.x_m - points[i, 0], here.y_m - points[i, 1]) > ride.size_m[0]
                ):
                    continue
                angle = math.radians(90.0 - here.heading_deg)
                way = np.array([math.cos(angle), math.sin(angle)])
                side = np.array([-way[1], way[0]])
                apart = points[i] - (here.x_m, here.y_m)
                ahead, beside = float(apart @ way), float(apart @ side)
                length, width = ride.size_m[0] / 2.0 + PUSHED_M, ride.size_m[1] / 2.0 + PUSHED_M
                if abs(ahead) < length and abs(beside) < width:
                    move = side * (math.copysign(width, beside or 1.0) - beside)
                    points[i] += move
                    offset = offset + move
        return points

    def _at(self, life: _Life, t_s: float) -> Somebody | None:
        index = t_s / STEP_S - life.walk.first
        last = life.points.shape[0] - 1
        if index < 0.0 or index > last:
            return None
        i = min(int(index), max(last - 1, 0))
        j, share = min(i + 1, last), index - i
        point = (1.0 - share) * life.points[i] + share * life.points[j]
        velocity = (1.0 - share) * life.velocity[i] + share * life.velocity[j]
        turn = (life.heading[j] - life.heading[i] + math.pi) % (2.0 * math.pi) - math.pi
        phase = (1.0 - share) * life.phase[i] + share * life.phase[j]
        frames = self._frames(int(life.clip[i]), float(phase), t_s, life.walk.person)
        return Somebody(
            life.walk.person,
            float(point[0]),
            float(point[1]),
            float(velocity[0]),
            float(velocity[1]),
            float(life.heading[i] + share * turn),
            frames,
            life.look,
        )

    def _frames(self, clip: int, phase: float, t_s: float, person: int) -> tuple[int, int, float]:
        first, n = int(self.bodies.first_frame[clip]), CLIPS[clip].frames
        if CLIPS[clip].name == "stand":
            # one of three ways to stand, swaying slowly
            base, at = (person % 3) * 4, ((t_s * 0.11 + person * 0.37) % 1.0) * 4.0
            return first + base + int(at), first + base + (int(at) + 1) % 4, at % 1.0
        if not CLIPS[clip].travels and CLIPS[clip].name != "pedal":
            phase = t_s * 0.1 + person * 0.37
        at = (phase % 1.0) * n
        return first + int(at) % n, first + (int(at) + 1) % n, at % 1.0

    def _rider(self, i: int, ride: Ride, here: Standpoint) -> Somebody:
        movement, saddle_m, turn_m = RIDERS[ride.drive.model]
        heading = math.radians(90.0 - here.heading_deg)
        person = FIRST_RIDER + sorted(r.drive.id for r in self.rides).index(ride.drive.id)
        return Somebody(
            person,
            here.x_m + saddle_m * math.cos(heading),
            here.y_m + saddle_m * math.sin(heading),
            here.speed_m_s * math.cos(heading),
            here.speed_m_s * math.sin(heading),
            heading,
            self._frames(CLIP_NUMBER[movement], here.travelled_m / turn_m, 0.0, person),
            look(self.seed, person, 0.0, adult=True),
            ride.drive.id,
        )


def _smoothed(points: Floats) -> Floats:
    if points.shape[0] < 3:
        return points
    kernel = np.array(SMOOTH_STEPS)
    padded = np.pad(points, ((2, 2), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, k], kernel, mode="valid") for k in (0, 1)], axis=1)


def _averaged(values: Floats, window: int) -> Floats:
    padded = np.pad(values, window // 2, mode="edge")
    return np.convolve(padded, np.full(window, 1.0 / window), mode="valid")


def _headings(velocity: Floats, pace: Floats, start: float) -> Floats:
    """Where the body points: it turns towards its motion, the faster the quicker, and keeps its way when still."""
    wanted = np.arctan2(velocity[:, 1], velocity[:, 0])
    out = np.zeros(len(wanted))
    moving = np.flatnonzero(pace > STILL_M_S)
    heading = float(wanted[moving[0]]) if moving.size and moving[0] < 10 else start
    for i in range(len(wanted)):
        if pace[i] > 0.08:
            turn = (wanted[i] - heading + math.pi) % (2.0 * math.pi) - math.pi
            heading += turn * min(0.5, 0.5 * pace[i])
        out[i] = heading
    return out
