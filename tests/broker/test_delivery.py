"""Nothing an agent's outbox accepted is lost and nothing is stored twice, whatever is killed or forgets."""

from __future__ import annotations

import itertools
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from contract import topics
from contract.messages import Ack
from deploy.demo.broker import Broker, NatsServer, free_port
from tests.kit.hub_process import HubProcess
from tests.kit.small_agent import SmallAgent
from tests.kit.square import SITE, Square

SQUARE = Square(cameras=2)
PACE_S = 0.01


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def stored(hub: HubProcess) -> list[tuple[str, str, int]]:
    with sqlite3.connect(f"file:{hub.database}?mode=ro", uri=True) as db:
        return db.execute(
            "SELECT s.boot, s.camera, r.seq FROM readings r JOIN streams s ON s.id = r.stream ORDER BY 1, 2, 3"
        ).fetchall()


def feed(agent: SmallAgent, start: int, count: int, *, boot: str = "boot-1") -> None:
    """`count` readings of each of two cameras into the outbox, a little apart."""
    for seq in range(start, start + count):
        for camera in range(2):
            agent.accept(SQUARE.reading(camera, seq=seq, captured_to_ms=wall_ms(), boot=boot))
        time.sleep(PACE_S)


def assert_all_once(agent: SmallAgent, hub: HubProcess) -> None:
    assert agent.drained(), f"{agent.waiting} readings were never acknowledged"
    assert stored(hub) == sorted(agent.accepted)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return SQUARE.write(tmp_path)


def test_stored_then_acknowledged(any_broker: Broker, site: Path, tmp_path: Path) -> None:
    with (
        HubProcess(tmp_path, site=site, broker_port=any_broker.port) as hub,
        SmallAgent("box-0", any_broker.port) as agent,
    ):
        feed(agent, 0, 100)
        assert_all_once(agent, hub)
        assert hub.count("readings") == 200
        assert hub.count("refused") == 0
        # at most one ack a second, and each covers what came before
        settled = [{one.camera: one.seq for one in ack.settled} for ack in agent.acks]
        assert all(a.get("cam-0", -1) <= b.get("cam-0", -1) for a, b in itertools.pairwise(settled))
        assert settled[-1] == {"cam-0": 99, "cam-1": 99}


def test_duplicates_are_stored_once(nats_server: NatsServer, site: Path, tmp_path: Path) -> None:
    with (
        HubProcess(tmp_path, site=site, broker_port=nats_server.port) as hub,
        SmallAgent("box-0", nats_server.port) as agent,
    ):
        reading = SQUARE.reading(0, seq=0, captured_to_ms=wall_ms())
        agent.accept(reading)
        assert agent.drained()
        topic = topics.READING.address(site=SITE, agent="box-0", camera="cam-0")
        for _ in range(5):
            agent.say(topic, msgspec.json.encode(reading))
        hub.until(lambda: hub.count("duplicates") >= 5, "duplicates to be counted")
        assert stored(hub) == agent.accepted
        # the same number with another content is another reading: two agents share a boot id
        agent.say(topic, msgspec.json.encode(msgspec.structs.replace(reading, frames_used=11)))
        hub.until(lambda: hub.count("refused") == 1, "the conflict to be refused")
        assert hub.get("/api/v1/devices")["refusals"]["by_reason"] == {"seq_conflict": 1}
        assert stored(hub) == agent.accepted


def test_hub_killed_again_and_again(any_broker: Broker, site: Path, tmp_path: Path) -> None:
    hub = HubProcess(tmp_path, site=site, broker_port=any_broker.port)
    chance = random.Random(5)
    with SmallAgent("box-0", any_broker.port) as agent:
        for round_number in range(4):
            hub.start(wait=False)
            feed(agent, 60 * round_number, 60)
            time.sleep(chance.uniform(0.0, 1.0))
            hub.kill9()
        hub.start()
        assert_all_once(agent, hub)
        assert hub.stop() == 0


def test_broker_killed(any_broker: Broker, site: Path, tmp_path: Path) -> None:
    with (
        HubProcess(tmp_path, site=site, broker_port=any_broker.port) as hub,
        SmallAgent("box-0", any_broker.port) as agent,
    ):
        feed(agent, 0, 50)
        any_broker.kill9()
        feed(agent, 50, 50)
        hub.until(lambda: hub.state()["hub"]["broker"] == "lost", "the loss to be noticed")
        assert str(any_broker.port) in hub.state()["hub"]["broker_problem"]
        any_broker.start()
        feed(agent, 100, 20)
        assert_all_once(agent, hub)
        assert hub.state()["hub"]["broker"] == "connected"


def test_broker_that_forgets_its_queue(any_broker: Broker, site: Path, tmp_path: Path) -> None:
    """The hub is away, the broker holds a queue for it, and loses sessions, queue and retained messages."""
    hub = HubProcess(tmp_path, site=site, broker_port=any_broker.port).start()
    with SmallAgent("box-0", any_broker.port) as agent:
        feed(agent, 0, 40)
        assert agent.drained()
        hub.kill9()
        feed(agent, 40, 40)
        time.sleep(0.5)
        any_broker.stop()
        any_broker.forget()
        any_broker.start()
        feed(agent, 80, 10)
        hub.start()
        assert_all_once(agent, hub)
        # hub/ack is there again for an agent that starts now
        with SmallAgent("box-0", any_broker.port) as again:
            hub.until(lambda: again.acks, "the retained ack")
            assert {one.camera: one.seq for one in again.acks[-1].settled} == {"cam-0": 89, "cam-1": 89}
        assert hub.stop() == 0


def test_agent_restarts_with_a_new_boot(nats_server: NatsServer, site: Path, tmp_path: Path) -> None:
    """Seq starts at 0 again under another boot; what was left of the old one still comes."""
    with (
        HubProcess(tmp_path, site=site, broker_port=nats_server.port) as hub,
        SmallAgent("box-0", nats_server.port) as agent,
    ):
        feed(agent, 7, 20, boot="boot-1")
        feed(agent, 0, 20, boot="boot-2")
        assert_all_once(agent, hub)
        settled = {(one.boot, one.camera): one.seq for one in agent.acks[-1].settled}
        assert settled["boot-1", "cam-0"] == 26
        assert settled["boot-2", "cam-1"] == 19


def test_hub_starts_before_its_broker(site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "late"
    folder.mkdir()
    port = free_port()
    with HubProcess(tmp_path, site=site, broker_port=port) as hub:
        state = hub.until(hub.state, "a state without a broker")
        assert state["hub"]["broker"] == "lost"
        hub.until(lambda: "check that it runs" in hub.state()["hub"]["broker_problem"], "what to do about it")
        with NatsServer(folder, port=port), SmallAgent("box-0", port) as agent:
            feed(agent, 0, 5)
            assert_all_once(agent, hub)


def test_late_readings_are_kept_and_not_judged(nats_server: NatsServer, site: Path, tmp_path: Path) -> None:
    """An outbox full of yesterday fills history; no zone counts it as now."""
    with (
        HubProcess(tmp_path, site=site, broker_port=nats_server.port) as hub,
        SmallAgent("box-0", nats_server.port) as agent,
    ):
        past_ms = wall_ms() - 3_600_000
        for seq in range(30):
            agent.accept(SQUARE.reading(0, seq=seq, captured_to_ms=past_ms + 1000 * seq, people_per_m2=6.5))
        assert_all_once(agent, hub)
        hub.until(lambda: hub.count("late") == 30, "late readings to be counted")
        state = hub.state()
        assert all(zone["people"] is None for zone in state["zones"])
        assert state["alerts"] == [] or {a["rule"] for a in state["alerts"]} == {"sensor.silent"}
        with sqlite3.connect(f"file:{hub.database}?mode=ro", uri=True) as db:
            readings, late, people = db.execute(
                "SELECT sum(readings), sum(late), max(people_max) FROM camera_minutes WHERE camera = 'cam-0'"
            ).fetchone()
        assert (readings, late) == (30, 30)
        assert people == pytest.approx(6.5 * 1600, rel=0.01)


def test_zone_states_and_alerts_are_published(nats_server: NatsServer, site: Path, tmp_path: Path) -> None:
    """hub/zone is retained and fresh; hub/alert is there while open and gone when closed."""
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    said: dict[str, bytes] = {}
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="third-party")
    client.on_connect = lambda c, *_: c.subscribe(f"esplanade/v1/{SITE}/hub/#", qos=1)
    client.on_message = lambda _c, _u, m: said.__setitem__(m.topic, m.payload)
    with (
        HubProcess(tmp_path, site=site, broker_port=nats_server.port, clock="media") as hub,
        SmallAgent("box-0", nats_server.port) as agent,
    ):
        client.connect("127.0.0.1", nats_server.port)
        client.loop_start()
        alert = open_vehicle_alert(hub, agent, media_ms)
        topic = topics.ALERT.address(site=SITE, alert=alert["alert"])
        hub.until(lambda: said.get(topic), "the alert on the broker")
        zone = topics.ZONE.address(site=SITE, zone="zone-0")
        hub.until(lambda: said.get(zone), "the zone on the broker")
        assert msgspec.json.decode(said[topics.ACK.address(site=SITE, agent="box-0")], type=Ack).settled
        close_vehicle_alert(hub, agent, alert["alert"])
        hub.until(lambda: said[topic] == b"", "the alert to leave the broker", timeout_s=60)
    client.loop_stop()


def media_ms(seq: int) -> int:
    """A second of media time for each reading: as fast as they come."""
    return 1_781_978_400_000 + 1000 * seq


def open_vehicle_alert(
    hub: HubProcess, agent: SmallAgent, captured_ms: Callable[[int], int] = lambda _seq: wall_ms()
) -> dict[str, object]:
    """Cameras are live, and a car stands where it needs a permit, until there is an alert."""
    seq = agent_seq(agent)

    def see() -> object:
        nonlocal seq
        now = captured_ms(seq)
        car = SQUARE.vehicle(0, captured_at_ms=now)
        agent.accept(SQUARE.reading(0, seq=seq, captured_to_ms=now, vehicles=(car,)))
        agent.accept(SQUARE.reading(1, seq=seq, captured_to_ms=now))
        seq += 1
        time.sleep(0.2)
        state = hub.state()
        return (
            next((one for one in state["alerts"] if one["rule"].startswith("vehicle.")), None)
            if state
            else None
        )

    found: dict[str, object] = hub.until(see, "vehicle.unauthorised")
    return found


def close_vehicle_alert(hub: HubProcess, agent: SmallAgent, alert: str) -> None:
    """The car is gone for 30 s of media time, and someone has seen the alert."""
    status, answer = hub.request(f"/api/v1/alerts/{alert}/acknowledge", {"by": "Ana"})
    assert status == 200, answer
    start = agent_seq(agent)
    for seq in range(start, start + 40):
        for camera in range(2):
            agent.accept(SQUARE.reading(camera, seq=seq, captured_to_ms=media_ms(seq)))
    hub.until(lambda: hub.get(f"/api/v1/alerts/{alert}")["alert"]["closed_at"], "the alert to close")


def agent_seq(agent: SmallAgent) -> int:
    return max((seq for _, _, seq in agent.accepted), default=-1) + 1


def test_an_acknowledged_alert_stays_acknowledged(
    nats_server: NatsServer, site: Path, tmp_path: Path
) -> None:
    hub = HubProcess(tmp_path, site=site, broker_port=nats_server.port).start()
    with SmallAgent("box-0", nats_server.port) as agent:
        alert = str(open_vehicle_alert(hub, agent)["alert"])
        status, answer = hub.request(f"/api/v1/alerts/{alert}/acknowledge", {"by": "Ana"})
        assert (status, answer["alert"]["handling"]) == (200, "acknowledged")
        # killed right after the answer: what was answered is on disk
        hub.kill9()
        hub.start()
        state = hub.until(hub.state, "a state after the restart")
        again = [one for one in state["alerts"] if one["alert"] == alert]
        assert [(one["handling"], one["acknowledged_by"]) for one in again] == [("acknowledged", "Ana")]
        detail = hub.get(f"/api/v1/alerts/{alert}")
        assert [one["event"] for one in detail["transitions"]].count("open") == 1
        # the car is still there: the same alert goes on, no second one opens
        feed_car(hub, agent)
        open_now = [one for one in hub.state()["alerts"] if one["rule"].startswith("vehicle.")]
        assert [one["alert"] for one in open_now] == [alert]
        assert hub.stop() == 0


def feed_car(hub: HubProcess, agent: SmallAgent, seconds: float = 2.0) -> None:
    seq = agent_seq(agent)
    for step in range(int(seconds / 0.2)):
        now = wall_ms()
        agent.accept(
            SQUARE.reading(
                0, seq=seq + step, captured_to_ms=now, vehicles=(SQUARE.vehicle(0, captured_at_ms=now),)
            )
        )
        agent.accept(SQUARE.reading(1, seq=seq + step, captured_to_ms=now))
        time.sleep(0.2)
    assert hub.state() is not None
