"""Heads of a people map on the ground: where they stand, what masks take away, and that nobody is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.detections import PeopleMap
from edge.frame import Frame
from edge.ground import HEAD_HEIGHT_M, Ground
from edge.input_scale import fitted
from edge.map_ground import MapGround
from edge.readings import Readings
from edge.sighting import Sight
from models.manifest import manifest
from tests.kit import density_files as files
from tests.kit import edge_scene as scene

GROUND = Ground(scene.camera(), 2.0)
CELL = 4.0
SHAPE = (int(scene.HEIGHT / CELL), int(scene.WIDTH / CELL))


def heads_at(*points_m):
    """A map with one person in the cell of each head."""
    cells = np.zeros(SHAPE, np.float32)
    for x, y in scene.pixels(points_m, HEAD_HEIGHT_M):
        cells[int(y // CELL), int(x // CELL)] += 1.0
    return PeopleMap(cells, CELL, CELL)


def test_heads_stand_where_their_feet_are():
    points_m = [(1.0, 17.0), (-3.0, 25.0), (3.0, 31.0)]
    people, outside = MapGround(GROUND, heads_at()).spread(heads_at(*points_m))
    assert people.sum() == pytest.approx(3.0, abs=1e-6)
    assert outside == pytest.approx(0.0, abs=1e-6)
    x, y = GROUND.frame.centres_m()
    for point in points_m:
        near = np.hypot(x - point[0], y - point[1]) < 2.5
        assert people[near].sum() == pytest.approx(1.0, abs=0.1)


def test_a_mask_takes_its_people_away_without_putting_them_outside():
    head_px = scene.pixels([(0.0, 20.0)], HEAD_HEIGHT_M)[0]
    x, y = head_px
    mask = ((x - 40, y - 40), (x + 40, y - 40), (x + 40, y + 40), (x - 40, y + 40))
    ground = Ground(scene.camera(masks=(mask,)), 2.0)
    people, outside = MapGround(ground, heads_at()).spread(heads_at((0.0, 20.0), (3.0, 28.0)))
    assert people.sum() + outside == pytest.approx(1.0, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1)), max_size=20))
def test_nobody_is_lost_or_doubled(cells):
    one = np.zeros(SHAPE, np.float32)
    for row, column in cells:
        one[row, column] += 1.0
    people, outside = _WHOLE.spread(PeopleMap(one, CELL, CELL))
    assert people.sum() + outside == pytest.approx(len(cells), abs=1e-6)
    assert not people[~GROUND.covered].any()
    assert (people >= 0).all()


_WHOLE = MapGround(GROUND, heads_at())


class Drawn:
    """A detector that gives one answer to every picture."""

    def __init__(self, answer):
        self.answer = answer

    def detect(self, picture_bgr):
        return self.answer


def test_a_reading_holds_the_fused_count_and_its_measured_error():
    """Twelve packed people of whom the detector finds three: the reading holds about twelve."""
    packed = [(x, 20.0 + y) for x in (0.3, 0.8, 1.2, 1.7) for y in (0.3, 1.0, 1.7)]
    boxes = scene.detections([scene.person_box(*packed[i]) for i in (0, 4, 8)])
    whole = boxes.__class__(boxes.boxes_xyxy, boxes.scores, boxes.kinds, heads_at(*packed))
    grids = {}
    for name, errors in (("alone", None), ("fused", files.errors())):
        sight = Sight(camera=GROUND.camera, ground=GROUND, detector=Drawn(whole), boot="b")
        readings = Readings(
            site="square",
            camera=GROUND.camera,
            boot="b",
            period_s=1.0,
            ground=GROUND,
            model=None,
            errors=errors,
        )
        for i in range(5):
            frame = Frame(
                scene.noise(i, width=scene.WIDTH, height=scene.HEIGHT), 1_781_978_400_000 + 100 * i, "media"
            )
            readings.add(sight.see(frame))
        (reading,) = readings.close()
        grid = reading.grid
        grids[name] = (
            np.frombuffer(grid.people, "<u2").sum() / 100,
            np.frombuffer(grid.sigma_people, "<u2").max() / 100,
        )
    assert grids["alone"][0] == pytest.approx(3.0, abs=0.05)
    assert 11.0 < grids["fused"][0] < 12.1
    assert grids["fused"][1] > grids["alone"][1]


def test_input_size_by_the_height_of_people():
    feed = manifest().named("ssdlite-mobilenet-v2").input

    def size(tall_px, most=None):
        scale = fitted(np.full(50, tall_px), (720, 1280), feed, most)
        assert scale is not None
        return scale

    far = size(20.0)
    assert far.frame_px == (576, 1024), "as the manifest's frame holds it"
    assert far.small_px == pytest.approx(16.0)
    assert not far.known
    assert size(20.0, feed.height_px * feed.width_px).frame_px == (672, 1184)
    assert size(80.0).small_px == pytest.approx(64.0)
    assert size(150.0).small_px == pytest.approx(96.0), "no more than is found well"
    near = size(400.0)
    assert near.frame_px[0] < 300
    assert near.known
    assert fitted(np.zeros(0), (720, 1280), feed) is None


def test_large_people_grow_beyond_what_is_known_only_for_the_small_ones():
    feed = manifest().named("ssdlite-mobilenet-v2").input
    mixed = fitted(np.array([50.0] * 50 + [400.0] * 50), (720, 1280), feed)
    assert mixed is not None
    assert mixed.large_px == pytest.approx(250.0)
    worse = fitted(np.array([30.0] * 50 + [600.0] * 50), (720, 1280), feed)
    assert worse is not None
    assert worse.small_px == pytest.approx(24.0), "the frame allows no more"
