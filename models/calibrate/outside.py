"""Errors of an external density network on one camera's marked frames: none of them was fitted to, so all count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contract.homography import inside
from edge.detections import Detections
from edge.detector import Detector
from edge.external_map import WithExternalMap
from models.calibrate.camera import OneCamera
from models.calibrate.frames import masked, read_picture
from models.calibrate.grids import Counted, Counter
from models.calibrate.marks import Marked, within
from models.calibrate.refit import Told


def counted(
    one: OneCamera, detector: Detector | WithExternalMap, marked: Sequence[Marked], told: Told
) -> tuple[Counted, ...]:
    """What a detector with a map finds in marked frames. Raises MarksUnusable, DensityRefused."""
    counter = Counter(one.ground)
    found = []
    for i, picture in enumerate(marked, 1):
        content = masked(read_picture(picture.picture), one.camera, f"picture {picture.picture}")
        height, width = content.shape[:2]
        within(picture, width, height)
        across, down = one.camera.picture.width / width, one.camera.picture.height / height
        heads_px = picture.points_px * (across, down)
        for mask in one.camera.masks:
            heads_px = heads_px[~inside(mask, heads_px)]
        seen = detector.detect(content)
        boxes = (seen.boxes_xyxy * np.array([across, down, across, down])).astype(np.float32)
        people_map = None if seen.people_map is None else seen.people_map.scaled(across, down)
        seen = Detections(boxes, seen.scores, seen.kinds, people_map)
        found.append(counter.counted(seen, counter.marked(heads_px)))
        told("pictures measured", i, len(marked))
    return tuple(found)
