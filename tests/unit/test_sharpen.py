"""Heads that the map spreads are put back where they stand: nobody lost, edges of a crowd sharp again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.detections import PeopleMap
from edge.fusion import around_per_m2
from edge.ground import HEAD_HEIGHT_M, Ground
from edge.map_ground import MapGround
from models.density.target import CELL_PX, spread_cells, target
from tests.kit import edge_scene as scene

GROUND = Ground(scene.camera(), 2.0)
CELL = 16.0
SHAPE = (int(scene.HEIGHT / CELL), int(scene.WIDTH / CELL))


def taught(points_m, *, ground=GROUND, known=True):
    """The map without any error of people who stand there."""
    points = np.asarray(points_m, float).reshape(-1, 2)
    heads_px = scene.pixels(points, HEAD_HEIGHT_M)
    spread = spread_cells(ground.tall_px(points) / CELL, cell_px=1)
    return PeopleMap(target(heads_px / CELL * CELL_PX, spread, *SHAPE), CELL, CELL, spread_known=known)


def packed(x0, y0, x1, y1, per_m2):
    """A crowd on a raster."""
    step = per_m2**-0.5
    x, y = np.meshgrid(np.arange(x0 + step / 2, x1, step), np.arange(y0 + step / 2, y1, step))
    return np.stack([x.ravel(), y.ravel()], axis=1)


SHARP = MapGround(GROUND, taught([(0.0, 20.0)]))
PLAIN = MapGround(GROUND, taught([(0.0, 20.0)], known=False))


def test_the_fullest_metres_of_a_far_crowd_keep_their_people():
    """A crowd of 8 x 8 m, 32 m away, where a cell of the map is metres deep on the ground."""
    crowd = packed(-4.0, 28.0, 4.0, 36.0, 5.0)
    true = around_per_m2(GROUND.spread(crowd)[0], GROUND.covered, 2.0)
    full = (true > 4.5) & GROUND.covered
    assert full.sum() >= 4
    off = {}
    for name, one, known in (("plain", PLAIN, False), ("sharp", SHARP, True)):
        people, _ = one.spread(taught(crowd, known=known))
        off[name] = float((around_per_m2(people, GROUND.covered, 2.0) - true)[full].mean())
    assert off["plain"] < -0.7
    assert abs(off["sharp"]) < 0.45 * abs(off["plain"])


def test_people_who_stand_apart_are_found_where_they_stand():
    points_m = [(1.0, 17.0), (-3.0, 25.0), (3.0, 31.0)]
    people, outside = SHARP.spread(taught(points_m))
    assert people.sum() + outside == pytest.approx(3.0, abs=1e-4)
    true, _ = GROUND.spread(np.array(points_m))
    plain, _ = PLAIN.spread(taught(points_m, known=False))
    assert np.abs(people - true).sum() < 0.8 * np.abs(plain - true).sum()


maps = st.lists(
    st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1), st.floats(0.0, 3.0, width=32)),
    max_size=25,
)


@given(maps)
def test_any_map_keeps_its_total_and_none_is_negative(cells):
    one = np.zeros(SHAPE, np.float32)
    for row, column, people in cells:
        one[row, column] += people
    sharp, outside = SHARP.spread(PeopleMap(one, CELL, CELL, spread_known=True))
    plain, plain_outside = PLAIN.spread(PeopleMap(one, CELL, CELL))
    assert outside == pytest.approx(plain_outside)
    assert sharp.sum() == pytest.approx(plain.sum(), abs=1e-6)
    assert (sharp >= 0.0).all()
    assert not sharp[~GROUND.covered].any()


def test_a_mask_gives_nobody_to_the_cells_under_it():
    x, y = scene.pixels([(0.0, 20.0)], HEAD_HEIGHT_M)[0]
    mask = ((x - 60, y - 60), (x + 60, y - 60), (x + 60, y + 60), (x - 60, y + 60))
    ground = Ground(scene.camera(masks=(mask,)), 2.0)
    people_map = taught([(0.0, 20.0), (4.0, 30.0)], ground=ground)
    people, outside = MapGround(ground, people_map).spread(people_map)
    assert people.sum() + outside == pytest.approx(1.0, abs=0.05)
    gx, gy = ground.frame.centres_m()
    assert people[np.hypot(gx, gy - 20.0) < 1.5].sum() < 0.05


def test_a_map_of_somebody_elses_making_is_left_as_it_is():
    people_map = taught([(0.0, 20.0)], known=False)
    assert not SHARP.fits(people_map)
    assert PLAIN.fits(people_map)
    assert people_map.scaled(2.0, 2.0).spread_known is False
    assert taught([(0.0, 20.0)]).scaled(2.0, 2.0).spread_known is True
