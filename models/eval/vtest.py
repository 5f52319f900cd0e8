"""People counted on vtest.avi against hand labels: tuned on half of the labelled frames, reported on the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import numpy as np

from edge.detections import Detections
from edge.detector import Detector
from models.eval import footage, scores
from models.eval.labels import Frame, Labels, Person

VAN_BOX: Final = (652.0, 44.0, 724.0, 102.0)
"""The van parked at the upper right, by eye: what the demo's vehicle.unauthorised comes from."""

LOWEST_SCORE: Final = 0.05
"""Finds down to here enter the average precision."""

THRESHOLDS: Final = tuple(round(0.15 + 0.01 * step, 2) for step in range(56))
SMOOTHED_OVER: Final = 2
"""Neighbours on each side: with 31 frames the error jumps with every single find. [E]"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one detector saw in a set of labelled frames, and how long it took for each (milliseconds)."""

    seen: tuple[scores.Seen, ...]
    van_scores: tuple[float, ...]
    frame_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Numbers of one run at one threshold. `van_lowest` and `van_median` are 0 where the van was not found."""

    frames: int
    people: int
    threshold: float
    count: scores.CountError
    average_precision: float
    precision: float
    recall: float
    frame_ms: float
    van_lowest: float
    van_median: float


def run(detector: Detector, path: Path, frames: dict[int, Frame]) -> Run:
    """Detect in every labelled frame. The detector's thresholds should be `LOWEST_SCORE`."""
    seen, van_scores, frame_ms = [], [], []
    for number, picture in footage.pictures(path, frames):
        start = perf_counter()
        found = detector.detect(picture)
        frame_ms.append((perf_counter() - start) * 1000)
        people = found.people()
        frame = frames[number]
        seen.append(scores.Seen(_boxes(frame.people), _boxes(frame.unsure), people.boxes_xyxy, people.scores))
        van_scores.append(_van_score(found))
    return Run(tuple(seen), tuple(van_scores), tuple(frame_ms))


def report(of: Run, threshold: float) -> Report:
    """The numbers of a run when persons from `threshold` on count."""
    counted = [frame.above(threshold) for frame in of.seen]
    precision, recall = scores.precision_and_recall(scores.match(counted))
    return Report(
        frames=len(counted),
        people=sum(len(frame.people) for frame in counted),
        threshold=threshold,
        count=scores.count_error(counted),
        average_precision=scores.average_precision(scores.match(of.seen)),
        precision=precision,
        recall=recall,
        frame_ms=median(of.frame_ms),
        van_lowest=min(of.van_scores),
        van_median=median(of.van_scores),
    )


def tuned_threshold(of: Run) -> float:
    """The threshold with the smallest count error, averaged with its neighbours; the lowest of equals."""
    errors = np.array(
        [scores.count_error([frame.above(t) for frame in of.seen]).mean_absolute for t in THRESHOLDS]
    )
    width = 2 * SMOOTHED_OVER + 1
    smooth = np.convolve(errors, np.ones(width) / width, mode="valid")
    return THRESHOLDS[int(smooth.argmin()) + SMOOTHED_OVER]


def measured(
    labels: Labels, path: Path, detector: Detector, threshold: float | None
) -> tuple[Report, Report, float]:
    """Reports on the tuning and on the reporting frames, and the threshold that the tuning frames choose.

    The detector's thresholds should be `LOWEST_SCORE`. `threshold` None takes the one the tuning frames choose.
    """
    tuning, reporting = run(detector, path, labels.tuning()), run(detector, path, labels.reporting())
    tuned = tuned_threshold(tuning)
    chosen = tuned if threshold is None else threshold
    return report(tuning, chosen), report(reporting, chosen), tuned


def _boxes(people: tuple[Person, ...]) -> scores.Boxes:
    return np.array([person.box for person in people], np.float32).reshape(-1, 4)


def _van_score(found: Detections) -> float:
    """The best score of a vehicle that overlaps the van by at least half."""
    vehicles = found.vehicles()
    overlap = scores.overlaps(vehicles.boxes_xyxy, np.array([VAN_BOX], np.float32))[:, 0]
    on_van = vehicles.scores[overlap >= scores.MATCH_OVERLAP]
    return float(on_van.max()) if on_van.size else 0.0
