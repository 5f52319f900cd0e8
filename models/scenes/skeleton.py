"""Bones of one body shape, and the body's points in a pose."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.scenes.gait import Pose, Vector
from models.scenes.human_data import Rig

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Skeleton:
    """`heads`, `tails`: (bones, 3) metres in the rest pose of one body shape."""

    bones: tuple[str, ...]
    parents: tuple[int, ...]
    heads: Floats
    tails: Floats

    @staticmethod
    def of(rig: Rig, points: Floats) -> Skeleton:
        heads = np.stack([points[joint].mean(axis=0) for joint in rig.heads])
        tails = np.stack([points[joint].mean(axis=0) for joint in rig.tails])
        return Skeleton(rig.bones, rig.parents, heads, tails)

    def transforms(self, pose: Pose) -> Floats:
        """(bones, 3, 4): from the rest pose to `pose`, the pelvis staying where it was."""
        turns = np.zeros((len(self.bones), 3, 3))
        moved = np.zeros((len(self.bones), 3, 4))
        places = np.zeros((len(self.bones), 3))
        for i, bone in enumerate(self.bones):
            parent = self.parents[i]
            if bone in pose.directions:
                turns[i] = _between(self.tails[i] - self.heads[i], pose.directions[bone])
            elif bone == "pelvis":
                turns[i] = _yaw(-pose.twist_deg * 0.6) @ _roll(pose.sway_deg)
            elif bone in ("spine_01", "spine_02", "spine_03"):
                step = int(bone[-1]) / 3.0
                turns[i] = (
                    _yaw(pose.twist_deg * step) @ _pitch(pose.lean_deg * step) @ _roll(-pose.sway_deg * step)
                )
            elif bone == "head":
                turns[i] = _pitch(pose.lean_deg * 0.3)
            elif bone.startswith("clavicle") or bone == "neck_01":
                turns[i] = turns[parent]
            else:
                turns[i] = turns[parent] if parent >= 0 else np.eye(3)
            if parent < 0:
                places[i] = self.heads[i]
            else:
                places[i] = places[parent] + turns[parent] @ (self.heads[i] - self.heads[parent])
            moved[i, :, :3] = turns[i]
            moved[i, :, 3] = places[i] - turns[i] @ self.heads[i]
        return moved

    def posed(self, points: Floats, weights: Floats, pose: Pose) -> Floats:
        """Points (n, 3) in the pose: feet on y = 0 (or the pelvis at its height), pelvis over x = z = 0."""
        blended = np.einsum("nb,bij->nij", weights, self.transforms(pose))
        moved = np.einsum("nij,nj->ni", blended[:, :, :3], points) + blended[:, :, 3]
        pelvis = self.heads[self.bones.index("pelvis")]
        moved[:, 0] -= pelvis[0]
        moved[:, 2] -= pelvis[2]
        if pose.pelvis_m is None:
            moved[:, 1] -= moved[:, 1].min()
        else:
            moved[:, 1] += pose.pelvis_m - pelvis[1]
        return np.asarray(moved)


def _between(start: Floats, end: Vector) -> Floats:
    """The smallest turn from one direction to another (Rodrigues)."""
    a = start / np.linalg.norm(start)
    b = np.asarray(end) / np.linalg.norm(end)
    axis = np.cross(a, b)
    cosine = float(a @ b)
    if cosine < -0.9999:
        return np.diag([1.0, -1.0, -1.0])
    cross = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1.0 + cosine))


def _yaw(deg: float) -> Floats:
    c, s = math.cos(math.radians(deg)), math.sin(math.radians(deg))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _pitch(deg: float) -> Floats:
    """Positive bows ahead."""
    c, s = math.cos(math.radians(deg)), math.sin(math.radians(deg))
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def _roll(deg: float) -> Floats:
    c, s = math.cos(math.radians(deg)), math.sin(math.radians(deg))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
