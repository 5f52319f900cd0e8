"""The claims of docs/accuracy.md: people counted on vtest.avi against hand labels, and the parked van seen steadily."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.detector import Detector
from models.eval import footage, labels, vtest
from models.eval.__main__ import main

LABELS = Path(__file__).with_name("vtest_labels.json")
SHIPPED = "ssdlite-mobilenet-v2"


@pytest.fixture(scope="module")
def clip(vtest):
    return vtest()


@pytest.fixture(scope="module")
def known():
    return labels.read(LABELS)


@pytest.fixture(scope="module")
def reported(clip, known):
    """The shipped model at its manifest settings on the frames that nothing was tuned on."""
    detector = Detector.load(
        SHIPPED, person_threshold=vtest.LOWEST_SCORE, vehicle_threshold=vtest.LOWEST_SCORE
    )
    run = vtest.run(detector, clip, known.reporting())
    return vtest.report(run, detector.model.decode.person_threshold)


def test_labels_are_of_this_footage(known):
    assert known.footage.sha256 == footage.SHA256
    assert sorted(known.frames) == list(range(0, 795, labels.STEP))
    assert (len(known.tuning()), len(known.reporting())) == (31, 31)


def test_count_error_on_the_reported_frames(reported):
    assert reported.frames == 31
    assert reported.count.mean_absolute <= 0.55
    assert abs(reported.count.bias) <= 0.55


def test_average_precision_on_the_reported_frames(reported):
    assert reported.average_precision >= 0.93
    assert reported.precision >= 0.93
    assert reported.recall >= 0.9


def test_the_van_is_a_vehicle_in_every_reported_frame(reported):
    assert reported.van_lowest >= Detector.load(SHIPPED).model.decode.vehicle_threshold + 0.1


def test_a_moved_picture_gives_moved_boxes(clip):
    """Anchors and windows keep step with each other at a size the network was not trained at."""
    ((_, picture),) = footage.pictures(clip, [26])
    detector = Detector.load(SHIPPED)
    tile = np.ascontiguousarray(picture[200:328, 220:400])
    seen = []
    for top, left in ((300, 400), (305, 411), (333, 427)):
        canvas = np.full((768, 1024, 3), 127, np.uint8)
        canvas[top : top + 128, left : left + 180] = tile
        found = detector.detect(canvas).people()
        seen.append(found.boxes_xyxy[0] - [left, top, left, top])
    assert len(seen) == 3
    assert np.abs(np.stack(seen) - seen[0]).max() < 4


def test_the_command_prints_the_numbers(clip, capsys):
    assert main(["vtest", "--footage", str(clip), "--input-size", "192x256"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("reported") for line in lines)
    assert main(["vtest", "--footage", str(LABELS)]) == 1
    assert "is not vtest.avi" in capsys.readouterr().err
