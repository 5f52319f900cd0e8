"""Marked heads of the rendered market, seen from its mast, against everybody there: nine frames, numbers only.

Nothing was fitted to this story: the curve comes from bodies placed by rule (models/calibrate/hiding.py).
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge.detections import PeopleMap
from edge.fusion import around_per_m2
from edge.ground import Ground
from edge.hidden_heads import with_hidden
from edge.map_ground import MapGround
from models.calibrate.hiding import rendered
from models.calibrate.stories import story_camera
from models.density.hidden import hidden_share
from models.density.target import CELL_PX, spread_cells, target
from models.eval.story_folder import story_folder

KEPT = Path(__file__).parent / "truth" / "market-evening"
INPUT_PX = (672, 1184)
"""That `calibrate` chooses for this camera."""


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truth") / "market-evening"
    (folder / "mast").mkdir(parents=True)
    for name in ("site.yaml", "site-clicks.yaml"):
        shutil.copy(KEPT / name, folder)
    for packed, name in (("mast.jsonl.gz", "mast/truth.jsonl"), ("world.jsonl.gz", "world.jsonl")):
        (folder / name).write_bytes(gzip.decompress((KEPT / packed).read_bytes()))
    told = {"story": "market-evening", "title": "", "recipe": "kept"}
    (folder / "story.json").write_bytes(msgspec.json.encode(told))
    return story_folder(folder)


@pytest.fixture(scope="module")
def looked(story):
    """The clicked camera's ground, and of each frame: marked heads in pixels, everybody per cell, known cells."""
    ground = Ground(story.site(clicked=True).camera("mast"), 2.0)
    here = story_camera(story, "mast")
    picture = ground.camera.picture
    return ground, [
        (here.marked(truth, picture.width, picture.height).points_px, *here.grid(truth, ground))
        for truth in here.frames
    ]


@pytest.fixture(scope="module")
def maps(looked):
    """People per ground cell by a map without error of the heads that show: as it is, and sharpened (True)."""
    ground, frames = looked
    across, down = (CELL_PX * n / m for n, m in zip((1280, 720), INPUT_PX[::-1], strict=True))
    rows, columns = INPUT_PX[0] // CELL_PX, INPUT_PX[1] // CELL_PX
    found = {False: [], True: []}
    for sharp, kept in found.items():
        empty = PeopleMap(np.zeros((rows, columns), np.float32), across, down, spread_known=sharp)
        on_ground = MapGround(ground, empty)
        for points_px, _, _ in frames:
            tall = ground.tall_px(ground.heads_to_site(points_px)) / down
            spread = spread_cells(np.where(np.isfinite(tall), tall, 7.0), cell_px=1)
            cells = target(points_px / (across, down) * CELL_PX, spread, rows, columns)
            kept.append(on_ground.spread(PeopleMap(cells, across, down, spread_known=sharp))[0])
    return found


def test_the_curve_tells_whose_head_does_not_show(story):
    people = rendered(story, "mast", 9)
    bands = {}
    for low, high in ((2.0, 3.5), (3.5, 5.0), (5.0, 9.0)):
        here = people[(people[:, 0] >= low) & (people[:, 0] < high)]
        assert len(here) > 150
        bands[low] = (1.0 - here[:, 2].mean(), hidden_share(here[:, 0], here[:, 1]).mean())
    assert bands[5.0][0] > 0.2, "one in four or five cannot be marked"
    for hidden, told in bands.values():
        assert told == pytest.approx(hidden, abs=0.05)


def _patches(pairs, of):
    """Found and true people per m2 of the 6 x 6 m around each seen cell, of frames and what was found in them."""
    found, true = [], []
    for (_, people, known), one in pairs:
        found.append(around_per_m2(of(one), known, 2.0)[known])
        true.append(around_per_m2(people, known, 2.0)[known])
    return np.concatenate(found), np.concatenate(true)


def test_heads_with_the_hidden_ones_are_everybody(looked, maps):
    """From a map that holds every head that shows, and nothing else."""
    ground, frames = looked
    alone, true = _patches(zip(frames, maps[True], strict=True), lambda found: found)
    whole, _ = _patches(
        zip(frames, maps[True], strict=True),
        lambda found: with_hidden(found, np.zeros(found.shape), ground.covered, ground)[0],
    )
    full = true >= 3.5
    assert full.sum() > 20
    assert (alone - true)[full].mean() < -0.5
    assert abs((whole - true)[full].mean()) < 0.5 * abs((alone - true)[full].mean())
    assert abs((whole - true)[full].mean()) < 0.35
    empty = true < 0.25
    assert np.abs(whole - alone)[empty].max() < 0.05, "nobody is invented"


def test_the_interval_holds_the_truth_of_a_map_without_error(looked, maps):
    """What is left unsure when every head that shows is found: hidden ones, heights, the clicked camera. A fitted map
    brings its measured error on top; here a tenth of a person a cell stands for it."""
    ground, frames = looked
    off, sigma, true = [], [], []
    for (_, people, known), heads in zip(frames, maps[True], strict=True):
        found, spread = with_hidden(heads, np.full(heads.shape, 0.1), known, ground)
        off.append(np.abs(found - people)[known])
        sigma.append(spread[known])
        true.append(people[known] / 4.0)
    off, sigma, true = (np.concatenate(one) for one in (off, sigma, true))
    full = true >= 2.0
    assert full.sum() > 40
    assert (off <= 1.96 * sigma)[full].mean() >= 0.8


def test_a_map_without_error_loses_the_hot_spot_unless_it_is_sharpened(looked, maps):
    ground, frames = looked
    bias = {}
    for sharp, heads in maps.items():
        marks = [ground.spread(ground.heads_to_site(points_px))[0] for points_px, _, _ in frames]
        found, _ = _patches(zip(frames, heads, strict=True), lambda one: one)
        marked, _ = _patches(zip(frames, marks, strict=True), lambda one: one)
        bias[sharp] = float((found - marked)[marked >= 3.0].mean())
    assert bias[False] < -0.5
    assert abs(bias[True]) < 0.15
