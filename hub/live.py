"""What open pages are told: a snapshot, then numbered deltas and beats, as server-sent events.

The judge offers a Step after its commit; each subscriber has a short queue of its own. A reader too slow for it is
dropped and must connect again, which gives it a fresh snapshot.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Literal

import msgspec
from msgspec import Struct

from contract.instants import Instant, from_ms
from contract.messages import Alert, ZoneState
from contract.phrase import Phrase
from hub.step import CameraState, GroundVehicle, Heat, Step

QUEUE_EVENTS = 64  # [E] ten seconds of a busy site
SUBSCRIBERS_MAX = 100
STANDS_EVERY_S = 1.0  # how soon a stream ends after its reader lost the right to it


class ChannelDown(Struct, frozen=True, kw_only=True):
    """A channel of notifications that sends nothing until somebody acts, and how many messages wait for it."""

    channel: str
    since: Instant
    reason: str
    waiting: int


class HubState(Struct, frozen=True, kw_only=True):
    """How the hub itself does. `fault`: the last failure of our own code, with its traceback."""

    started_at: Instant
    run: str
    version: str
    clock: Literal["wall", "media"]
    broker: Literal["connected", "lost"]
    broker_since: Instant
    broker_problem: str | None
    broker_problem_phrase: Phrase | None = None
    database: str
    database_phrase: Phrase | None = None
    readings: int
    duplicates: int
    refused: int
    late: int
    faults: int
    fault: str | None
    channels_down: tuple[ChannelDown, ...] = ()


class State(Struct, frozen=True, kw_only=True):
    """Everything the page shows, at one instant. `seq` numbers the events that follow it."""

    seq: int
    at: Instant
    hub: HubState
    zones: tuple[ZoneState, ...]
    alerts: tuple[Alert, ...]
    heat: Heat | None
    vehicles: tuple[GroundVehicle, ...]
    cameras: tuple[CameraState, ...]


class Delta(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What changed. A list that is there replaces the one before it whole; `closed` names alerts no longer open."""

    seq: int
    at: Instant
    zones: tuple[ZoneState, ...] | None = None
    alerts: tuple[Alert, ...] | None = None
    closed: tuple[str, ...] | None = None
    heat: Heat | None = None
    vehicles: tuple[GroundVehicle, ...] | None = None
    cameras: tuple[CameraState, ...] | None = None
    hub: HubState | None = None


class Beat(Struct, frozen=True, kw_only=True):
    """Nothing changed since the delta numbered `seq`, and the judge is at work."""

    seq: int
    at: Instant


def event(name: str, seq: int, data: bytes) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, name.encode(), data)


class Subscriber:
    """One open page. Only its own event loop touches the queue; `on_over` is called when it was too slow."""

    def __init__(self, on_over: Callable[[Subscriber], None] | None = None) -> None:
        self._on_over = on_over
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._over = False

    def put(self, data: bytes | None) -> None:
        """From any thread. None ends the stream."""
        try:
            self._loop.call_soon_threadsafe(self._take, data)
        except RuntimeError:
            self._over = True  # its loop is closed: the server has stopped

    def _take(self, data: bytes | None) -> None:
        if self._over:
            return
        if data is not None and self._queue.qsize() >= QUEUE_EVENTS:
            data = None
            if self._on_over is not None:
                self._on_over(self)
        self._over = data is None
        self._queue.put_nowait(data)

    async def events(self, stands: Callable[[], bool] = lambda: True) -> AsyncIterator[bytes]:
        """Ends with the feed, or soon after `stands()`, asked once a second, says no."""
        asked_s = time.monotonic()
        while True:
            try:
                data = await asyncio.wait_for(self._queue.get(), STANDS_EVERY_S)
            except TimeoutError:
                data = b""
            if data is None:
                return
            if time.monotonic() - asked_s >= STANDS_EVERY_S:
                asked_s = time.monotonic()
                if not stands():
                    return
            if data:
                yield data


class LiveFeed:
    """The latest Step and everyone who follows it. `offer` and `close` may be called from any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._subscribers: set[Subscriber] = set()
        self._seq = 0
        self._step: Step | None = None
        self._hub: HubState | None = None
        self._closed = False

    def offer(self, step: Step | None, hub: HubState, *, now_ms: int) -> None:
        """Tells all subscribers what changed. `step` None: only the hub's own state may have changed."""
        with self._guard:
            before, before_hub = self._step, self._hub
            if step is not None:
                self._step = step
            self._hub = hub
            if not self._subscribers:
                self._seq += 1
                return
            if before is None:
                self._send_snapshot()
                return
            delta = self._delta(before, step, before_hub, hub, from_ms(now_ms))
            if delta is not None:
                self._seq = delta.seq
                data = event("delta", self._seq, msgspec.json.encode(delta))
            elif step is not None:
                data = event("beat", self._seq, msgspec.json.encode(Beat(seq=self._seq, at=from_ms(now_ms))))
            else:
                return
            for one in self._subscribers:
                one.put(data)

    def _delta(
        self, before: Step, step: Step | None, before_hub: HubState | None, hub: HubState, at: str
    ) -> Delta | None:
        if step is None:
            return None if hub == before_hub else Delta(seq=self._seq + 1, at=at, hub=hub)
        open_now = {one.alert for one in step.alerts}
        closed = tuple(one.alert for one in before.alerts if one.alert not in open_now)
        delta = Delta(
            seq=self._seq + 1,
            at=at,
            zones=None if step.zones == before.zones else step.zones,
            alerts=None if step.alerts == before.alerts else step.alerts,
            closed=closed or None,
            heat=None if step.heat == before.heat else step.heat,
            vehicles=None if step.vehicles == before.vehicles else step.vehicles,
            cameras=None if step.cameras == before.cameras else step.cameras,
            hub=None if hub == before_hub else hub,
        )
        changed = (
            delta.zones,
            delta.alerts,
            delta.closed,
            delta.heat,
            delta.vehicles,
            delta.cameras,
            delta.hub,
        )
        return None if all(one is None for one in changed) else delta

    def _send_snapshot(self) -> None:
        state = self._state()
        if state is not None:
            data = event("snapshot", state.seq, msgspec.json.encode(state))
            for one in self._subscribers:
                one.put(data)

    def state(self) -> State | None:
        """None until the first Step."""
        with self._guard:
            return self._state()

    def _state(self) -> State | None:
        step, hub = self._step, self._hub
        if step is None or hub is None:
            return None
        return State(
            seq=self._seq,
            at=from_ms(step.now_ms),
            hub=hub,
            zones=step.zones,
            alerts=step.alerts,
            heat=step.heat,
            vehicles=step.vehicles,
            cameras=step.cameras,
        )

    @property
    def readers(self) -> int:
        return len(self._subscribers)

    def subscribe(self) -> Subscriber:
        """A new subscriber, its snapshot first in its queue. Call it in the event loop that will read it."""
        subscriber = Subscriber(self.unsubscribe)
        with self._guard:
            state = self._state()
            if state is not None:
                subscriber.put(event("snapshot", state.seq, msgspec.json.encode(state)))
            if self._closed:
                subscriber.put(None)
            self._subscribers.add(subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        with self._guard:
            self._subscribers.discard(subscriber)

    def close(self) -> None:
        """Ends every stream, and each that comes later."""
        with self._guard:
            self._closed = True
            for one in self._subscribers:
                one.put(None)
