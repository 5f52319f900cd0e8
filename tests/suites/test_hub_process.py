"""The hub as a process: it says what keeps it from starting, and leaves nothing behind when it ends."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.demo.broker import HOST, NatsServer, free_port
from tests.kit.hub_process import ROOT, HubProcess
from tests.kit.small_agent import SmallAgent
from tests.kit.square import Square

SQUARE = Square(cameras=2)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hub", "run", *arguments]
    return subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=30)


def test_a_taken_port_names_the_flag(tmp_path: Path) -> None:
    site = SQUARE.write(tmp_path)
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("--site", str(site), "--database", str(tmp_path / "x.sqlite3"), "--http", f"{HOST}:{port}")
    assert done.returncode == 2
    assert f"port {port} on 127.0.0.1 is taken; choose another with --http" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_in_use(tmp_path: Path) -> None:
    site = SQUARE.write(tmp_path)
    with HubProcess(tmp_path, site=site, broker_port=free_port()) as hub:
        done = run("--site", str(site), "--database", str(hub.database), "--http", f"{HOST}:{free_port()}")
        assert done.returncode == 2
        assert "another hub uses it" in done.stderr


def test_a_database_of_another_site(tmp_path: Path) -> None:
    site = SQUARE.write(tmp_path)
    with HubProcess(tmp_path, site=site, broker_port=free_port()) as hub:
        hub.until(hub.state, "a first state")
    site.write_text(site.read_text().replace("test-square", "other-square"))
    done = run("--site", str(site), "--database", str(hub.database), "--http", f"{HOST}:{free_port()}")
    assert done.returncode == 2
    assert "test-square" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_signal_that_finds_the_streams_locked_still_ends_the_hub(tmp_path: Path) -> None:
    """Python runs a signal's handler in the main thread between two of its steps, whatever lock it holds."""
    script = f"""
import os, signal, threading
from pathlib import Path
from hub.app import create_app
from hub.config import BrokerPart, Config, HttpPart, settings

config = Config(site={str(SQUARE.write(tmp_path))!r}, broker=BrokerPart(port=9), http=HttpPart(port=0, login="none"))
hub = create_app(settings(config, folder=Path({str(tmp_path)!r})))
subscribe = hub.live.subscribe

def interrupted():
    with hub.live._guard:
        os.kill(os.getpid(), signal.SIGTERM)
    return subscribe()

hub.live.subscribe = interrupted

def visit():
    import urllib.request
    port = hub._socket.getsockname()[1]
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{{port}}/api/v1/events", timeout=5).read(1)
        except OSError:
            continue
        return

threading.Thread(target=visit, daemon=True).start()
hub.run()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order(nats_server: NatsServer, tmp_path: Path, sign: signal.Signals) -> None:
    """With a page open and readings under way: gone within seconds, port free, what was acknowledged is stored."""
    site = SQUARE.write(tmp_path)
    hub = HubProcess(tmp_path, site=site, broker_port=nats_server.port).start()
    with SmallAgent("box-0", nats_server.port) as agent:
        for seq in range(50):
            agent.accept(SQUARE.reading(0, seq=seq, captured_to_ms=time.time_ns() // 1_000_000))
        assert agent.drained()
        page = socket.create_connection((HOST, hub.port))
        page.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200 OK" in page.recv(4096)
        pid = hub.pid
        started = time.monotonic()
        os.kill(pid, sign)
        assert hub._process is not None
        assert hub._process.wait(10) == 0
        assert time.monotonic() - started < 5
        page.close()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((HOST, hub.port))
    with sqlite3.connect(hub.database) as db:
        assert db.execute("SELECT count(*) FROM readings").fetchone() == (50,)
    assert "Traceback" not in hub.log.read_text()


def test_a_database_that_takes_no_write_loses_nothing(nats_server: NatsServer, tmp_path: Path) -> None:
    """Nothing is acknowledged meanwhile, and the page says so; then all of it goes in."""
    site = SQUARE.write(tmp_path)
    with (
        HubProcess(tmp_path, site=site, broker_port=nats_server.port) as hub,
        SmallAgent("box-0", nats_server.port) as agent,
    ):
        hub.until(lambda: hub.state() is not None, "the first state")
        blocker = sqlite3.connect(hub.database, isolation_level=None)
        blocker.execute("BEGIN EXCLUSIVE")  # as a disk that takes no write
        for seq in range(20):
            agent.accept(SQUARE.reading(0, seq=seq, captured_to_ms=time.time_ns() // 1_000_000))
        hub.until(lambda: "locked" in hub.state()["hub"]["database"], "the database's trouble to be shown")
        assert agent.waiting == 20
        blocker.execute("COMMIT")
        blocker.close()
        assert agent.drained()
        hub.until(lambda: hub.state()["hub"]["database"] == "ok", "the database to be well again")
        assert hub.count("readings") == 20
