"""A small hub over real MQTT: keeps every reading it hears and, while `acking`, says what it has."""

from __future__ import annotations

from typing import Any

import msgspec
import paho.mqtt.client as mqtt

from contract import topics
from contract.instants import from_ms
from contract.intake import Observation, read
from contract.messages import Ack, AgentStatus, CameraHealth, Reading, SettledSeq
from tests.kit.small_party import SmallParty

ACK_EVERY_S = 0.2


class SmallHub(SmallParty):
    """Every message goes through the contract's own intake, so a message that the real hub refuses fails here."""

    def __init__(self, site: str, agent: str, port: int, *, acking: bool = True) -> None:
        super().__init__("small-hub", port, every_s=ACK_EVERY_S, again_s=(1, 1))
        self.site, self.agent, self.acking = site, agent, acking
        self.readings: list[Reading] = []
        self.statuses: list[AgentStatus] = []
        self.health: list[CameraHealth] = []
        self.errors: list[str] = []
        self._oldest: dict[tuple[str, str], int] = {}

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        for topic in (topics.READING, topics.HEALTH, topics.STATUS):
            client.subscribe(topic.filter(site=self.site, agent=self.agent), qos=1)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            said = read(message.topic, bytes(message.payload))
        except ValueError as refused:
            self.errors.append(f"{message.topic}: {refused}")
            return
        with self.guard:
            if isinstance(said, Observation):
                one = said.reading
                self.readings.append(one)
                key = (one.boot, one.camera)
                self._oldest[key] = max(self._oldest.get(key, 0), one.oldest_seq)
            elif isinstance(said, CameraHealth):
                self.health.append(said)
            else:
                self.statuses.append(said)

    def seqs(self, boot: str | None = None) -> list[tuple[str, str, int]]:
        """Everything heard, once, in order."""
        with self.guard:
            found = {(one.boot, one.camera, one.seq) for one in self.readings}
        return sorted(key for key in found if boot in (None, key[0]))

    def _settled(self) -> tuple[SettledSeq, ...]:
        have: dict[tuple[str, str], set[int]] = {}
        for boot, camera, seq in self.seqs():
            have.setdefault((boot, camera), set()).add(seq)
        out = []
        for (boot, camera), seqs in sorted(have.items()):
            top = self._oldest[boot, camera] - 1
            while top + 1 in seqs:
                top += 1
            if top >= 0:
                out.append(SettledSeq(boot=boot, camera=camera, seq=top))
        return tuple(out)

    def _tick(self) -> None:
        if self.acking:
            ack = Ack(schema=1, site=self.site, agent=self.agent, sent_at=from_ms(0), settled=self._settled())
            topic = topics.ACK.address(site=self.site, agent=self.agent)
            self.client.publish(topic, msgspec.json.encode(ack), qos=1, retain=True)
