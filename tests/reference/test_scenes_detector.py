"""A detector trained on photographs recognises what scenes draw.

The shipped model always; yolox-nano too where somebody fetched it (`esplanade-models fetch yolox-nano`).
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.detector import KINDS, Detector
from models.scenes import clip, true_site
from models.scenes.story import read_story
from tests.kit.fetched import is_here

AT_S = (2.0, 8.0, 12.0, 18.0, 21.0, 24.0, 33.0, 38.0, 44.0, 47.0, 52.0, 57.0)
TWO_WHEELS = (1, 3)
"""Kinds that a detector may take for each other; so it may car, bus and truck."""
FLOORS = {
    # model: vehicles found, people of 48 px and more found, share of boxes that hold something
    "ssdlite-mobilenet-v2": (0.60, 0.80, 0.85),
    "yolox-nano": (0.80, 0.90, 0.88),
}


@pytest.fixture(scope="module")
def frames(tmp_path_factory, graphics):
    """JPEG pictures and their truth."""
    story, layout = read_story("road-traffic")
    site = true_site.write(tmp_path_factory.mktemp("seen") / "site.yaml", story, layout)
    shooting = clip.Shooting(clip.built(story, layout), site, "road")
    found = []
    for i, t_s in enumerate(AT_S):
        picture, truth = shooting.frame(i, t_s)
        jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, story.jpeg_quality])[1]
        found.append((cv2.imdecode(jpeg, cv2.IMREAD_COLOR), truth))
    shooting.renderer.close()
    return found


def group(kind: int) -> int:
    return 0 if kind == 0 else 1 if kind in TWO_WHEELS else 2


def overlap(a, b) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


@pytest.mark.parametrize("model", [name for name in FLOORS if is_here(name)])
def test_a_detector_recognises_people_and_vehicles(model, frames):
    detector = Detector.load(model, input_size=(736, 1280))
    vehicles, people, boxes = [], [], []
    for picture, truth in frames:
        seen = detector.detect(picture)
        told = [(p.box_xyxy, 0, p.visible) for p in truth.people]
        told += [(v.box_xyxy, group(KINDS.index(v.kind)), v.visible) for v in truth.vehicles]
        for box, kind, visible in told:
            same = [b for b, k in zip(seen.boxes_xyxy, seen.kinds, strict=True) if group(int(k)) == kind]
            found = any(overlap(box, other) > 0.4 for other in same)
            if kind and visible > 0.6 and max(box[2] - box[0], box[3] - box[1]) > 36:
                vehicles.append(found)
            if not kind and visible > 0.6 and box[3] - box[1] > 48:
                people.append(found)
        for box, kind in zip(seen.boxes_xyxy, seen.kinds, strict=True):
            boxes.append(any(overlap(box, other) > 0.25 for other, k, _ in told if k == group(int(kind))))
    assert len(vehicles) >= 20 and len(people) >= 20
    shares = tuple(float(np.mean(values)) for values in (vehicles, people, boxes))
    assert all(share >= floor for share, floor in zip(shares, FLOORS[model], strict=True)), shares
