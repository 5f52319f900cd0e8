"""With a perfect detector (labels fed in) the geometry, the windows, the tracks and the hub are right.

The truth is an excerpt of rendered stories (tests/reference/truth, numbers only); docs/accuracy.md has whole ones.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from contract.instants import to_ms
from contract.intake import Observation, read
from contract.topics import READING
from hub.monitor import Monitor
from hub.site import read_site
from models.eval.passage import labels, passage
from models.eval.scenes import score, ways
from models.eval.story_folder import story_folder

KEPT = Path(__file__).parent / "truth"
EXACT, CLICKED = ways(None)
BOTH = pytest.mark.parametrize("way", (EXACT, CLICKED), ids=("exact", "clicked"))


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Unpacks the excerpt of a story into a folder as rendering would have left it."""

    def unpacked(name):
        folder = tmp_path_factory.mktemp("truth") / name
        folder.mkdir()
        for kept in (KEPT / name).iterdir():
            if kept.suffix == ".yaml":
                shutil.copy(kept, folder)
                continue
            camera = kept.name.removesuffix(".jsonl.gz")
            target = folder / "world.jsonl" if camera == "world" else folder / camera / "truth.jsonl"
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(gzip.decompress(kept.read_bytes()))
        (folder / "story.json").write_text(
            msgspec.json.encode({"story": name, "title": name, "recipe": "kept"}).decode()
        )
        return story_folder(folder)

    return unpacked


@pytest.fixture(scope="module")
def scored(story, tmp_path_factory):
    """A story's score in one way, worked out once."""
    known = {}

    def once(name, way):
        if (name, way.name) not in known:
            known[name, way.name] = score(story(name), way, tmp_path_factory.mktemp("cache"))
        return known[name, way.name]

    return once


@BOTH
@pytest.mark.parametrize("name", ("two-cameras", "van-breach", "steady-flow"))
def test_people_are_counted_where_they_stand(scored, way, name):
    found = scored(name, way)
    assert found.total_true > 100
    assert found.total_found == pytest.approx(found.total_true, rel=0.02)
    assert found.zones
    for zone in found.zones:
        assert zone.seconds >= 2
        assert abs(zone.found_mean - zone.true_mean) <= max(0.03 * zone.true_mean, 1.0), zone
    if not way.clicked:
        assert all(zone.near >= 0.9 * zone.seconds for zone in found.zones)
    assert max(zone.true_mean for zone in found.zones) > 20
    at_30_m = found.distances[2]
    assert at_30_m is not None and at_30_m.n > 50
    assert at_30_m.p90_m < 0.5
    assert found.twice == 0


@BOTH
def test_crossings_of_a_stream_are_counted(scored, way):
    lines = scored("steady-flow", way).lines
    true = sum(line.true_forward + line.true_backward for line in lines)
    told = sum(line.forward + line.backward for line in lines)
    assert true >= 8
    # Clicks that are off by a pixel and a half move who stands at a line's end.
    assert abs(told - true) <= (2 if way.clicked else 1)


@BOTH
def test_vehicles_have_their_place_and_speed(scored, way):
    found = scored("road-traffic", way)
    fast = [v for v in found.vehicles if v.absolute_relative_error is not None]
    assert len(fast) >= 4
    assert np.median([v.absolute_relative_error for v in fast]) < 0.05
    assert np.median([v.place_median_m for v in fast]) < 0.5
    assert found.twice == 0


@BOTH
def test_a_vehicle_that_two_cameras_see_is_one(story, way):
    told = story("two-cameras")
    site, shared = read_site(told.site_file(clicked=way.clicked)), told.site(clicked=way.clicked)
    readings = []
    for camera in told.cameras:
        run = passage(shared, camera, labels(told.frames(camera)), boot=f"{camera:x<20}")
        for reading in run.readings:
            topic = READING.address(site=reading.site, agent=reading.agent, camera=reading.camera)
            observation = read(topic, msgspec.json.encode(reading))
            assert isinstance(observation, Observation)
            readings.append(observation)
    monitor = Monitor(site=site, assessment=None, run="truth")
    world = {to_ms(instant.captured_at): instant for instant in told.world()}
    seen_by_both = 0
    for now_ms in sorted({one.captured_to_ms for one in readings}):
        for one in readings:
            if one.captured_to_ms == now_ms:
                monitor.observe(one, received_ms=now_ms)
        step = monitor.step(now_ms)
        instant = world.get(now_ms)
        if instant is None:
            continue
        for vehicle in instant.vehicles:
            near = [v for v in step.vehicles if np.hypot(v.x_m - vehicle.x_m, v.y_m - vehicle.y_m) < 6.0]
            assert len(near) <= 1, (now_ms, vehicle, near)
            seen_by_both += bool(near) and len(near[0].cameras) == 2
    assert seen_by_both >= 3
