"""The edge agent's command line on small real input."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.kit import density_files
from tests.kit import edge_scene as scene

ROOT = Path(__file__).parents[2]


def edge(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "edge", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    scene.site_yaml(tmp_path, scene.camera(picture=(320, 240)))
    (tmp_path / "edge.yaml").write_text(
        json.dumps(
            {
                "agent": "east",
                "site": "site.yaml",
                "outbox": "outbox.sqlite",
                "broker": {"host": "127.0.0.1"},
                "cameras": [{"id": "gate", "source": {"rtsp": "rtsp://viewer:hunter2@127.0.0.1/cam"}}],
            }
        )
    )
    return tmp_path


def test_version():
    assert edge("--version").stdout.strip() == f"esplanade-edge {version('esplanade')}"


def test_check_judges_the_calibration_and_hides_the_password(folder):
    done = edge("check", folder / "edge.yaml")
    assert done.returncode == 0, done.stderr
    assert "5 pairs, error 0.00 m rms" in done.stdout
    assert "cells of 2 m covered" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    assert not (folder / "outbox.sqlite").exists(), "check changes nothing"


def with_density(folder, camera):
    """The agent's file with a calibrated density model made for `camera`."""
    density_files.combined(folder / "gate.onnx", density_files.head(camera))
    agent = json.loads((folder / "edge.yaml").read_text())
    agent["cameras"][0]["density"] = {"use": "calibrated", "file": "gate.onnx"}
    (folder / "edge.yaml").write_text(json.dumps(agent))


def test_check_says_how_large_people_are_seen_and_which_density_model(folder):
    done = edge("check", folder / "edge.yaml")
    assert "model ssdlite-mobilenet-v2 c8f2930e40bb: input" in done.stdout
    assert "by calibration: people are" in done.stdout
    with_density(folder, scene.camera(picture=(320, 240)))
    done = edge("check", folder / "edge.yaml")
    assert done.returncode == 0, done.stderr
    assert "input 192x256 as it was fitted at" in done.stdout
    assert "calibrated density model of 2026-11-22T16:00:00Z, 24 frames marked" in done.stdout


def test_check_and_replay_refuse_another_cameras_density_model(folder):
    with_density(folder, scene.camera(picture=(320, 240), camera_id="quay"))
    done = edge("check", folder / "edge.yaml")
    assert done.returncode == 1
    assert "camera gate: density model" in done.stderr
    assert "was calibrated for camera square/quay, this is square/gate" in done.stderr
    clip = scene.clip(folder / "clip.mp4", (scene.noise(i) for i in range(3)))
    wanted = ["--site", folder / "site.yaml", "--camera", "gate", "--out", folder / "r.jsonl"]
    done = edge("replay", clip, *wanted, "--density", "calibrated", "--density-file", folder / "gate.onnx")
    assert done.returncode == 1
    assert "was calibrated for camera square/quay" in done.stderr
    done = edge("replay", clip, *wanted, "--density", "calibrated")
    assert "--density needs --density-file" in done.stderr


def test_replay_with_a_density_model_is_another_run(folder):
    camera = scene.camera(picture=(320, 240))
    with_density(folder, camera)
    clip = scene.clip(folder / "clip.mp4", (scene.noise(i) for i in range(12)))
    wanted = ["--site", folder / "site.yaml", "--camera", "gate", "--out"]
    more = ["--density", "calibrated", "--density-file", folder / "gate.onnx"]
    assert edge("replay", clip, *wanted, folder / "plain.jsonl").returncode == 0
    assert edge("replay", clip, *wanted, folder / "one.jsonl", *more).returncode == 0
    assert edge("replay", clip, *wanted, folder / "two.jsonl", *more).returncode == 0
    assert (folder / "one.jsonl").read_bytes() == (folder / "two.jsonl").read_bytes()
    plain, dense = (
        json.loads((folder / name).read_text().splitlines()[0]) for name in ("plain.jsonl", "one.jsonl")
    )
    assert dense["model"]["name"] == "ssdlite-mobilenet-v2+calibrated"
    assert dense["boot"] != plain["boot"]


def test_replay_without_people_gives_readings_with_a_grid(folder):
    clip = scene.clip(folder / "clip.mp4", (scene.noise(i) for i in range(12)))
    out = folder / "readings.jsonl"
    done = edge("replay", clip, "--site", folder / "site.yaml", "--camera", "gate", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "12 frames" in done.stdout
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["frames_used"] for line in lines] == [10, 2]
    assert all(line["grid"] is not None and line["clock"] == "media" for line in lines)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--camera", "door"), "site square has no camera door; it has gate"),
        (("--camera", "gate", "--speed", "0"), "--speed must be above 0"),
        (("--camera", "gate", "--period", "100"), "--period must lie between"),
        (("--camera", "gate", "--start", "yesterday"), "yesterday"),
        (("--camera", "gate"), "there is no such file"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder, arguments, says):
    out = folder / "readings.jsonl"
    done = edge("replay", folder / "gone.mp4", "--site", folder / "site.yaml", "--out", out, *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()
