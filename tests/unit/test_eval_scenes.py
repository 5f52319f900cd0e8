"""Stories on disk, recordings that go on after a stop, bands, what alerts are due, and the report between its marks."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import msgspec
import numpy as np
import pytest

from contract.geometry import GridFrame, GroundGrid
from contract.messages import Alert
from edge.detections import Detections, PeopleMap
from edge.detector import Detector
from models.eval import density_bands, due, report
from models.eval.__main__ import main
from models.eval.recording import PART_FRAMES, recorded
from models.eval.story_folder import StoryUnreadable, stories
from models.eval.story_scores import StoryScore
from models.scenes.truth import FrameTruth, HotSpot, WorldTruth, WorldVehicle, encode
from tests.kit import density_files
from tests.kit import edge_scene as scene

FRAMES = PART_FRAMES + 10


def story(folder, frames=FRAMES):
    """A story without people, 60 small pictures of noise."""
    path = folder / "empty"
    pictures = path / "gate" / "pictures"
    pictures.mkdir(parents=True)
    scene.site_yaml(path, scene.camera())
    (path / "site-clicks.yaml").write_text((path / "site.yaml").read_text())
    (path / "story.json").write_text('{"story": "empty", "title": "Nobody", "recipe": "r1"}')
    frame = GridFrame(2.0, 0, 0, 2, 2)
    nothing, some = np.zeros((2, 2)), np.ones((2, 2), bool)
    grid = GroundGrid(frame, nothing, nothing, some, some).to_wire()
    rng = np.random.default_rng(0)
    told, world = [], []
    for i in range(frames):
        at = f"2026-06-20T18:00:{i:02d}.000Z"
        told.append(
            FrameTruth(
                frame=i, t_s=float(i), captured_at=at, camera="gate", picture="good", people=[], vehicles=[], grid=grid,
                people_outside_grid=0.0,
            )
        )  # fmt: skip
        world.append(
            WorldTruth(
                t_s=float(i), captured_at=at, people=[], vehicles=[], zones={}, zones_per_m2={}, hot_spot=None
            )
        )
        noise = rng.integers(0, 255, (scene.HEIGHT // 4, scene.WIDTH // 4, 3)).astype(np.uint8)
        assert cv2.imwrite(str(pictures / f"{i:06d}.jpg"), noise)
    (path / "gate" / "truth.jsonl").write_bytes(b"".join(encode(one) + b"\n" for one in told))
    (path / "world.jsonl").write_bytes(b"".join(encode(one) + b"\n" for one in world))
    return path


class Counting:
    """A detector that finds one box and counts how often it is asked."""

    def __init__(self):
        real = Detector.load(input_size=(128, 160))
        self.sha256, self.thresholds, self.network_size = real.sha256, real.thresholds, real.network_size
        self.model = real.model
        self.asked = 0
        self.stop_at = None

    def detect(self, picture_bgr):
        if self.asked == self.stop_at:
            raise KeyboardInterrupt
        self.asked += 1
        return Detections(
            np.array([[self.asked, 2, 30, 40]], np.float32),
            np.array([0.5], np.float32),
            np.zeros(1, np.uint8),
        )


def test_a_recording_that_was_stopped_goes_on_and_is_the_same(tmp_path):
    (told,) = stories(story(tmp_path).parent)
    whole = recorded(Counting(), told, "gate", tmp_path / "once")
    stopped = Counting()
    stopped.stop_at = PART_FRAMES + 3
    with pytest.raises(KeyboardInterrupt):
        recorded(stopped, told, "gate", tmp_path / "twice")
    again = Counting()
    again.asked = PART_FRAMES
    counted = []
    looks = recorded(again, told, "gate", tmp_path / "twice", progress=counted.append)
    assert again.asked == FRAMES, "the first part was kept"
    assert sum(counted) == FRAMES
    assert [(one.captured_ms, one.usable) for one in looks] == [
        (one.captured_ms, one.usable) for one in whole
    ]
    assert all(
        np.array_equal(a.seen.boxes_xyxy, b.seen.boxes_xyxy) for a, b in zip(looks, whole, strict=True)
    )


class Mapping(Counting):
    """The same with a people map that no 16 bits hold exactly."""

    def detect(self, picture_bgr):
        seen = super().detect(picture_bgr)
        people = np.full((16, 20), 0.1, np.float32)
        people[0, 0] = self.asked / 3.0
        return Detections(seen.boxes_xyxy, seen.scores, seen.kinds, PeopleMap(people, 6.5, 7.25))


def test_a_recording_keeps_the_people_map_and_a_stop_changes_nothing(tmp_path):
    (told,) = stories(story(tmp_path).parent)
    whole = recorded(Mapping(), told, "gate", tmp_path / "once")
    stopped = Mapping()
    stopped.stop_at = PART_FRAMES + 3
    with pytest.raises(KeyboardInterrupt):
        recorded(stopped, told, "gate", tmp_path / "twice")
    again = Mapping()
    again.asked = PART_FRAMES
    looks = recorded(again, told, "gate", tmp_path / "twice")
    assert again.asked == FRAMES, "the first part was kept"
    for i, (one, other) in enumerate(zip(looks, whole, strict=True), 1):
        assert np.array_equal(one.seen.people_map.people, other.seen.people_map.people)
        assert one.seen.people_map.people[0, 0] == pytest.approx(i / 3.0, rel=1e-3)
        assert (one.seen.people_map.across_px, one.seen.people_map.down_px) == (6.5, 7.25)


@pytest.mark.parametrize("site", ["square", "harbour"])
def test_a_story_is_scored_with_the_people_map_of_its_own_camera_alone(tmp_path, capsys, site):
    path = story(tmp_path, frames=6) / "site-clicks.yaml"
    square = {"id": "square", "name": "Square", "polygon": [[-6, 12], [6, 12], [6, 30], [-6, 30]]}
    path.write_text(json.dumps({**json.loads(path.read_text()), "zones": [square]}))
    made = density_files.head(scene.camera())
    about = msgspec.structs.replace(made.about, camera=f"{site}/gate")
    # 0.002 people in every cell of 8 x 8, whatever is seen.
    made = replace(
        made, about=about, last=made.last * 0, last_bias=np.float32(0.002) * np.ones_like(made.last_bias)
    )
    file = density_files.combined(tmp_path / "gate.onnx", made)
    asked = [
        "scenes",
        str(tmp_path),
        "--detector-only",
        "--density",
        str(file),
        "--cache",
        str(tmp_path / "kept"),
    ]
    status = main(asked)
    told = capsys.readouterr()
    if site == "harbour":
        assert status == 1
        assert "calibrated for camera harbour/gate, this is square/gate" in told.err
        return
    assert status == 0, told.err
    assert "### Ssdlite-mobilenet-v2+calibrated, clicked camera" in told.out
    kept = next((tmp_path / "kept" / "scores").glob("*.json"))
    found = msgspec.json.decode(kept.read_bytes(), type=StoryScore)
    assert found.total_true == 0.0
    assert found.total_found > 0.0, "nobody is there: only the map can have told of them"
    kept.unlink()
    assert main(asked) == 0
    assert msgspec.json.decode(kept.read_bytes(), type=StoryScore) == found, "from the recording, the same"


def test_a_damaged_part_is_looked_at_again(tmp_path):
    (told,) = stories(story(tmp_path).parent)
    recorded(Counting(), told, "gate", tmp_path / "cache")
    part = next((tmp_path / "cache").rglob("000000.npz"))
    part.write_bytes(part.read_bytes()[:100])
    again = Counting()
    assert len(recorded(again, told, "gate", tmp_path / "cache")) == FRAMES
    assert again.asked == PART_FRAMES


def test_bad_folders_are_refused_with_what_to_do(tmp_path, capsys):
    with pytest.raises(StoryUnreadable, match="no such folder; render one"):
        stories(tmp_path / "away")
    with pytest.raises(StoryUnreadable, match="no rendered story"):
        stories(tmp_path)
    path = story(tmp_path)
    with pytest.raises(StoryUnreadable, match="no story other; there are empty"):
        stories(tmp_path, ["other"])
    (path / "world.jsonl").write_text("{")
    assert main(["scenes", str(tmp_path), "--labels-only", "--cache", str(tmp_path / "cache")]) == 1
    assert "world.jsonl" in capsys.readouterr().err
    (path / "world.jsonl").unlink()
    with pytest.raises(StoryUnreadable, match="the rendering was stopped"):
        stories(tmp_path)
    assert main(["scenes", str(tmp_path), "--labels-only", "--detector-only"]) == 2
    assert main(["scenes", str(tmp_path), "--labels-only", "--density", "general"]) == 2


def test_bands_hold_errors_by_true_density():
    true, found = np.array([0.0, 1.0, 3.0, 10.0, 30.0]), np.array([1.0, 1.0, 2.0, 12.0, 10.0])
    bands = density_bands.banded(true, found, np.full(5, 1.0), 4.0)
    assert density_bands.names() == ("0 to 0.5", "0.5 to 1", "1 to 2", "2 to 3.5", "3.5 to 5", "> 5")
    assert [band.n for band in bands] == [2, 1, 0, 1, 0, 1]
    assert bands[0].mean_absolute == pytest.approx(0.125) and bands[0].bias == pytest.approx(0.125)
    assert bands[1].bias == pytest.approx(-0.25)
    assert bands[5].bias == pytest.approx(-5.0) and bands[5].share_within == 0.0
    assert [band.share_within for band in bands[:2]] == [1.0, 1.0]
    twice = density_bands.added([bands, bands])
    assert twice[3].n == 2 and twice[3].mean_absolute == bands[3].mean_absolute


SITE = """
zones:
  - {id: square, pedestrian: true, polygon: [[0, 0], [20, 0], [20, 20], [0, 20]]}
areas: []
"""


def instant(t_s, *, hot=0.0, van=None):
    vehicles = (
        []
        if van is None
        else [
            WorldVehicle(
                id="van-1",
                kind="truck",
                x_m=van[0],
                y_m=van[1],
                speed_m_s=8.0,
                heading_deg=0.0,
                permitted=False,
            )
        ]
    )
    return WorldTruth(
        t_s=t_s,
        captured_at=f"2026-06-20T18:00:{int(t_s):02d}.000Z",
        people=[],
        vehicles=vehicles,
        zones={},
        zones_per_m2={},
        hot_spot=HotSpot(per_m2=hot, at_m=(10.0, 10.0)),
    )


def alert(rule, at, severity="high"):
    whole = {
        "schema": 1, "site": "s", "alert": f"a-{rule.replace('.', '-')}", "rule": rule, "title": rule,
        "subject": "square",
        "zone": "square", "severity": severity, "condition": "active", "handling": "unacknowledged", "latched": False,
        "opened_at": at, "changed_at": at, "cleared_at": None, "closed_at": None, "acknowledged_by": None,
        "acknowledged_at": None, "shelved_until": None, "escalation": 0, "position_m": None, "cameras": [],
        "vms_url": None, "reasons": [], "advice": [], "certainty": "sure",
    }  # fmt: skip
    return msgspec.convert(whole, Alert)


def test_alerts_are_held_against_what_the_world_did(tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text(SITE)
    world = [instant(t, hot=4.41 + 0.049 * t, van=(10.0, -21.0 + 2.0 * t)) for t in range(30)]
    known = due.truths(world, [], site)
    assert known.onset_s("vehicle.unauthorised") == 11.0
    assert known.onset_s("density.critical") == 6.0
    assert known.onset_s("vehicle.in_crowd") is None
    start_ms = 1_781_978_400_000
    told = due.raised(
        [
            alert("density.critical", "2026-06-20T18:00:20.000Z"),
            alert("vehicle.unauthorised", "2026-06-20T18:00:05.000Z"),
            alert("density.extreme", "2026-06-20T18:00:18.000Z"),
        ],
        known,
        start_ms,
    )
    assert [(one.rule, one.at_s, one.onset_s) for one in told] == [
        ("density.critical", 20.0, 6.0),
        ("vehicle.unauthorised", 5.0, None),
        ("density.extreme", 18.0, None),
    ], "the van comes at second 11, and 5.4 people per square metre, nine tenths of extreme, only later"


def test_the_report_stands_between_its_marks(tmp_path):
    path = tmp_path / "accuracy.md"
    path.write_text(f"# Head\n\n{report.BEGIN}\nold\n{report.END}\n\ntail\n")
    report.written(path, "new")
    report.written(path, "newer")
    text = path.read_text()
    assert text == f"# Head\n\n{report.BEGIN}\n\nnewer\n\n{report.END}\n\ntail\n"
    path.write_text("nothing")
    with pytest.raises(report.NoMarks, match="needs one line"):
        report.written(path, "new")
