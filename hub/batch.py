"""What one transaction of the hub writes."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from contract.messages import Alert
from hub.audit import AuditEntry
from hub.monitor import Transition
from hub.notify.outbox import ChannelChange, DeliveryResult, QuietOver, TestOrder
from hub.notify.routing import Decision
from hub.streams import Stream


class StoredReading(NamedTuple):
    """A row of `readings`: the payload as it came, and when it was captured after correction of the device's clock."""

    stream: int
    seq: int
    captured_to_ms: int
    offset_ms: int
    received_ms: int
    late: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that was not accepted. `first_bytes`: at most 4 KiB of it."""

    at_ms: int
    topic: str
    reason: str
    detail: str
    size: int
    first_bytes: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """The last status of an agent (camera '') or health of a camera, as it came."""

    agent: str
    camera: str
    topic: str
    received_ms: int
    payload: bytes


@dataclass(slots=True)
class ZoneMinute:
    samples: int = 0
    known: int = 0
    partly: int = 0
    people_sum: float = 0.0
    people_low: float | None = None
    people_high: float | None = None
    people_max: float | None = None
    density_sum: float = 0.0
    patch_max_per_m2: float | None = None
    level_max: int | None = None


@dataclass(slots=True)
class CameraMinute:
    readings: int = 0
    late: int = 0
    grids: int = 0
    people_sum: float = 0.0
    people_max: float | None = None
    outside_sum: float = 0.0
    vehicles_max: int = 0
    frames_used: int = 0
    frames_dropped: int = 0


@dataclass(slots=True)
class Batch:
    """Everything one transaction writes. Minute figures are added to what the database holds."""

    at_ms: int = 0
    streams: dict[int, Stream] = field(default_factory=dict)  # new or moved on
    readings: list[StoredReading] = field(default_factory=list)
    refused_seqs: list[tuple[int, int, str]] = field(default_factory=list)  # stream, seq, reason
    refusals: list[Refusal] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    clocks: dict[tuple[str, str], int] = field(default_factory=dict)
    said: dict[tuple[str, str], Said] = field(default_factory=dict)
    # each with who is told, held back or left out
    transitions: list[tuple[Transition, tuple[Decision, ...]]] = field(default_factory=list)
    alerts: dict[str, Alert] = field(default_factory=dict)
    alerts_off_broker: list[str] = field(default_factory=list)
    deliveries: list[DeliveryResult] = field(default_factory=list)
    quiet_over: list[QuietOver] = field(default_factory=list)
    tests: list[TestOrder] = field(default_factory=list)
    channels: list[ChannelChange] = field(default_factory=list)
    zone_minutes: dict[tuple[str, int], ZoneMinute] = field(default_factory=dict)
    zone_late: Counter[tuple[str, int]] = field(
        default_factory=Counter
    )  # readings too late for (zone, minute)
    camera_minutes: dict[tuple[str, int], CameraMinute] = field(default_factory=dict)
    line_minutes: dict[tuple[str, str, int], list[int]] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    # what else belongs into the same transaction; must raise nothing but sqlite3.Error
    within: list[Callable[[sqlite3.Connection], None]] = field(default_factory=list)
    memory: bytes | None = None

    def judged(self) -> Batch:
        """What no message brings again: what was judged, done and measured. What was heard is left out."""
        return Batch(
            clocks=self.clocks,
            transitions=self.transitions,
            alerts=self.alerts,
            alerts_off_broker=self.alerts_off_broker,
            deliveries=self.deliveries,
            quiet_over=self.quiet_over,
            tests=self.tests,
            channels=self.channels,
            zone_minutes=self.zone_minutes,
            audit=self.audit,
            within=self.within,
        )

    @property
    def empty(self) -> bool:
        return not (
            self.streams
            or self.readings
            or self.refused_seqs
            or self.refusals
            or self.counts
            or self.clocks
            or self.said
            or self.transitions
            or self.alerts
            or self.alerts_off_broker
            or self.deliveries
            or self.quiet_over
            or self.tests
            or self.channels
            or self.zone_minutes
            or self.zone_late
            or self.camera_minutes
            or self.line_minutes
            or self.audit
            or self.within
            or self.memory is not None
        )


def larger(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else max(a, b)


def smaller(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else min(a, b)
