"""The agent's file: every error names the file, the line and the key."""

from __future__ import annotations

import re

import pytest

from edge.config import FileError, read_config
from tests.kit import edge_scene as scene

GOOD = """\
agent: east
site: site.yaml
outbox: outbox.sqlite
broker:
  host: broker.example
  port: 8883
  username: east
  password_file: secret
cameras:
  - id: gate
    source:
      rtsp: rtsp://viewer:hunter2@10.0.0.7/stream
      transport: tcp
    frames_per_s: 5
"""


@pytest.fixture
def folder(tmp_path):
    scene.site_yaml(tmp_path, scene.camera(), scene.camera(camera_id="wall", agent="west"))
    (tmp_path / "secret").write_text("s3cret\n")
    (tmp_path / "clip.mp4").write_bytes(b"x")
    return tmp_path


def read(folder, text):
    (folder / "edge.yaml").write_text(text)
    return read_config(folder / "edge.yaml")


def test_a_good_file(folder):
    config = read(folder, GOOD)
    assert config.agent == "east"
    assert config.password == "s3cret"
    assert config.period_s == 1.0
    assert config.outbox == folder / "outbox.sqlite"
    ((choice, camera),) = config.cameras
    assert camera.id == choice.id == "gate"
    assert choice.source.kind == "rtsp"
    assert "hunter2" not in choice.source.said
    assert "10.0.0.7" in choice.source.said


def test_model_may_be_a_name_or_a_choice(folder):
    assert read(folder, GOOD + "model: yolox-nano\n").model.name == "yolox-nano"
    choice = read(folder, GOOD + "model: {width_px: 640, height_px: 384, threads: 2}\n").model
    assert (choice.name, choice.width_px, choice.height_px, choice.threads) == (None, 640, 384, 2)


BAD = [
    ("agent: east", "agent: hub", 1, "agent", "reserved word"),
    ("agent: east", "agent: East", 1, "agent", ""),
    ("site: site.yaml", "site: nowhere.yaml", 2, "site", "is not there"),
    ("host: broker.example", "hots: broker.example", 5, "broker.hots", "not a key known here"),
    ("port: 8883", "port: 99999", 6, "broker.port", ""),
    ("username: east", "", 0, "broker.password_file", "needs a username"),
    ("password_file: secret", "password_file: gone", 8, "broker.password_file", "is not there"),
    ("id: gate", "id: door", 10, "cameras[0].id", "has no camera door; it has gate, wall"),
    ("id: gate", "id: wall", 10, "cameras[0].id", "gives camera wall to agent west"),
    (
        "rtsp: rtsp://viewer:hunter2@10.0.0.7/stream",
        "rtsp: http://10.0.0.7/",
        12,
        "cameras[0].source.rtsp",
        "begin with",
    ),
    (
        "rtsp: rtsp://viewer:hunter2@10.0.0.7/stream",
        "usb: /dev/video0",
        13,
        "cameras[0].source.transport",
        "belongs to",
    ),
    ("rtsp: rtsp://viewer:hunter2@10.0.0.7/stream", "loop: true", 11, "cameras[0].source", "exactly one"),
    ("transport: tcp", "transport: smoke", 13, "cameras[0].source.transport", ""),
    ("transport: tcp", "file: clip.mp4", 11, "cameras[0].source", "rtsp and file"),
    ("frames_per_s: 5", "frames_per_s: 0", 14, "cameras[0].frames_per_s", ""),
    ("agent: east", "agent: east\nperiod_s: 0.1", 2, "period_s", ""),
    ("agent: east", "agent: east\nperiod_s: 0.33333", 2, "period_s", "whole milliseconds"),
    ("agent: east", "agent: east\nmodel: {width_px: 640}", 2, "model", "come together"),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "problem"), BAD)
def test_errors_name_line_and_key(folder, old, new, line, key, problem):
    assert old in GOOD
    with pytest.raises(FileError) as caught:
        read(folder, GOOD.replace(old, new))
    text = str(caught.value)
    assert key in text
    assert problem in text
    assert "hunter2" not in text
    if line:
        assert re.match(rf".*edge\.yaml:{line}: ", text), text


def test_a_camera_stands_once(folder):
    twice = GOOD + "  - id: gate\n    source: {usb: /dev/video0}\n"
    with pytest.raises(FileError, match=r"edge.yaml:15: cameras\[1\].id: camera gate stands twice"):
        read(folder, twice)


def test_an_error_in_the_site_file_names_the_site_file(folder):
    text = (folder / "site.yaml").read_text().replace("Europe/Bucharest", "Mars/Base")
    (folder / "site.yaml").write_text(text)
    with pytest.raises(FileError, match=r"site.yaml:1: time_zone: 'Mars/Base' is no IANA time zone"):
        read(folder, GOOD)


def test_a_file_source_is_looked_up_beside_the_configuration(folder):
    text = re.sub(r"      rtsp: .*\n      transport: tcp\n", "      file: clip.mp4\n      loop: true\n", GOOD)
    ((choice, _),) = read(folder, text).cameras
    assert choice.source.file == str(folder / "clip.mp4")
    with pytest.raises(FileError, match=r"cameras\[0\].source.file: .*gone.mp4 is not there"):
        read(folder, text.replace("clip.mp4", "gone.mp4"))


def with_density(folder, said):
    (folder / "gate.onnx").write_bytes(b"x")
    (folder / "errors.json").write_text("{}")
    return read(folder, GOOD + f"    density: {said}\n").cameras[0][0].density


def test_density_is_off_unless_it_is_asked_for(folder):
    assert read(folder, GOOD).cameras[0][0].density is None
    choice = with_density(folder, "{use: calibrated, file: gate.onnx}")
    assert (choice.use, choice.file, choice.sha256) == ("calibrated", str(folder / "gate.onnx"), None)
    assert with_density(folder, "{use: experimental}").file is None
    outside = f"{{use: external, file: gate.onnx, sha256: {'a' * 64}, errors: errors.json}}"
    assert with_density(folder, outside).errors == str(folder / "errors.json")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("{use: calibrated}", "needs a file"),
        ("{use: always, file: gate.onnx}", "use"),
        (f"{{use: experimental, sha256: {'a' * 64}}}", "pins a file, and none is named"),
        ("{use: calibrated, file: gone.onnx}", "gone.onnx is not there"),
        ("{use: calibrated, file: gate.onnx, sha256: abc}", "sha256"),
        ("{use: calibrated, file: gate.onnx, errors: errors.json}", "belongs to an external density map"),
        ("{use: experimental, file: gate.onnx, width_px: 640, height_px: 384}", "belongs to an external"),
        ("{use: external, file: gate.onnx, errors: errors.json}", "must be pinned: write the sha256"),
        (
            f"{{use: external, file: gate.onnx, sha256: {'a' * 64}}}",
            "needs the errors measured on this camera",
        ),
        (
            f"{{use: external, file: gate.onnx, sha256: {'a' * 64}, errors: errors.json, width_px: 640}}",
            "width_px and height_px come together",
        ),
    ],
)
def test_density_that_cannot_be(folder, said, problem):
    with pytest.raises(FileError, match=re.escape(problem)) as wrong:
        with_density(folder, said)
    assert "density" in str(wrong.value)
