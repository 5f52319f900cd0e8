"""What a detector saw in one picture: boxes, scores and kinds, and with a density model how many heads lie where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.manifest import KINDS

__all__ = ["KINDS", "KIND_GROUPS", "Detections", "PeopleMap", "best_without_overlap"]

KIND_GROUPS: Final[tuple[int, ...]] = (0, 1, 2, 1, 2, 2)
"""Kinds that suppress each other: one van often scores as car, truck and bus at once, and it is one vehicle. [E]"""

_GROUP_OF_KIND: Final = np.array(KIND_GROUPS, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class PeopleMap:
    """How many heads lie in each cell of a picture; the sum is the count.

    `people`: float32 (rows, columns), at least 0, row 0 at the top. `across_px`, `down_px`: sides of a cell in picture
    pixels; the cells begin at the picture's top left. `spread_known`: each head is spread over cells as our own heads
    are taught it (models/density/target.py), so that edge/sharpen.py can undo it.
    """

    people: NDArray[np.float32]
    across_px: float
    down_px: float
    spread_known: bool = False

    def scaled(self, across: float, down: float) -> PeopleMap:
        """The same map over the picture stretched by these factors."""
        return replace(self, across_px=self.across_px * across, down_px=self.down_px * down)


@dataclass(frozen=True, slots=True)
class Detections:
    """Objects in one picture, best score first.

    `boxes_xyxy`: float32 (n, 4), left, top, right, bottom in picture pixels, inside the picture.
    `scores`: float32 (n,), 0 to 1. `kinds`: uint8 (n,), index into `KINDS`. `people_map`: of the whole picture, where a
    density model is at work.
    """

    boxes_xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    kinds: NDArray[np.uint8]
    people_map: PeopleMap | None = None

    def __len__(self) -> int:
        return int(self.scores.shape[0])

    def people(self) -> Detections:
        """The persons alone."""
        return self._where(self.kinds == 0)

    def vehicles(self) -> Detections:
        """Everything that is not a person, bicycles included."""
        return self._where(self.kinds != 0)

    def _where(self, chosen: NDArray[np.bool_]) -> Detections:
        return Detections(self.boxes_xyxy[chosen], self.scores[chosen], self.kinds[chosen])

    @staticmethod
    def none(people_map: PeopleMap | None = None) -> Detections:
        """A picture without a box."""
        boxes = np.zeros((0, 4), np.float32)
        return Detections(boxes, np.zeros((0,), np.float32), np.zeros((0,), np.uint8), people_map)


def best_without_overlap(
    boxes_xyxy: NDArray[np.float32],
    scores: NDArray[np.float32],
    kinds: NDArray[np.uint8],
    *,
    overlap: float,
    most: int,
) -> NDArray[np.intp]:
    """Greedy non-maximum suppression inside each group of `KIND_GROUPS`.

    Takes candidates by falling score (ties: lower index first) and drops every later one of the same group whose
    intersection over union with a kept box exceeds `overlap`. Returns at most `most` indices, best first.
    """
    order = np.argsort(-scores, kind="stable")
    # Groups are moved apart so that one pass serves all of them.
    shift = _GROUP_OF_KIND[kinds[order]] * np.float32(1e5)
    left, top, right, bottom = (boxes_xyxy[order, k] + shift for k in range(4))
    area = (right - left) * (bottom - top)
    alive = np.ones(order.shape[0], dtype=bool)
    kept: list[int] = []
    for i in range(order.shape[0]):
        if not alive[i]:
            continue
        kept.append(i)
        if len(kept) == most:
            break
        rest = slice(i + 1, None)
        width = np.minimum(right[i], right[rest]) - np.maximum(left[i], left[rest])
        height = np.minimum(bottom[i], bottom[rest]) - np.maximum(top[i], top[rest])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        alive[rest] &= shared <= overlap * (area[i] + area[rest] - shared)
    return order[np.array(kept, dtype=np.intp)]
