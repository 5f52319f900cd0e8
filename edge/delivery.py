"""Getting every reading of the outbox to the hub: what to publish next, and what to say again.

Fresh readings go first, so that the hub is live again at once after an outage; what piled up follows in order. A
reading that the hub has not settled is sent again: after every new connection, some seconds after the hub has spoken
without covering it, and slowly when the hub says nothing at all (a broker may have forgotten it).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from contract import topics
from contract.messages import Ack
from edge.mqtt import Message
from edge.outbox import Outbox, Slip

log = logging.getLogger("edge.delivery")

BACKLOG_OPEN_MAX: Final = 500
"""Old readings of one boot and camera sent and not yet settled. Keeps the broker's queue short while the hub is away,
and lets one camera that the hub refuses hold up no other. [E]"""
AGAIN_AFTER_ACK_S: Final = 10.0
AGAIN_WITHOUT_ACK_S: Final = 60.0
AGAIN_MOST_S: Final = 900.0
"""When an unsettled reading is sent again; both waits double with each attempt, up to the last. [E]"""
LOOK_EVERY_S: Final = 2.0

_ACK = msgspec.json.Decoder(Ack)
_Stream = tuple[str, str]


class Publishes(Protocol):
    """What is needed of a link: MQTT in production and in the broker tests, a list in the unit tests."""

    @property
    def has_room(self) -> bool: ...

    def publish(self, message: Message) -> bool: ...


@dataclass(slots=True)
class _Sent:
    slip: Slip
    at_s: float
    attempts: int


class Delivery:
    """The state of delivery over one connection after another. Safe for use by several threads."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        site: str,
        agent: str,
        stamp_ms: Callable[[], int | None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`stamp_ms`: the time to write into `sent_at`, or None to leave it at the end of the window."""
        self._outbox, self._site, self._agent = outbox, site, agent
        self._stamp_ms, self._now_s = stamp_ms, now_s
        self._lock = threading.Lock()
        self._fresh: deque[Slip] = deque()
        self._backlog: dict[_Stream, deque[Slip]] = {}
        self._sent: dict[int, _Sent] = {}
        self._open: Counter[_Stream] = Counter()
        self._acked_s = float("-inf")
        self._looked_s = float("-inf")
        self._refusals_told: set[tuple[str, str, int]] = set()
        self.again()

    def offer(self, slip: Slip) -> None:
        """A reading that has just entered the outbox."""
        with self._lock:
            self._fresh.append(slip)

    def again(self) -> None:
        """Everything in the outbox has to be sent again: there is a new connection."""
        with self._lock:
            self._sent.clear()
            self._open.clear()
            self._fresh.clear()
            self._backlog = {}
            for slip in self._outbox:
                self._backlog.setdefault((slip.boot, slip.camera), deque()).append(slip)

    def settle(self, body: bytes) -> None:
        """Takes one message of `hub/ack`. What does not decode is told and left alone."""
        try:
            ack = _ACK.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
            log.warning(
                "an ack of the hub cannot be read: %s; do hub and agent have the same version?", wrong
            )
            return
        if (ack.site, ack.agent) != (self._site, self._agent):
            return
        gone = self._outbox.settle(ack.settled)
        with self._lock:
            self._acked_s = self._now_s()
            for slip in gone:
                sent = self._sent.pop(slip.number, None)
                if sent is not None:
                    self._open[slip.boot, slip.camera] -= 1
        for refused in ack.refused:
            key = (refused.boot, refused.camera, refused.seq)
            if key not in self._refusals_told:
                if len(self._refusals_told) > 10_000:
                    self._refusals_told.clear()
                self._refusals_told.add(key)
                log.error(
                    "camera %s: the hub refused reading %d: %s", refused.camera, refused.seq, refused.reason
                )

    def step(self, link: Publishes) -> int:
        """Publishes all that can go now. Returns how many messages went."""
        went = 0
        self._look_for_unsettled()
        while link.has_room:
            slip = self._next()
            if slip is None:
                break
            reading = self._outbox.message(slip, sent_at_ms=self._stamp_ms())
            if reading is None:
                self._forget(slip)
                continue
            topic = topics.READING.address(site=self._site, agent=self._agent, camera=slip.camera)
            message = Message(topic, msgspec.json.encode(reading), topics.READING.qos, topics.READING.retain)
            if not link.publish(message):
                with self._lock:
                    self._fresh.appendleft(slip)
                break
            self._note(slip)
            went += 1
        return went

    def _forget(self, slip: Slip) -> None:
        """Settled or passed over while it waited to be said again."""
        with self._lock:
            if self._sent.pop(slip.number, None) is not None:
                self._open[slip.boot, slip.camera] -= 1

    def _note(self, slip: Slip) -> None:
        with self._lock:
            before = self._sent.get(slip.number)
            if before is None:
                self._open[slip.boot, slip.camera] += 1
            attempts = 1 if before is None else before.attempts + 1
            self._sent[slip.number] = _Sent(slip, self._now_s(), attempts)

    def _next(self) -> Slip | None:
        with self._lock:
            if self._fresh:
                return self._fresh.popleft()
            for stream, slips in self._backlog.items():
                if self._open[stream] < BACKLOG_OPEN_MAX:
                    slip = slips.popleft()
                    if not slips:
                        del self._backlog[stream]
                    return slip
            return None

    def _look_for_unsettled(self) -> None:
        now_s = self._now_s()
        with self._lock:
            # A backlog that still moves comes first; one that waits for the hub must hold up nothing.
            moving = any(self._open[stream] < BACKLOG_OPEN_MAX for stream in self._backlog)
            if now_s - self._looked_s < LOOK_EVERY_S or moving:
                return
            self._looked_s = now_s
            for sent in self._sent.values():
                doubled = 2.0 ** min(sent.attempts - 1, 16)
                after_ack_s = min(AGAIN_MOST_S, AGAIN_AFTER_ACK_S * doubled)
                without_s = min(AGAIN_MOST_S, AGAIN_WITHOUT_ACK_S * doubled)
                unheard = self._acked_s - sent.at_s >= after_ack_s or now_s - sent.at_s >= without_s
                if unheard:
                    self._fresh.append(sent.slip)
                    sent.at_s = now_s
