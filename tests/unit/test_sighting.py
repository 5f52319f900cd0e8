"""One frame through masks, detector, tracker and ground."""

from __future__ import annotations

import numpy as np
import pytest

from edge.detections import Detections
from edge.frame import Frame
from edge.ground import Ground
from edge.sighting import PictureMismatch, Sight
from tests.kit import edge_scene as scene

START_MS = 1_781_978_400_000


class Drawn:
    """A detector that gives what it is told, and remembers the picture it was shown."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.shown = None

    def detect(self, picture_bgr):
        self.shown = picture_bgr.copy()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def sight(camera, detector):
    return Sight(camera=camera, ground=Ground(camera, 2.0), detector=detector, boot="boot")


def frame(i=0, *, width=scene.WIDTH, height=scene.HEIGHT):
    return Frame(scene.noise(i, width=width, height=height), START_MS + 100 * i, "media")


def test_masks_are_black_before_the_detector_looks():
    mask = ((100.0, 100.0), (300.0, 100.0), (300.0, 300.0), (100.0, 300.0))
    detector = Drawn(Detections.none())
    one = frame()
    sight(scene.camera(masks=(mask,)), detector).see(one)
    assert not detector.shown[100:301, 100:301].any()
    assert not one.picture_bgr[100:301, 100:301].any(), "nothing of it is left in memory"
    assert detector.shown[:90].any()


def test_masks_and_boxes_follow_a_smaller_stream_of_the_same_camera():
    camera = scene.camera(masks=(((100.0, 100.0), (300.0, 100.0), (300.0, 300.0), (100.0, 300.0)),))
    box = np.asarray(scene.person_box(1.0, 20.0), np.float32) / 2
    detector = Drawn(Detections(box[None], np.array([0.9], np.float32), np.array([0], np.uint8)))
    seen = sight(camera, detector).see(frame(width=scene.WIDTH // 2, height=scene.HEIGHT // 2))
    assert not detector.shown[51:149, 51:149].any()
    assert detector.shown[160:].any()
    assert np.allclose(seen.people_m, [(1.0, 20.0)], atol=0.05)


def test_another_shape_of_picture_is_refused():
    with pytest.raises(
        PictureMismatch, match="camera gate: the picture is 640 x 352, calibrated was 768 x 576"
    ):
        sight(scene.camera(), Drawn(Detections.none())).see(frame(width=640, height=352))


def test_a_walk_over_a_line_is_counted():
    camera = scene.camera(lines=[("gate-line", (-5.0, 20.0), (5.0, 20.0))])
    walk = [scene.detections([scene.person_box(0.0, 24.0 - 0.15 * i)]) for i in range(50)]
    looking = sight(camera, Drawn(*walk))
    crossings = [c for i in range(50) for c in looking.see(frame(i)).crossings]
    assert [(c.line, c.kind, c.forward, c.backward) for c in crossings] == [("gate-line", "person", 1, 0)]


def test_feet_hidden_behind_a_car_cross_no_line():
    """The car hides the feet of one who stands before the line; the visible box then ends behind the line."""
    camera = scene.camera(lines=[("gate-line", (-5.0, 21.0), (5.0, 21.0))])
    whole = scene.person_box(0.0, 20.0)
    cut = [whole[0], whole[1], whole[2], whole[1] + 0.6 * (whole[3] - whole[1])]
    car = [whole[0] - 40, cut[3] - 15, whole[2] + 40, whole[3] + 30]
    looks = [
        scene.detections([cut], [car]) if 10 <= i < 20 else scene.detections([whole], []) for i in range(30)
    ]
    ground = Ground(camera, 2.0)
    foot_m = ground.to_site(np.array([[(cut[0] + cut[2]) / 2, cut[3]]]))[0]
    assert foot_m[1] > 21.5, "taken for a foot, the box's end would have crossed"
    looking = sight(camera, Drawn(*looks))
    seen = [looking.see(frame(i)) for i in range(30)]
    assert [c for one in seen for c in one.crossings if c.kind == "person"] == []
    assert all(np.allclose(one.people_m, [(0.0, 20.0)], atol=0.1) for one in seen)


def test_a_frozen_picture_is_not_usable():
    looking = sight(scene.camera(), Drawn(Detections.none()))
    still = frame().picture_bgr
    usable = [looking.see(Frame(still.copy(), START_MS + 500 * i, "media")).usable for i in range(40)]
    assert usable[0]
    assert not usable[-1]


def test_an_unusable_picture_tells_no_vehicles_and_no_crossings():
    camera = scene.camera(lines=[("gate-line", (-5.0, 20.0), (5.0, 20.0))])
    car = [300.0, 200.0, 420.0, 260.0]
    looks = [scene.detections([scene.person_box(0.0, 24.0 - 0.25 * i)], [car]) for i in range(40)]
    looking = sight(camera, Drawn(*looks))
    still = frame().picture_bgr
    seen = [looking.see(Frame(still.copy(), START_MS + 500 * i, "media")) for i in range(40)]
    assert any(one.usable and one.vehicles for one in seen)
    unusable = [one for one in seen if not one.usable]
    assert unusable
    assert not any(one.vehicles or one.vehicle_moving or one.crossings for one in unusable)
