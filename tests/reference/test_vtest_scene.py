"""Real people and a really parked van, from pictures to alerts: vtest.avi with the ground of docs/vtest-scene.md."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from deploy.build.components import ROOT

SITE = Path(__file__).with_name("vtest_site.yaml")
SECONDS = 16


def beginning(whole: Path, out: Path) -> Path:
    """The first seconds, cut without encoding them again."""
    with av.open(str(whole)) as source, av.open(str(out), "w") as part:
        stream = part.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is None or packet.time_base is None or packet.dts * packet.time_base >= SECONDS:
                continue
            packet.stream = stream
            part.mux(packet)
    return out


def run(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_real_footage_raises_the_parked_van_and_no_crowd(tmp_path: Path, vtest: Callable[[], Path]) -> None:
    footage, readings = beginning(vtest(), tmp_path / "vtest.avi"), tmp_path / "readings.jsonl"
    run("edge", "replay", footage, "--site", SITE, "--camera", "mast", "--out", readings)
    told = run("hub", "replay", readings, "--site", SITE, "--out", tmp_path / "alerts.jsonl")
    found = json.loads(told.splitlines()[-1])
    assert found["media_s"] == pytest.approx(SECONDS, abs=1.0)
    assert found["zones"].keys() == {"junction", "lawn", "bays", "service-road"}
    # by hand, 2 to 9 people are in the picture; the zones hold most of them
    assert 1 < sum(zone["people_mean"] for zone in found["zones"].values()) < 9
    alert = next(a for a in found["alerts"] if a["rule"] == "vehicle.unauthorised")
    assert alert["zone"] == "service-road"
    assert any("Pavement at the fire gate" in reason["text"] for reason in alert["reasons"])
    assert not [a for a in found["alerts"] if a["rule"].startswith(("density", "occupancy"))]
