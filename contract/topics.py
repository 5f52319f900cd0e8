"""Where it is said: one table of topics with quality of service, retention and period."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from contract import limits
from contract.messages import (
    Ack,
    AgentStatus,
    Alert,
    AuditHead,
    CameraHealth,
    Notification,
    Reading,
    ZoneState,
)

PREFIX = "esplanade/v1"


class Said(StrEnum):
    """What is said on a topic."""

    STATUS = "status"
    READING = "reading"
    HEALTH = "health"
    ACK = "ack"
    ZONE = "zone"
    ALERT = "alert"
    AUDIT = "audit"
    NOTIFICATION = "notification"


@dataclass(frozen=True, slots=True)
class Topic:
    said: Said
    pattern: str  # below PREFIX; {names} are identifiers
    qos: int
    retain: bool
    when: str
    message: type
    sender: str  # "edge" or "hub"

    def address(self, **names: str) -> str:
        """The full topic. Raises KeyError when a name is missing."""
        return f"{PREFIX}/{self.pattern.format(**names)}"

    def filter(self, **names: str) -> str:
        """The MQTT subscription filter: `+` for every name that is not given."""
        parts = [
            names.get(part[1:-1], "+") if part.startswith("{") else part for part in self.pattern.split("/")
        ]
        return f"{PREFIX}/{'/'.join(parts)}"


STATUS = Topic(
    Said.STATUS, "{site}/{agent}/status", 1, True, "on change, and as Last Will", AgentStatus, "edge"
)
READING = Topic(
    Said.READING,
    "{site}/{agent}/{camera}/reading",
    1,
    False,
    "every period_s (1 s by default); every 0.2 s while a motor vehicle moves",
    Reading,
    "edge",
)
HEALTH = Topic(
    Said.HEALTH, "{site}/{agent}/{camera}/health", 1, True, "every 10 s and on change", CameraHealth, "edge"
)
ACK = Topic(Said.ACK, "{site}/hub/ack/{agent}", 1, True, "at most once a second", Ack, "hub")
ZONE = Topic(Said.ZONE, "{site}/hub/zone/{zone}", 1, True, "every second", ZoneState, "hub")
ALERT = Topic(
    Said.ALERT, "{site}/hub/alert/{alert}", 1, True, "on transition; empty when closed", Alert, "hub"
)
AUDIT = Topic(
    Said.AUDIT, "{site}/hub/audit", 1, True, "when the audit log has grown, within 10 s", AuditHead, "hub"
)

NOTIFICATION = Topic(
    Said.NOTIFICATION,
    "{site}/hub/notification/{channel}",
    1,
    False,
    "when routing tells an MQTT channel; again until the broker acknowledged it",
    Notification,
    "hub",
)

TOPICS: tuple[Topic, ...] = (STATUS, READING, HEALTH, ACK, ZONE, ALERT, AUDIT, NOTIFICATION)
# No topic of ours is longer. Whoever may write can make up others of 64 KiB each: those are worked out anew each time.
KEPT_LENGTH = 256
_FROM_EDGE = {topic.said: topic for topic in TOPICS if topic.sender == "edge"}


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed topic of an edge message. `camera` is empty for a status."""

    topic: Topic
    site: str
    agent: str
    camera: str


def parse(topic: str) -> Address | None:
    """The address of a message sent by an edge agent, or None when the topic is not one of theirs."""
    return _parsed(topic) if len(topic) <= KEPT_LENGTH else _parse(topic)


def _parse(topic: str) -> Address | None:
    if not topic.startswith(PREFIX + "/"):
        return None
    parts = topic[len(PREFIX) + 1 :].split("/")
    if any(part in limits.RESERVED for part in parts[1:-1]):
        return None
    if len(parts) == 3 and parts[2] == Said.STATUS:
        return Address(STATUS, parts[0], parts[1], "")
    if len(parts) == 4 and parts[3] in (Said.READING, Said.HEALTH):
        return Address(_FROM_EDGE[Said(parts[3])], parts[0], parts[1], parts[2])
    return None


_parsed = lru_cache(maxsize=4096)(_parse)
