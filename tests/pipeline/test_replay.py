"""Replay: the same footage gives the same readings and the same alerts, byte for byte, at any speed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from deploy.demo.parts import ASSESSMENT, CLIP, DEMO, SITE


def run(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=DEMO.parents[1],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def edge_replay(footage: Path, out: Path, *more: object) -> bytes:
    run("edge", "replay", footage, "--site", SITE, "--camera", "mast", "--out", out, *more)
    return out.read_bytes()


def hub_replay(readings: Path, out: Path) -> bytes:
    run("hub", "replay", readings, "--site", SITE, "--assessment", ASSESSMENT, "--out", out)
    return out.read_bytes()


def first_seconds(out: Path, seconds: int) -> Path:
    """The clip's beginning, cut without encoding it again."""
    with av.open(str(CLIP)) as whole, av.open(str(out), "w") as part:
        stream = part.add_stream_from_template(whole.streams.video[0], opaque=True)
        for packet in whole.demux(whole.streams.video[0]):
            if packet.pts is None or packet.time_base is None or packet.pts * packet.time_base > seconds:
                continue
            packet.stream = stream
            part.mux(packet)
    return out


def test_two_replays_are_identical_and_one_at_four_times_the_speed(tmp_path: Path) -> None:
    footage = first_seconds(tmp_path / "short.mp4", 16)
    first = edge_replay(footage, tmp_path / "one.jsonl")
    assert first.count(b"\n") >= 15
    assert edge_replay(footage, tmp_path / "two.jsonl") == first
    four = edge_replay(footage, tmp_path / "four.jsonl", "--speed", 4)
    assert four == first
    alerts = hub_replay(tmp_path / "one.jsonl", tmp_path / "alerts-one.jsonl")
    assert hub_replay(tmp_path / "two.jsonl", tmp_path / "alerts-two.jsonl") == alerts
    rules = {json.loads(line)["alert"]["rule"] for line in alerts.splitlines()}
    assert "vehicle.unauthorised" in rules


def test_a_slow_replay_takes_its_time(tmp_path: Path) -> None:
    footage = first_seconds(tmp_path / "short.mp4", 4)
    began = time.monotonic()
    edge_replay(footage, tmp_path / "slow.jsonl", "--speed", 0.5)
    assert time.monotonic() - began >= 7.5


def test_another_start_is_another_boot(tmp_path: Path) -> None:
    footage = first_seconds(tmp_path / "short.mp4", 3)
    evening = edge_replay(footage, tmp_path / "evening.jsonl")
    morning = edge_replay(footage, tmp_path / "morning.jsonl", "--start", "2026-06-22T07:00:00.000Z")
    boots = {json.loads(line)["boot"] for line in (evening + morning).splitlines()}
    assert len(boots) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("edge", "replay", "none.mp4", "--site", SITE, "--camera", "mast", "--out", "x"), "none.mp4"),
        (("edge", "replay", CLIP, "--site", SITE, "--camera", "door", "--out", "x"), "mast"),
        (("edge", "replay", CLIP, "--site", "none.yaml", "--camera", "mast", "--out", "x"), "none.yaml"),
        (("hub", "replay", "none.jsonl", "--site", SITE, "--out", "x"), "none.jsonl"),
        (("hub", "replay", SITE, "--site", SITE, "--out", "x"), "site.yaml:1:"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, arguments: tuple[object, ...], says: str) -> None:
    out = tmp_path / "x"
    done = subprocess.run(
        [sys.executable, "-m", *(str(out) if a == "x" else str(a) for a in arguments)],
        cwd=DEMO.parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode not in (0, -6, -11)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
