"""How well found boxes agree with labelled ones: count error, average precision, precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]

MATCH_OVERLAP: Final = 0.5


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame: labelled boxes (n, 4), undecided boxes (u, 4), found boxes (m, 4) with scores (m,)."""

    people: Boxes
    unsure: Boxes
    found: Boxes
    found_scores: NDArray[np.float32]

    def above(self, threshold: float) -> Seen:
        """The frame with only the finds at or above a threshold."""
        kept = self.found_scores >= threshold
        return Seen(self.people, self.unsure, self.found[kept], self.found_scores[kept])


@dataclass(frozen=True, slots=True)
class CountError:
    """Errors of the number of people found a frame. `bias` is found less labelled."""

    mean_absolute: float
    bias: float
    worst: int


@dataclass(frozen=True, slots=True)
class Match:
    """Finds of all frames by falling score: right, or wrong; those on undecided people are left out."""

    scores: NDArray[np.float32]
    right: NDArray[np.bool_]
    people: int


def overlaps(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Intersection over union of boxes (n, 4) and (m, 4): (n, m)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b)]
    return np.asarray(
        shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9), dtype=np.float32
    )


def count_error(frames: Sequence[Seen]) -> CountError:
    """Found less labelled, over frames. Every find counts, those on undecided people too: the harder reading."""
    differences = np.array([len(frame.found) - len(frame.people) for frame in frames])
    return CountError(
        float(np.abs(differences).mean()), float(differences.mean()), int(np.abs(differences).max())
    )


def match(frames: Sequence[Seen]) -> Match:
    """Give each find, strongest first, the free labelled person it overlaps most, if by at least half.

    As in Everingham et al. 2010 (PASCAL VOC), with undecided people as its "difficult" objects.
    """
    scores: list[float] = []
    right: list[bool] = []
    for frame in frames:
        with_people = overlaps(frame.found, frame.people)
        with_unsure = overlaps(frame.found, frame.unsure)
        free = np.ones(len(frame.people), dtype=bool)
        for find in np.argsort(-frame.found_scores, kind="stable"):
            candidates = np.where(free, with_people[find], -1)
            best = int(candidates.argmax()) if candidates.size else -1
            hit = best >= 0 and candidates[best] >= MATCH_OVERLAP
            if hit:
                free[best] = False
            elif with_unsure[find].size and with_unsure[find].max() >= MATCH_OVERLAP:
                continue
            scores.append(float(frame.found_scores[find]))
            right.append(bool(hit))
    order = np.argsort(-np.array(scores, np.float32), kind="stable")
    return Match(
        np.array(scores, np.float32)[order], np.array(right, bool)[order], sum(len(f.people) for f in frames)
    )


def precision_and_recall(matched: Match) -> tuple[float, float]:
    """Share of finds that are right, and share of labelled people that are found."""
    right = int(matched.right.sum())
    return right / max(len(matched.right), 1), right / max(matched.people, 1)


def average_precision(matched: Match) -> float:
    """Area under the precision-recall curve, precision made falling (all points, VOC 2010)."""
    right = np.cumsum(matched.right)
    if right.size == 0:
        return 0.0
    recall = right / max(matched.people, 1)
    precision = right / np.arange(1, right.size + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * falling))
