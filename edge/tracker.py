"""Which box in this picture is which box of the last: short-lived tracks with ids that are never used again.

Theory: a constant-velocity Kalman filter on the middle of a box's lower edge, an exponential mean of its size, and
greedy matching by the overlap of widened boxes (buffered IoU: Yang et al., Hard to Track Objects with Irregular
Motions and Similar Appearances? Make It Easier by Buffering the Matching Space, WACV 2023). No appearance is used, on
purpose. Why not a library: docs/decisions/0003-tracker.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.detections import KIND_GROUPS, KINDS, Detections

Floats = npt.NDArray[np.float64]

DAY_MS: Final = 86_400_000
BUFFER: Final = 0.3
"""Boxes are widened by this share of their size on every side before they are compared. [E]"""
OVERLAP_MIN: Final = 0.1
"""Least buffered overlap that links two boxes. [E]"""
REACH_SIGMAS: Final = 2.5
HEIGHT_RATIO: Final = 1.5
"""What overlaps nothing is still linked where a track may have gone: within so many of its sigmas, and of like height.
At two pictures a second a walker leaves their own box between them. [E]"""
CONFIRM_HITS: Final = 3
"""A track gets an id at its third sighting; a false alarm rarely lasts that long. [E]"""
TENTATIVE_COAST_MS: Final = 300
PERSON_COAST_MS: Final = 1_000
VEHICLE_COAST_MS: Final = 3_000
"""How long a track lives unseen. A parked van stays itself while people walk past it. [E]"""
POINT_SIGMA: Final = 0.05
START_SPEED_SIGMA: Final = 1.0
ACCELERATION: Final = 1.5
"""Noise of a point, speed at first, and acceleration, all in box heights (and seconds). [E]"""
SIZE_GAIN: Final = 0.4

_GROUPS: Final = np.array(KIND_GROUPS, dtype=np.intp)


class TrackIds:
    """Ids of one camera: unlinkable between boots and between days (UTC), never used twice."""

    def __init__(self, boot: str, camera: str) -> None:
        self._seed = f"{boot}/{camera}"
        self._day = -1
        self._prefix = ""
        self._count = 0

    def is_new_day(self, captured_ms: int) -> bool:
        """True when the day has changed; ids made after it belong to the new day.

        The count goes on, since a clock that steps back over midnight comes to the same day, and prefix, again.
        """
        day = captured_ms // DAY_MS
        if day == self._day:
            return False
        self._day = day
        self._prefix = hashlib.sha256(f"{self._seed}/{day}".encode()).hexdigest()[:10]
        return True

    def next(self) -> str:
        self._count += 1
        return f"{self._prefix}-{self._count}"


@dataclass(slots=True)
class Track:
    """One object followed through pictures. `box_xyxy`: the last box seen, unfiltered; `first_xyxy`: the first."""

    group: int
    box_xyxy: Floats
    score: float
    first_ms: int
    seen_ms: int
    first_xyxy: Floats
    id: str | None = None
    named_ms: int = 0
    hits: int = 1
    votes: Floats = field(default_factory=lambda: np.zeros(len(KINDS)))

    @property
    def kind(self) -> str:
        """The kind with the largest sum of scores so far."""
        return KINDS[int(np.argmax(self.votes))]

    @property
    def is_person(self) -> bool:
        return self.group == 0


class Tracker:
    """Follows the boxes of one camera. Not for use by two threads."""

    def __init__(self, ids: TrackIds) -> None:
        self._ids = ids
        self.tracks: list[Track] = []
        self._point = np.zeros((0, 2))
        self._speed = np.zeros((0, 2))
        self._size = np.zeros((0, 2))
        # Covariance of point and speed, one axis: variance of each and their covariance, px2 and seconds.
        self._spread = np.zeros((0, 3))
        self._now_ms: int | None = None

    def update(self, seen: Detections, captured_ms: int) -> list[Track]:
        """Takes one picture's detections. Returns the named tracks seen in it, in the order they began."""
        if self._ids.is_new_day(captured_ms):
            for track in self.tracks:
                if track.id is not None:
                    track.id, track.named_ms = self._ids.next(), captured_ms
        self._predict(captured_ms)
        boxes = seen.boxes_xyxy.astype(np.float64)
        links = self._links(boxes, _GROUPS[seen.kinds])
        for t, d in links:
            self._correct(t, boxes[d])
            track = self.tracks[t]
            track.box_xyxy, track.seen_ms = boxes[d], captured_ms
            track.score += 0.2 * (float(seen.scores[d]) - track.score)
            track.hits += 1
            track.votes[seen.kinds[d]] += seen.scores[d]
            if track.id is None and track.hits >= CONFIRM_HITS:
                track.id, track.named_ms = self._ids.next(), captured_ms
        self._begin(seen, boxes, {d for _, d in links}, captured_ms)
        self._forget(captured_ms)
        return [track for track in self.tracks if track.id is not None and track.seen_ms == captured_ms]

    def alive(self, wanted: Callable[[Track], bool]) -> list[Track]:
        """Named tracks, also those not seen in the last picture but not yet given up."""
        return [track for track in self.tracks if track.id is not None and wanted(track)]

    def _predict(self, captured_ms: int) -> None:
        dt = 0.0 if self._now_ms is None else max(0, captured_ms - self._now_ms) / 1000.0
        self._now_ms = captured_ms
        if dt == 0.0 or not self.tracks:
            return
        self._point += self._speed * dt
        noise = (ACCELERATION * self._size[:, 1]) ** 2
        place, both, speed = self._spread.T
        self._spread = np.stack(
            [
                place + 2 * dt * both + dt**2 * speed + noise * dt**4 / 4,
                both + dt * speed + noise * dt**3 / 2,
                speed + noise * dt**2,
            ],
            axis=1,
        )

    def _links(self, boxes: Floats, groups: npt.NDArray[np.intp]) -> list[tuple[int, int]]:
        """Pairs (track, detection), best overlap first; ties go to the older track and the better detection."""
        if not self.tracks or boxes.shape[0] == 0:
            return []
        half = self._size[:, 0] / 2.0
        predicted = np.stack(
            [
                self._point[:, 0] - half,
                self._point[:, 1] - self._size[:, 1],
                self._point[:, 0] + half,
                self._point[:, 1],
            ],
            axis=1,
        )
        overlap = _overlaps(_widened(predicted), _widened(boxes))
        overlap[np.array([track.group for track in self.tracks])[:, None] != groups] = 0.0
        rows, columns = np.nonzero(overlap >= OVERLAP_MIN)
        order = np.argsort(-overlap[rows, columns], kind="stable")
        links = _greedy(list(zip(rows[order].tolist(), columns[order].tolist(), strict=True)))
        return links + self._reached(boxes, groups, links)

    def _reached(
        self, boxes: Floats, groups: npt.NDArray[np.intp], links: list[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        """Pairs among what is left, nearest first in the track's own sigmas."""
        left_t = np.setdiff1d(np.arange(len(self.tracks)), [t for t, _ in links])
        left_d = np.setdiff1d(np.arange(boxes.shape[0]), [d for _, d in links])
        if left_t.size == 0 or left_d.size == 0:
            return []
        new = boxes[left_d]
        feet = np.stack([(new[:, 0] + new[:, 2]) / 2.0, new[:, 3]], axis=1)
        height = self._size[left_t, 1]
        sigma = np.sqrt(self._spread[left_t, 0] + (POINT_SIGMA * height) ** 2)
        off = np.linalg.norm(feet[None] - self._point[left_t][:, None], axis=2) / sigma[:, None]
        ratio = np.maximum(new[:, 3] - new[:, 1], 1.0)[None] / height[:, None]
        off[(ratio > HEIGHT_RATIO) | (ratio < 1.0 / HEIGHT_RATIO)] = np.inf
        off[np.array([self.tracks[t].group for t in left_t])[:, None] != groups[left_d]] = np.inf
        rows, columns = np.nonzero(off <= REACH_SIGMAS)
        order = np.argsort(off[rows, columns], kind="stable")
        pairs = zip(left_t[rows[order]].tolist(), left_d[columns[order]].tolist(), strict=True)
        return _greedy(list(pairs))

    def _correct(self, t: int, box: Floats) -> None:
        width, height = box[2] - box[0], box[3] - box[1]
        measured = np.array([(box[0] + box[2]) / 2.0, box[3]])
        noise = (POINT_SIGMA * self._size[t, 1]) ** 2
        place, both, speed = self._spread[t]
        gain_place, gain_speed = place / (place + noise), both / (place + noise)
        off = measured - self._point[t]
        self._point[t] += gain_place * off
        self._speed[t] += gain_speed * off
        self._spread[t] = (
            (1 - gain_place) * place,
            (1 - gain_place) * both,
            speed - gain_speed * both,
        )
        self._size[t] += SIZE_GAIN * (np.array([width, height]) - self._size[t])

    def _begin(self, seen: Detections, boxes: Floats, taken: set[int], captured_ms: int) -> None:
        fresh = [d for d in range(len(seen)) if d not in taken]
        if not fresh:
            return
        for d in fresh:
            track = Track(
                int(_GROUPS[seen.kinds[d]]),
                boxes[d],
                float(seen.scores[d]),
                captured_ms,
                captured_ms,
                boxes[d],
            )
            track.votes[seen.kinds[d]] += seen.scores[d]
            self.tracks.append(track)
        new = boxes[fresh]
        size = np.maximum(new[:, 2:] - new[:, :2], 1.0)
        point = np.stack([(new[:, 0] + new[:, 2]) / 2.0, new[:, 3]], axis=1)
        spread = np.stack(
            [
                (POINT_SIGMA * size[:, 1]) ** 2,
                np.zeros(len(fresh)),
                (START_SPEED_SIGMA * size[:, 1]) ** 2,
            ],
            axis=1,
        )
        self._point = np.concatenate([self._point, point])
        self._speed = np.concatenate([self._speed, np.zeros((len(fresh), 2))])
        self._size = np.concatenate([self._size, size])
        self._spread = np.concatenate([self._spread, spread])

    def _forget(self, captured_ms: int) -> None:
        keep = [
            i for i, track in enumerate(self.tracks) if abs(captured_ms - track.seen_ms) <= _coast_ms(track)
        ]
        if len(keep) == len(self.tracks):
            return
        self.tracks = [self.tracks[i] for i in keep]
        self._point, self._speed = self._point[keep], self._speed[keep]
        self._size, self._spread = self._size[keep], self._spread[keep]


def _greedy(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Each track and each detection once, the first pairs first."""
    used_t: set[int] = set()
    used_d: set[int] = set()
    links: list[tuple[int, int]] = []
    for t, d in pairs:
        if t not in used_t and d not in used_d:
            used_t.add(t)
            used_d.add(d)
            links.append((t, d))
    return links


def _coast_ms(track: Track) -> int:
    if track.id is None:
        return TENTATIVE_COAST_MS
    return PERSON_COAST_MS if track.is_person else VEHICLE_COAST_MS


def _widened(boxes: Floats) -> Floats:
    size = boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([boxes[:, :2] - BUFFER * size, boxes[:, 2:] + BUFFER * size], axis=1)


def _overlaps(one: Floats, other: Floats) -> Floats:
    """Intersection over union of every pair, (n, m)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=2)
    area_one = np.prod(one[:, 2:] - one[:, :2], axis=1)
    area_other = np.prod(other[:, 2:] - other[:, :2], axis=1)
    return np.asarray(shared / np.maximum(area_one[:, None] + area_other - shared, 1e-9))
