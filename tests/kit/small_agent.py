"""A small agent over real MQTT that keeps the contract's promise: outbox first, out only when hub/ack covers it."""

from __future__ import annotations

import threading
import time
from typing import Any, Self

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from contract import topics
from contract.instants import from_ms
from contract.messages import Ack, Reading
from deploy.demo.broker import HOST
from tests.kit.square import SITE

RESEND_S = 1.5
TICK_S = 0.02


class SmallAgent:
    """Its outbox outlives broker and hub (it lives in this process). `accept` is what an outbox's commit is."""

    def __init__(self, name: str, port: int, *, resend_s: float = RESEND_S) -> None:
        self.name = name
        self.accepted: list[tuple[str, str, int]] = []
        self.acks: list[Ack] = []
        self.sent = 0
        self._resend_s = resend_s
        self._port = port
        self._outbox: dict[tuple[str, str, int], tuple[Reading, float]] = {}
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"agent-{name}", clean_session=False
        )
        self._client.max_inflight_messages_set(1000)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_ack
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._client.connect_async(HOST, self._port)
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def accept(self, reading: Reading) -> None:
        key = (reading.boot, reading.camera, reading.seq)
        with self._guard:
            self._outbox[key] = (reading, float("-inf"))
            self.accepted.append(key)

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain)

    @property
    def waiting(self) -> int:
        with self._guard:
            return len(self._outbox)

    def drained(self, timeout_s: float = 60.0) -> bool:
        deadline = time.monotonic() + timeout_s
        while self.waiting and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.waiting == 0

    def _run(self) -> None:
        while not self._stopping.wait(TICK_S):
            if not self._client.is_connected():
                continue
            now_s = time.monotonic()
            with self._guard:
                oldest: dict[tuple[str, str], int] = {}
                for boot, camera, seq in self._outbox:
                    oldest[boot, camera] = min(seq, oldest.get((boot, camera), seq))
                due = [
                    (key, reading)
                    for key, (reading, at) in self._outbox.items()
                    if now_s - at > self._resend_s
                ]
                for key, reading in due:
                    self._outbox[key] = (reading, now_s)
            for (boot, camera, _), reading in due:
                said = msgspec.structs.replace(
                    reading, sent_at=from_ms(time.time_ns() // 1_000_000), oldest_seq=oldest[boot, camera]
                )
                topic = topics.READING.address(site=SITE, agent=self.name, camera=camera)
                self._client.publish(topic, msgspec.json.encode(said), qos=1)
                self.sent += 1

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(topics.ACK.address(site=SITE, agent=self.name), qos=1)

    def _on_ack(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        ack = msgspec.json.decode(message.payload, type=Ack)
        self.acks.append(ack)
        settled = {(one.boot, one.camera): one.seq for one in ack.settled}
        with self._guard:
            for boot, camera, seq in list(self._outbox):
                if seq <= settled.get((boot, camera), -1):
                    del self._outbox[boot, camera, seq]
