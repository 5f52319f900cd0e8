"""The boot of a replay: equal for equal input, another for any other input."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest

from contract.site_file import read_shared
from edge.detections import Detections
from edge.replay import replay, replay_boot
from tests.kit import edge_scene as scene

SIZE = (320, 240)


class Seen:
    """A stand-in for the network that finds one person where the picture is brightest; the rest is the real path."""

    name = "brightest"
    sha256 = "a" * 64
    thresholds = np.array([0.4] * 6, np.float32)

    def network_size(self, height, width):
        return height, width

    def detect(self, picture_bgr):
        row, column = np.unravel_index(int(picture_bgr[60:200, 20:300, 1].argmax()), (140, 280))
        box = [column + 10, row + 20, column + 30, row + 60]
        return Detections(np.array([box], np.float32), np.array([0.9], np.float32), np.array([0], np.uint8))


@pytest.fixture
def scenery(tmp_path):
    site = read_shared(scene.site_yaml(tmp_path, scene.camera(picture=SIZE)))
    return site, scene.clip(tmp_path / "clip.mp4", (scene.noise(i) for i in range(45)))


def run(site, footage, **more):
    out = io.BytesIO()
    done = replay(footage=footage, site=site, camera="gate", detector=Seen(), out=out, **more)
    return done, out.getvalue()


def test_twice_the_same_bytes_and_every_frame(scenery):
    done, first = run(*scenery)
    assert run(*scenery)[1] == first
    lines = [json.loads(line) for line in first.splitlines()]
    assert done.frames == sum(line["frames_used"] for line in lines) == 45
    assert [line["seq"] for line in lines] == list(range(5))
    assert all(line["sent_at"] == line["captured_to"] and line["oldest_seq"] == 0 for line in lines)
    assert {line["boot"] for line in lines} == {done.boot}
    assert re.fullmatch(r"[0-9a-f]{20}", done.boot)


def test_speed_waits_and_changes_nothing(scenery):
    waits = []
    _, fast = run(*scenery)
    _, slow = run(*scenery, speed=1.0, wait=waits.append)
    assert slow == fast
    assert waits
    assert max(waits) <= 4.4


def test_start_and_period_are_settings(scenery):
    boots = {
        run(*scenery)[0].boot,
        run(*scenery, start="2026-06-20T18:00:01.000Z")[0].boot,
        run(*scenery, period_s=2.0)[0].boot,
    }
    assert len(boots) == 3
    _, later = run(*scenery, start="2026-06-22T07:00:00.000Z")
    assert json.loads(later.splitlines()[0])["captured_from"] == "2026-06-22T07:00:00.000Z"


def test_every_part_of_the_input_changes_the_boot(tmp_path):
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"x")
    other.write_bytes(b"y")
    same = {"model": "m", "calibration": "c", "settings": b"s"}
    boots = {
        replay_boot(one, **same),
        replay_boot(other, **same),
        replay_boot(one, **same | {"model": "n"}),
        replay_boot(one, **same | {"calibration": "d"}),
        replay_boot(one, **same | {"settings": b"t"}),
    }
    assert len(boots) == 5
    assert replay_boot(one, **same) in boots
