"""The edge agent's command line on small real input."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

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
