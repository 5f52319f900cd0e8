"""The agent over a real broker: status and Last Will, the outbox emptied by the ack, kill -9 of everything."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from deploy.demo.broker import HOST
from edge.agent import Agent
from edge.config import read_config
from edge.detections import Detections
from edge.look import Look
from edge.outbox import Outbox
from tests.kit import edge_scene as scene
from tests.kit.edge_cameras import MjpegCamera
from tests.kit.small_hub import SmallHub

ROOT = Path(__file__).parents[2]
SIZE = (320, 240)


class Blind:
    name = "blind"
    sha256 = "0" * 64

    def detect(self, picture_bgr):
        return Detections.none()


def settings(folder, port, *, source=None, period_s=0.2, cameras=("gate",)):
    """Writes site.yaml and edge.yaml; the source is a short clip in real time, looped."""
    scene.site_yaml(folder, *(scene.camera(camera_id=name, picture=SIZE) for name in cameras))
    if source is None:
        clip = folder / "clip.mp4"
        if not clip.exists():
            scene.clip(clip, (scene.noise(i) for i in range(20)))
        source = {"file": str(clip), "real_time": True, "loop": True}
    path = folder / "edge.yaml"
    config = {
        "agent": "east",
        "site": "site.yaml",
        "outbox": "outbox.sqlite",
        "broker": {"host": HOST, "port": port},
        "period_s": period_s,
        "model": {"width_px": 96, "height_px": 64},
        "cameras": [{"id": name, "source": source} for name in cameras],
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


class Inside:
    """An agent in this process, with a detector that sees nothing."""

    def __init__(self, path, boot="boot-1"):
        config = read_config(path)
        self.agent = Agent(
            config=config,
            look=lambda choice, ground: Look(detector=Blind(), errors=None, said="sees nothing"),
            boot=boot,
            outbox=Outbox(config.outbox),
        )
        self.outbox = self.agent.outbox
        self._thread = threading.Thread(target=self.agent.run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.agent.stop()
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()


def until(done, timeout_s=20.0, what=""):
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, what or "took too long"
        time.sleep(0.05)


def gapless(seqs):
    numbers = [seq for _, _, seq in seqs]
    return numbers == list(range(len(numbers)))


def test_status_health_and_an_outbox_that_empties(any_broker, tmp_path):
    path = settings(tmp_path, any_broker.port, cameras=("gate", "wall"))
    with SmallHub("square", "east", any_broker.port) as hub:
        with Inside(path) as inside:
            until(lambda: len(hub.seqs()) >= 20 and len(inside.outbox) <= 4)
            assert hub.statuses[-1].state == "online"
            assert hub.statuses[-1].boot == "boot-1"
            assert set(hub.statuses[-1].cameras) == {"gate", "wall"}
            until(lambda: {h.camera for h in hub.health if h.picture == "good"} == {"gate", "wall"})
        until(lambda: hub.statuses[-1].state == "stopped")
        assert not hub.errors
        for camera in ("gate", "wall"):
            assert gapless([key for key in hub.seqs() if key[1] == camera])
        assert all(one.clock == "media" and one.grid is not None for one in hub.readings)


def test_an_agent_whose_loop_breaks_is_offline_not_stopped(nats_server, tmp_path, monkeypatch):
    path = settings(tmp_path, nats_server.port)
    with SmallHub("square", "east", nats_server.port) as hub:
        inside = Inside(path)
        raised = []

        def run():
            with pytest.raises(ZeroDivisionError) as broken:
                inside.agent.run()
            raised.append(broken)

        running = threading.Thread(target=run)
        running.start()
        until(lambda: hub.statuses and hub.statuses[-1].state == "online")
        monkeypatch.setattr(inside.agent.eyes[0], "look", lambda: 1 // 0)
        running.join(timeout=20)
        assert raised
        until(lambda: hub.statuses[-1].state != "online")
        assert hub.statuses[-1].state == "offline"
        assert hub.statuses[-1].boot == "boot-1"


def test_nothing_leaves_the_outbox_without_an_ack(nats_server, tmp_path):
    path = settings(tmp_path, nats_server.port)
    with SmallHub("square", "east", nats_server.port, acking=False) as hub, Inside(path) as inside:
        until(lambda: len(hub.seqs()) >= 10)
        assert len(inside.outbox) >= 10
        hub.acking = True
        until(lambda: len(inside.outbox) <= 2)
        assert all(one.oldest_seq == 0 for one in hub.readings[:10])
        until(lambda: hub.readings[-1].oldest_seq > 5)


def test_a_broker_that_is_killed_and_forgets_loses_nothing(any_broker, tmp_path):
    path = settings(tmp_path, any_broker.port)
    with SmallHub("square", "east", any_broker.port) as hub, Inside(path) as inside:
        until(lambda: len(hub.seqs()) >= 5)
        any_broker.kill9()
        before = len(hub.seqs())
        until(lambda: len(inside.outbox) >= 10)
        any_broker.forget()
        any_broker.start()
        until(
            lambda: len(hub.seqs()) >= before + 15 and len(inside.outbox) <= 2,
            40.0,
            "after the broker came back",
        )
        assert gapless(hub.seqs())
        assert hub.statuses[-1].state == "online"
        assert not hub.errors


def test_a_hub_that_was_away_gets_everything(nats_server, tmp_path):
    path = settings(tmp_path, nats_server.port)
    with Inside(path) as inside:
        until(lambda: len(inside.outbox) >= 15)
        with SmallHub("square", "east", nats_server.port) as hub:
            until(lambda: len(hub.seqs()) >= 20 and len(inside.outbox) <= 2, 90.0, "the hub has everything")
            assert gapless(hub.seqs())


class Process:
    """`python -m edge run` as a child, to be killed."""

    def __init__(self, path, *more):
        self.log = path.parent / "agent.log"
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "edge", "run", str(path), *more],
                cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()


def test_kill_9_of_the_agent_speaks_the_will_and_loses_nothing(any_broker, tmp_path):
    path = settings(tmp_path, any_broker.port)
    with SmallHub("square", "east", any_broker.port, acking=False) as hub:
        with Process(path) as one:
            until(lambda: len(hub.seqs()) >= 8, 40.0, one.log.read_text())
            one.child.kill()
            one.child.wait()
        until(lambda: hub.statuses[-1].state == "offline")
        old_boot = hub.statuses[-1].boot
        outbox = Outbox(tmp_path / "outbox.sqlite")
        left = [(slip.boot, slip.camera, slip.seq) for slip in outbox]
        outbox.close()
        assert len(left) >= 8
        assert gapless(left)
        hub.acking = True
        with Process(path) as two:
            until(lambda: hub.statuses[-1].state == "online" and hub.statuses[-1].boot != old_boot, 40.0)
            new_boot = hub.statuses[-1].boot
            until(lambda: len(hub.seqs(new_boot)) >= 5, 40.0)
            until(lambda: hub.seqs(old_boot) == left, 40.0, f"{hub.seqs(old_boot)} of {left}")
            assert gapless(hub.seqs(new_boot))
            two.child.send_signal(signal.SIGTERM)
            assert two.child.wait(timeout=20) == 0
        until(lambda: hub.statuses[-1].state == "stopped")
        outbox = Outbox(tmp_path / "outbox.sqlite")
        assert all(slip.boot == new_boot for slip in outbox), (
            "what the old boot left behind is settled and gone"
        )
        outbox.close()
        assert not hub.errors


def test_footage_at_full_speed_ends_when_the_hub_has_it_all(nats_server, tmp_path):
    clip = scene.clip(tmp_path / "clip.mp4", (scene.noise(i) for i in range(45)))
    source = {"file": str(clip), "start": "2026-06-20T18:00:00.000Z"}
    path = settings(tmp_path, nats_server.port, source=source, period_s=1.0)
    with SmallHub("square", "east", nats_server.port) as hub:
        with Process(path, "--until-settled") as one:
            assert one.child.wait(timeout=60) == 0, one.log.read_text()
        assert [(r.captured_to, r.frames_used) for r in hub.readings] == [
            (f"2026-06-20T18:00:0{i}.000Z", 10 if i < 5 else 5) for i in range(1, 6)
        ]
        assert all(r.sent_at == r.captured_to for r in hub.readings), "media time knows no wall clock"


def test_footage_that_is_no_video_fails(nats_server, tmp_path):
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    path = settings(tmp_path, nats_server.port, source={"file": str(text)})
    with Process(path, "--until-settled") as one:
        assert one.child.wait(timeout=30) == 1
        assert "notes.mp4" in one.log.read_text()


def test_a_camera_that_dies_is_told_and_sends_no_reading(nats_server, tmp_path):
    camera = MjpegCamera()
    camera.start()
    try:
        path = settings(tmp_path, nats_server.port, source=camera.source())
        with SmallHub("square", "east", nats_server.port) as hub, Inside(path):
            until(lambda: any(h.picture == "good" for h in hub.health))
            camera.stop()
            until(lambda: hub.health[-1].picture == "none")
            told = hub.health[-1]
            assert "no frame for" in told.problem
            assert "check the HTTP address or the PoE port" in told.problem
            silent_from = len(hub.seqs())
            time.sleep(2.0)
            assert len(hub.seqs()) <= silent_from + 1, "silence is not filled with zeros"
            camera.start()
            until(lambda: hub.health[-1].picture == "good", 30.0)
            until(lambda: len(hub.seqs()) > silent_from + 5)
            assert gapless(hub.seqs())
            said = json.dumps([h.problem for h in hub.health])
            assert "hunter2" not in said
    finally:
        camera.stop()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"site": "gone.yaml"}, "edge.yaml:1: site:"),
        ({"model": "no-such-model"}, "no-such-model"),
        ({"outbox": "site.yaml"}, "outbox"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, change, says):
    path = settings(tmp_path, 1)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    done = subprocess.run(
        [sys.executable, "-m", "edge", "run", str(path)], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_last_reading_of_footage_is_not_left_behind(tmp_path):
    """The reader may be done before the agent has closed the window that the last frame stands in."""
    clip = scene.clip(tmp_path / "clip.mp4", (scene.noise(i) for i in range(4)))
    inside = Inside(settings(tmp_path, 1, source={"file": str(clip)}, period_s=60))
    agent, (eye,) = inside.agent, inside.agent.eyes
    eye.reader.start()
    until(lambda: eye.reader.state().ended)  # few enough to be read ahead
    assert all(eye.look() for _ in range(4))
    assert eye.reader.drained
    assert len(agent.outbox) == 0
    assert not agent._all_over()
    eye.look()
    assert len(agent.outbox) == 1
    assert not agent._all_over()
    agent.outbox.close()


def test_a_broker_that_hangs_up_without_an_answer_is_told(tmp_path, caplog):
    import socket

    with socket.create_server((HOST, 0)) as server:
        path = settings(tmp_path, server.getsockname()[1])

        def hang_up():
            server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with Inside(path):
            until(lambda: "closed the connection without an answer" in caplog.text)
        thread.join()
