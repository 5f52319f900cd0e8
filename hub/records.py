"""What pages and notifications read from the database, on a read-only connection beside the writer's."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from contract.instants import to_ms
from contract.messages import ModelRef, Quality, Reading
from hub.notify import outbox
from hub.notify.desk import HeldRow
from hub.notify.outbox import ChannelRow, Counted
from hub.step import Transition

BUSY_TIMEOUT_MS = 5_000
MINUTE_MS = 60_000
REFUSALS_SHOWN = 100
_READING = msgspec.json.Decoder(Reading)
_TRANSITION = msgspec.json.Decoder(Transition)


@dataclass(frozen=True, slots=True)
class MinuteRow:
    """One minute of one zone. Means are None where nothing was known."""

    minute_ms: int
    people: float | None
    people_low: float | None
    people_high: float | None
    density_per_m2: float | None
    patch_max_per_m2: float | None
    level: int | None
    quality: Quality
    known_s: int
    late_readings: int


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A message to send: the transition's JSON as stored, or the body of a digest or a test."""

    id: int
    channel: str
    recipient: str
    purpose: str
    language: str
    alert: str | None
    attempts: int
    unsure: int
    under_way: bool
    created_ms: int
    last_error: str | None
    transition: bytes | None
    body: bytes | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """`event`: of the alert's transition; `at_ms`: when that was; None for a digest or a test."""

    id: int
    channel: str
    recipient: str
    purpose: str
    event: str | None
    why: str
    reason: str
    state: str
    attempts: int
    unsure: int
    last_error: str | None
    next_try_ms: int | None
    held_until_ms: int | None
    digest: int | None
    created_ms: int
    changed_ms: int


@dataclass(frozen=True, slots=True)
class ZoneFigures:
    """Over the window asked for: mean and largest number of people, and the densest patch; None was never known."""

    people_mean: float | None
    people_max: float | None
    patch_max_per_m2: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """`model` of the newest reading; `media_s` from the oldest reading's begin to the newest one's end."""

    model: ModelRef | None
    frames: int
    readings: int
    media_s: float
    zones: dict[str, ZoneFigures]


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return db


class Records:
    """Reads only. Any thread may call; one at a time gets through."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path).resolve()
        self._db = _connected(self._path)
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _all(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def alerts(self, *, is_open: bool | None, limit: int) -> list[bytes]:
        """The JSON of alerts, newest first."""
        where = {None: "", True: "WHERE closed_at_ms IS NULL", False: "WHERE closed_at_ms IS NOT NULL"}[
            is_open
        ]
        rows = self._all(f"SELECT body FROM alerts {where} ORDER BY opened_at_ms DESC, alert LIMIT ?", limit)
        return [bytes(body) for (body,) in rows]  # type: ignore[call-overload]

    def alert(self, alert: str) -> bytes | None:
        rows = self._all("SELECT body FROM alerts WHERE alert = ?", alert)
        return bytes(rows[0][0]) if rows else None  # type: ignore[call-overload]

    def transitions(self, alert: str) -> list[bytes]:
        rows = self._all("SELECT body FROM transitions WHERE alert = ? ORDER BY id", alert)
        return [bytes(body) for (body,) in rows]  # type: ignore[call-overload]

    def deliveries(self, alert: str) -> list[DeliveryRow]:
        rows = self._all(
            "SELECT d.id, d.channel, d.recipient, d.purpose, json_extract(t.body, '$.event'), d.why, d.reason, "
            "d.state, d.attempts, d.unsure, d.last_error, d.next_try_ms, d.held_until_ms, d.digest, d.created_ms, "
            "d.changed_ms FROM deliveries d LEFT JOIN transitions t ON t.id = d.transition_id WHERE d.alert = ? "
            "OR d.id IN (SELECT digest FROM deliveries WHERE alert = ?) ORDER BY d.id",
            alert,
            alert,
        )
        return [DeliveryRow(*row) for row in rows]  # type: ignore[arg-type]

    def told(self) -> dict[str, set[tuple[str, str]]]:
        """By open alert: who is told of it, was, or will be, and by which channel."""
        rows = self._all(
            "SELECT DISTINCT d.alert, d.recipient, d.channel FROM deliveries d JOIN alerts a ON a.alert = d.alert "
            "WHERE a.closed_at_ms IS NULL AND d.state <> 'skipped'"
        )
        found: dict[str, set[tuple[str, str]]] = {}
        for alert, recipient, channel in rows:
            found.setdefault(str(alert), set()).add((str(recipient), str(channel)))
        return found

    def held(self) -> list[HeldRow]:
        """What waits for the end of quiet hours, oldest first."""
        rows = self._all(
            "SELECT d.recipient, d.channel, d.language, d.held_until_ms, t.body FROM deliveries d "
            "JOIN transitions t ON t.id = d.transition_id WHERE d.state = 'held' ORDER BY d.id"
        )
        return [
            HeldRow(
                recipient=str(recipient),
                channel=str(channel),
                language=str(language),
                alert=_TRANSITION.decode(bytes(body)).alert,  # type: ignore[call-overload]
                until_ms=int(until_ms),  # type: ignore[call-overload]
            )
            for recipient, channel, language, until_ms, body in rows
        ]

    def channels(self) -> dict[str, ChannelRow]:
        """Channels that were ever disabled."""
        with self._lock:
            return outbox.channel_rows(self._db)

    def counted(self) -> dict[str, Counted]:
        with self._lock:
            return outbox.counted(self._db)

    def waiting(self, channel: str) -> int:
        rows = self._all(
            "SELECT count(*) FROM deliveries WHERE state = 'waiting' AND channel = ? AND purpose <> 'test'",
            channel,
        )
        return int(rows[0][0])  # type: ignore[call-overload, no-any-return]

    def newest_test(self, channel: str) -> tuple[int, str, str | None] | None:
        """Number, state and last error of the newest test message."""
        rows = self._all(
            "SELECT id, state, last_error FROM deliveries WHERE channel = ? AND purpose = 'test' "
            "ORDER BY id DESC LIMIT 1",
            channel,
        )
        return rows[0] if rows else None  # type: ignore[return-value]

    def waiting_channels(self) -> list[str]:
        rows = self._all("SELECT DISTINCT channel FROM deliveries WHERE state = 'waiting' ORDER BY channel")
        return [str(channel) for (channel,) in rows]

    def due(
        self, channel: str, *, now_ms: int, limit: int, disabled: bool = False, created_before_ms: int = 0
    ) -> list[DueDelivery]:
        """Messages whose time has come, oldest first. Those of one alert to one recipient follow each other.

        Of a channel that is `disabled` only tests, and what was made before `created_before_ms`.
        """
        rows = self._all(
            "SELECT d.id, d.channel, d.recipient, d.purpose, d.language, d.alert, d.attempts, d.unsure, d.under_way, "
            "d.created_ms, d.last_error, t.body, d.body "
            "FROM deliveries d LEFT JOIN transitions t ON t.id = d.transition_id "
            "WHERE d.state = 'waiting' AND d.channel = ? AND (d.next_try_ms <= ? AND (NOT ? OR d.purpose = 'test') "
            "OR d.created_ms < ?) AND NOT EXISTS ("
            "SELECT 1 FROM deliveries e WHERE e.state = 'waiting' AND e.channel = d.channel "
            "AND e.alert = d.alert AND e.recipient = d.recipient AND e.id < d.id) "
            "ORDER BY d.purpose <> 'test', d.id LIMIT ?",
            channel,
            now_ms,
            disabled,
            created_before_ms,
            limit,
        )
        return [DueDelivery(*row) for row in rows]  # type: ignore[arg-type]

    def zone_minutes(self, zone: str, *, since_ms: int) -> list[MinuteRow]:
        rows = self._all(
            "SELECT minute_ms, CASE WHEN known > 0 THEN people_sum / known END, people_low, people_high, "
            "CASE WHEN known > 0 THEN density_sum / known END, patch_max_per_m2, level_max, "
            "CASE WHEN known = 0 THEN 'unknown' WHEN known < samples OR partly > 0 OR late > 0 THEN 'partly' "
            "ELSE 'observed' END, known, late FROM zone_minutes WHERE zone = ? AND minute_ms >= ? ORDER BY minute_ms",
            zone,
            since_ms,
        )
        return [MinuteRow(*row) for row in rows]  # type: ignore[arg-type]

    def figures(self, *, zones: Iterable[str], cameras: Iterable[str], since_ms: int) -> Figures:
        """What was stored since then, in few numbers, from the minutes kept: what it reads is bounded by the window.

        On a connection of its own, so that no page waits for it. Zones without a minute are left out.
        """
        since_minute_ms = since_ms // MINUTE_MS * MINUTE_MS
        with closing(_connected(self._path)) as db:
            summed = {
                zone: db.execute(
                    "SELECT sum(people_sum) / nullif(sum(known), 0), max(people_max), max(patch_max_per_m2), "
                    "count(*) FROM zone_minutes WHERE zone = ? AND minute_ms >= ?",
                    (zone, since_minute_ms),
                ).fetchone()
                for zone in zones
            }
            counted = [
                db.execute(
                    "SELECT coalesce(sum(frames_used), 0), coalesce(sum(readings), 0) FROM camera_minutes "
                    "WHERE camera = ? AND minute_ms >= ?",
                    (camera, since_minute_ms),
                ).fetchone()
                for camera in cameras
            ]
            ends = [
                _READING.decode(payload)
                for order in ("ASC", "DESC")
                for (payload,) in db.execute(
                    "SELECT payload FROM readings WHERE captured_to_ms >= ? "
                    f"ORDER BY captured_to_ms {order}, id {order} LIMIT 1",
                    (since_minute_ms,),
                )
            ]
        return Figures(
            model=ends[-1].model if ends else None,
            frames=sum(frames for frames, _ in counted),
            readings=sum(readings for _, readings in counted),
            media_s=(to_ms(ends[-1].captured_to) - to_ms(ends[0].captured_from)) / 1000 if ends else 0.0,
            zones={zone: ZoneFigures(*found) for zone, (*found, minutes) in summed.items() if minutes},
        )

    def runs(self, camera: str) -> list[tuple[int, int]]:
        """Begin of the first and end of the last reading of each boot of a camera whose first reading is kept, ms."""
        rows = self._all(
            "SELECT first.payload, first.offset_ms, (SELECT captured_to_ms FROM readings WHERE stream = s.id "
            "ORDER BY seq DESC LIMIT 1) FROM streams s JOIN readings first ON first.stream = s.id AND first.seq = 0 "
            "WHERE s.camera = ?",
            camera,
        )
        return sorted(
            (to_ms(_READING.decode(payload).captured_from) + offset, end)  # type: ignore[arg-type, operator, misc]
            for payload, offset, end in rows
        )

    def refusals(self) -> list[tuple[int, str, str, str, int, bytes]]:
        """At, topic, reason, detail, size and first bytes of the newest."""
        return self._all(  # type: ignore[return-value]
            "SELECT at_ms, topic, reason, detail, size, first_bytes FROM refusals ORDER BY id DESC LIMIT ?",
            REFUSALS_SHOWN,
        )

    def refusal_counts(self) -> dict[str, int]:
        rows = self._all("SELECT name, n FROM counts WHERE name LIKE 'refused.%' ORDER BY name")
        return {str(name).removeprefix("refused."): int(n) for name, n in rows}  # type: ignore[call-overload]
