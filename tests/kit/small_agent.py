"""A small agent over real MQTT that keeps the contract's promise: outbox first, out only when hub/ack covers it."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import paho.mqtt.client as mqtt

from contract import topics
from contract.instants import from_ms
from contract.messages import Ack, Reading
from tests.kit.small_party import SmallParty
from tests.kit.square import SITE

RESEND_S = 1.5
TICK_S = 0.02


class SmallAgent(SmallParty):
    """Its outbox outlives broker and hub (it lives in this process). `accept` is what an outbox's commit is."""

    def __init__(self, name: str, port: int, *, resend_s: float = RESEND_S) -> None:
        super().__init__(f"agent-{name}", port, every_s=TICK_S, again_s=(1, 2))
        self.name = name
        self.accepted: list[tuple[str, str, int]] = []
        self.acks: list[Ack] = []
        self.sent = 0
        self._resend_s = resend_s
        self._outbox: dict[tuple[str, str, int], tuple[Reading, float]] = {}
        self.client.max_inflight_messages_set(1000)

    def accept(self, reading: Reading) -> None:
        key = (reading.boot, reading.camera, reading.seq)
        with self.guard:
            self._outbox[key] = (reading, float("-inf"))
            self.accepted.append(key)

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain)

    @property
    def waiting(self) -> int:
        with self.guard:
            return len(self._outbox)

    def drained(self, timeout_s: float = 60.0) -> bool:
        deadline = time.monotonic() + timeout_s
        while self.waiting and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.waiting == 0

    def _tick(self) -> None:
        if not self.client.is_connected():
            return
        now_s = time.monotonic()
        with self.guard:
            oldest: dict[tuple[str, str], int] = {}
            for boot, camera, seq in self._outbox:
                oldest[boot, camera] = min(seq, oldest.get((boot, camera), seq))
            due = [
                (key, reading) for key, (reading, at) in self._outbox.items() if now_s - at > self._resend_s
            ]
            for key, reading in due:
                self._outbox[key] = (reading, now_s)
        for (boot, camera, _), reading in due:
            said = msgspec.structs.replace(
                reading, sent_at=from_ms(time.time_ns() // 1_000_000), oldest_seq=oldest[boot, camera]
            )
            topic = topics.READING.address(site=SITE, agent=self.name, camera=camera)
            self.client.publish(topic, msgspec.json.encode(said), qos=1)
            self.sent += 1

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(topics.ACK.address(site=SITE, agent=self.name), qos=1)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        ack = msgspec.json.decode(message.payload, type=Ack)
        self.acks.append(ack)
        settled = {(one.boot, one.camera): one.seq for one in ack.settled}
        with self.guard:
            for boot, camera, seq in list(self._outbox):
                if seq <= settled.get((boot, camera), -1):
                    del self._outbox[boot, camera, seq]
