"""How bodies move: directions of the limbs over one cycle, for walking, running, standing and riding.

Axes of a body: x to its left, y up, z ahead. Angles in degrees. The curves are our own, drawn to resemble textbook
gait (hip flexion about 25 to -15, knee flexion peaks near 15 in stance and 60 in swing). [E]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

Vector = tuple[float, float, float]


@dataclass(slots=True)
class Pose:
    """`directions`: where bones point. `lean_deg`: trunk pitch ahead. `twist_deg`: shoulders against hips, to the left.

    `grounded`: the lowest point of the body rests on the ground; else the pelvis is put at `pelvis_m` above it.
    """

    directions: dict[str, Vector] = field(default_factory=dict)
    lean_deg: float = 0.0
    twist_deg: float = 0.0
    sway_deg: float = 0.0
    pelvis_m: float | None = None

    def leg(self, side: str, hip: float, knee: float, foot: float, spread: float = 2.5) -> None:
        """Flexion of hip and knee, and the foot's pitch (toes up positive), for side "l" or "r"."""
        self.directions[f"thigh_{side}"] = _swing(hip, spread, side)
        self.directions[f"calf_{side}"] = _swing(hip - knee, 0.5, side)
        toes = math.radians(foot)
        out = 0.12 if side == "l" else -0.12
        ahead: Vector = (out, math.sin(toes) - 0.35, math.cos(toes))
        self.directions[f"foot_{side}"] = ahead
        self.directions[f"ball_{side}"] = (out, math.sin(max(toes, -0.35)), math.cos(toes))

    def arm(self, side: str, shoulder: float, elbow: float, spread: float = 9.0, inward: float = 0.0) -> None:
        """Shoulder flexion (ahead positive), elbow flexion, both in degrees; `inward` turns the forearm in."""
        self.directions[f"upperarm_{side}"] = _swing(shoulder, spread, side)
        across = -0.02 if inward == 0.0 else -math.sin(math.radians(inward))
        forearm = _swing(shoulder + elbow, spread * 0.5, side)
        sign = 1.0 if side == "l" else -1.0
        self.directions[f"lowerarm_{side}"] = (forearm[0] + sign * across, forearm[1], forearm[2])
        self.directions[f"hand_{side}"] = self.directions[f"lowerarm_{side}"]


def _swing(angle_deg: float, spread_deg: float, side: str) -> Vector:
    angle, spread = math.radians(angle_deg), math.radians(spread_deg)
    sign = 1.0 if side == "l" else -1.0
    return sign * math.sin(spread), -math.cos(angle) * math.cos(spread), math.sin(angle) * math.cos(spread)


def _bump(phase: float, middle: float, width: float) -> float:
    """A smooth bump of height 1 on the circle of phases."""
    away = (phase - middle + 0.5) % 1.0 - 0.5
    return math.exp(-0.5 * (away / width) ** 2)


def walk(phase: float, vigour: float, umbrella: bool = False) -> Pose:
    """Phase 0 is the left heel's strike. `vigour` 1 is a usual pace, 0.5 a shuffle."""
    pose = Pose(lean_deg=2.0 * vigour, twist_deg=5.0 * vigour * math.cos(2.0 * math.pi * phase))
    for side, at in (("l", phase % 1.0), ("r", (phase + 0.5) % 1.0)):
        hip = vigour * (4.0 + 22.0 * math.cos(2.0 * math.pi * at))
        knee = vigour * (5.0 + 10.0 * _bump(at, 0.13, 0.06) + 55.0 * _bump(at, 0.72, 0.10))
        foot = vigour * (16.0 * _bump(at, 0.0, 0.05) - 45.0 * _bump(at, 0.60, 0.075))
        pose.leg(side, hip, knee, foot)
        pose.arm(
            side,
            -vigour * (2.0 + 20.0 * math.cos(2.0 * math.pi * at)) + 4.0,
            14.0 + 10.0 * vigour * _bump(at, 0.5, 0.2),
        )
    pose.sway_deg = 1.5 * vigour * math.sin(2.0 * math.pi * phase)
    if umbrella:
        _hold_umbrella(pose)
    return pose


def run(phase: float) -> Pose:
    pose = Pose(lean_deg=9.0, twist_deg=10.0 * math.cos(2.0 * math.pi * phase))
    for side, at in (("l", phase % 1.0), ("r", (phase + 0.5) % 1.0)):
        hip = 14.0 + 36.0 * math.cos(2.0 * math.pi * at)
        knee = 18.0 + 15.0 * _bump(at, 0.12, 0.07) + 85.0 * _bump(at, 0.66, 0.12)
        pose.leg(side, hip, knee, 10.0 * _bump(at, 0.0, 0.06) - 55.0 * _bump(at, 0.5, 0.1))
        pose.arm(side, -38.0 * math.cos(2.0 * math.pi * at), 85.0, spread=12.0, inward=15.0)
    return pose


def stand(phase: float) -> Pose:
    """Three ways to stand, each over a third of the cycle: arms down, looking at a phone, hands together in front."""
    way, within = int(phase * 3.0) % 3, (phase * 3.0) % 1.0
    shift = math.sin(2.0 * math.pi * within)
    pose = Pose(lean_deg=1.0, sway_deg=2.0 * shift, twist_deg=2.0 * shift)
    pose.leg("l", 1.0 + 2.0 * max(shift, 0.0), 4.0 + 6.0 * max(shift, 0.0), 0.0, spread=4.0)
    pose.leg("r", 1.0 + 2.0 * max(-shift, 0.0), 4.0 + 6.0 * max(-shift, 0.0), 0.0, spread=4.0)
    if way == 0:
        pose.arm("l", 2.0, 12.0)
        pose.arm("r", 3.0, 14.0)
    elif way == 1:
        pose.arm("l", 4.0, 10.0)
        pose.arm("r", 22.0, 88.0, spread=10.0, inward=32.0)
        pose.lean_deg = 4.0
    else:
        pose.arm("l", 12.0, 62.0, inward=38.0)
        pose.arm("r", 12.0, 62.0, inward=38.0)
    return pose


def stand_with_umbrella(phase: float) -> Pose:
    pose = stand(phase / 3.0)
    _hold_umbrella(pose)
    return pose


def _hold_umbrella(pose: Pose) -> None:
    pose.arm("r", 28.0, 100.0, spread=8.0, inward=12.0)


def pedal(phase: float) -> Pose:
    """A cyclist: the trunk leans on the handlebar, the feet go round."""
    pose = Pose(lean_deg=32.0, pelvis_m=0.98)
    for side, at in (("l", phase), ("r", phase + 0.5)):
        turn = 2.0 * math.pi * at
        pose.leg(side, 48.0 + 22.0 * math.cos(turn), 66.0 + 32.0 * math.cos(turn - 0.5), -12.0, spread=3.0)
        pose.arm(side, 58.0, 14.0, spread=6.0)
    return pose


def straddle(phase: float) -> Pose:
    """A motorcyclist, still on the saddle."""
    pose = Pose(lean_deg=16.0 + 0.0 * phase, pelvis_m=0.86)
    for side in ("l", "r"):
        pose.leg(side, 62.0, 92.0, -8.0, spread=14.0)
        pose.arm(side, 48.0, 22.0, spread=14.0)
    return pose


@dataclass(frozen=True, slots=True)
class Clip:
    """A movement sampled at `frames` phases. `travels`: the feet carry the body over the ground."""

    name: str
    frames: int
    pose: Callable[[float], Pose]
    travels: bool


CLIPS: Final[tuple[Clip, ...]] = (
    Clip("walk", 20, lambda phase: walk(phase, 1.0), True),
    Clip("shuffle", 16, lambda phase: walk(phase, 0.5), True),
    Clip("run", 16, run, True),
    Clip("stand", 12, stand, False),
    Clip("walk-umbrella", 20, lambda phase: walk(phase, 0.9, umbrella=True), True),
    Clip("stand-umbrella", 6, stand_with_umbrella, False),
    Clip("pedal", 12, pedal, False),
    Clip("straddle", 1, straddle, False),
)
"""Every movement; a clip's number is its place here."""

CLIP_NUMBER: Final[dict[str, int]] = {clip.name: i for i, clip in enumerate(CLIPS)}
