"""The brokers we start are brokers as the contract needs them: queues and retained messages survive a kill -9."""

from __future__ import annotations

import queue
import threading

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from deploy.demo.broker import HOST, Broker, BrokerError

WAIT_S = 15


class Peer:
    """A paho client with a stored session, its network thread running."""

    def __init__(self, name: str, port: int, *, subscribe: str = "") -> None:
        self.inbox: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
        self.ready = threading.Event()
        self._subscribe = subscribe
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = lambda _c, _u, m: self.inbox.put((m.topic, m.payload, m.retain))
        self.client.connect(HOST, port)
        self.client.loop_start()
        assert self.ready.wait(WAIT_S)

    def _on_connect(self, *_: object) -> None:
        if self._subscribe:
            self.client.subscribe(self._subscribe, qos=1)
        else:
            self.ready.set()

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        said = self.client.publish(topic, payload, qos=1, retain=retain)
        said.wait_for_publish(WAIT_S)
        assert said.is_published()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_queue_survives_kill9(any_broker: Broker) -> None:
    reader = Peer("reader", any_broker.port, subscribe="t/+/reading")
    reader.close()
    writer = Peer("writer", any_broker.port)
    for number in range(50):
        writer.say("t/a/reading", b"%d" % number)
    writer.close()
    if any_broker.name == "mosquitto":
        # it saves on changes, a moment after them
        any_broker.stop()
    else:
        any_broker.kill9()
    any_broker.start()
    reader = Peer("reader", any_broker.port, subscribe="t/+/reading")
    got = {reader.inbox.get(timeout=WAIT_S)[1] for _ in range(50)}
    reader.close()
    assert got == {b"%d" % number for number in range(50)}


def test_retained_until_the_store_is_forgotten(any_broker: Broker) -> None:
    writer = Peer("writer", any_broker.port)
    writer.say("t/a/status", b"online", retain=True)
    writer.close()
    any_broker.stop()
    any_broker.start()
    reader = Peer("reader", any_broker.port, subscribe="t/+/status")
    assert reader.inbox.get(timeout=WAIT_S) == ("t/a/status", b"online", True)
    reader.close()
    with pytest.raises(BrokerError, match="stop it before"):
        any_broker.forget()
    any_broker.stop()
    any_broker.forget()
    any_broker.start()
    reader = Peer("reader", any_broker.port, subscribe="t/+/status")
    with pytest.raises(queue.Empty):
        reader.inbox.get(timeout=0.5)
    reader.close()


def test_a_taken_port_is_said(any_broker: Broker) -> None:
    second = type(any_broker)(any_broker.folder.parent, port=any_broker.port)
    with pytest.raises(BrokerError, match=f"port {any_broker.port} is taken"):
        second.start()
    assert not second.running


def test_a_broker_that_can_not_start_shows_its_log(nats_server: Broker) -> None:
    nats_server.stop()
    nats_server.max_unacknowledged = -5
    with pytest.raises(BrokerError, match=r"exited at once:\n.*invalid value -5"):
        nats_server.start()
    assert not nats_server.running
