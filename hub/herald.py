"""What the hub says over MQTT after a commit: hub/ack to agents, zone states and alerts to everyone."""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec
from paho.mqtt.client import MQTTMessageInfo

from contract import limits, topics
from contract.instants import from_ms
from contract.messages import Ack, Alert, SettledSeq
from hub.ingest import Ingest
from hub.mqtt import Link
from hub.step import Step
from hub.streams import NOTHING

ACK_EVERY_S = 1.0
ZONES_EVERY_S = 1.0
ACK_STREAMS_MAX = 200  # newest boots of one agent; older ones come again when the agent sends of them
ACK_STREAMS_MS = 24 * 3_600_000


class Herald:
    """Keeps what is still to be said; the judge's thread calls it. Everything here is retained and said anew."""

    def __init__(self, *, site: str) -> None:
        self._site = site
        self._agents: dict[str, None] = {}  # whose hub/ack is due, in order
        self._acked_s: dict[str, float] = {}
        self._alerts: dict[str, Alert | None] = {}  # None: closed, to be taken off the broker
        self._leaving: list[tuple[str, MQTTMessageInfo]] = []
        self._all = False
        self._zoned_s = float("-inf")

    def note(self, agents: Iterable[str], alerts: Iterable[Alert]) -> None:
        """After a commit: whose readings it settled, and which alerts changed."""
        for agent in agents:
            self._agents[agent] = None
        for alert in alerts:
            self._alerts[alert.alert] = alert if alert.closed_at is None else None

    def say_all(self, agents: Iterable[str], closed: Iterable[str]) -> None:
        """The broker is new or came back: it may have forgotten what it retained."""
        self._all = True
        self._zoned_s = float("-inf")
        self._acked_s.clear()
        self.note(agents, ())
        for alert in closed:
            self._alerts[alert] = None

    def taken_off(self) -> list[str]:
        """Closed alerts whose retained message the broker has confirmed to have dropped since the last call."""
        done = [alert for alert, info in self._leaving if info.is_published()]
        self._leaving = [(alert, info) for alert, info in self._leaving if alert not in done]
        return done

    def say(self, link: Link, ingest: Ingest, step: Step | None, *, wall_ms: int) -> None:
        now_s = time.monotonic()
        for agent in list(self._agents):
            if now_s - self._acked_s.get(agent, float("-inf")) >= ACK_EVERY_S:
                self._say_ack(link, ingest, agent, wall_ms)
                self._acked_s[agent] = now_s
                del self._agents[agent]
        if step is not None:
            if self._all:
                self._all = False
                for alert in step.alerts:
                    self._alerts.setdefault(alert.alert, alert)
            if now_s - self._zoned_s >= ZONES_EVERY_S:
                self._zoned_s = now_s
                for zone in step.zones:
                    topic = topics.ZONE.address(site=self._site, zone=zone.zone)
                    link.publish(topic, msgspec.json.encode(zone), retain=True)
        for name, one in list(self._alerts.items()):
            topic = topics.ALERT.address(site=self._site, alert=name)
            info = link.publish(topic, b"" if one is None else msgspec.json.encode(one), retain=True)
            if info is None:
                return
            del self._alerts[name]
            if one is None:
                self._leaving.append((name, info))

    def _say_ack(self, link: Link, ingest: Ingest, agent: str, wall_ms: int) -> None:
        streams = ingest.streams.of(agent, since_ms=wall_ms - ACK_STREAMS_MS, at_most=ACK_STREAMS_MAX)
        ack = Ack(
            schema=limits.SCHEMA,
            site=self._site,
            agent=agent,
            sent_at=from_ms(wall_ms),
            settled=tuple(
                SettledSeq(boot=one.boot, camera=one.camera, seq=one.settled)
                for one in streams
                if one.settled != NOTHING
            ),
            refused=tuple(ingest.refused_seqs.get(agent, ())),
        )
        link.publish(topics.ACK.address(site=self._site, agent=agent), msgspec.json.encode(ack), retain=True)
