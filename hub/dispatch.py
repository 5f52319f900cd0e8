"""Sends what the store holds as waiting: after the commit, again after a failure, and again after a restart."""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import httpx

from hub.batch import Batch, DeliveryResult
from hub.notify.webhook import Attempt, Outcome, Webhook
from hub.records import DueDelivery, Records
from hub.step import Transition

log = logging.getLogger("hub.dispatch")

POLL_S = 1.0
DUE_AT_ONCE = 50
BACKOFF_MIN_MS, BACKOFF_MAX_MS = 1_000, 300_000  # [E] 1 s, 2 s, 4 s ... 5 min
GIVE_UP_AFTER_MS = 24 * 3_600_000  # [E] an alert a day old helps nobody; the page says that it was not told
_RANK = {"low": 0, "medium": 1, "high": 2}


def told(transition: Transition, webhooks: Sequence[Webhook]) -> tuple[str, ...]:
    """The channels that hear of this transition. Pending alerts are nobody's business yet."""
    alert = transition.alert
    if alert.condition == "pending":
        return ()
    return tuple(one.name for one in webhooks if _RANK[alert.severity] >= _RANK[one.min_severity])


def after(delivery: DueDelivery, attempt: Attempt, *, now_ms: int, jitter: float) -> DeliveryResult:
    """What becomes of a delivery after an attempt. `jitter` in 0..1 stretches the wait by up to half."""
    attempts = delivery.attempts + 1
    if attempt.outcome is Outcome.DELIVERED:
        return DeliveryResult(delivery.id, "delivered", attempts, None, None, now_ms)
    if attempt.outcome is Outcome.REFUSED:
        return DeliveryResult(delivery.id, "refused", attempts, None, attempt.error, now_ms)
    wait_ms = min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** min(attempts - 1, 20))
    wait_ms = max(round(wait_ms * (1 + jitter / 2)), round((attempt.retry_after_s or 0) * 1000))
    if now_ms + wait_ms - delivery.created_ms > GIVE_UP_AFTER_MS:
        return DeliveryResult(delivery.id, "given_up", attempts, None, attempt.error, now_ms)
    return DeliveryResult(delivery.id, "waiting", attempts, now_ms + wait_ms, attempt.error, now_ms)


class Dispatcher:
    """Looks for due deliveries, sends them, and has the judge write what came of it.

    One thread for each channel, so that a receiver that hangs holds up nobody else.
    """

    def __init__(
        self,
        *,
        webhooks: Sequence[Webhook],
        records: Records,
        ask: Callable[[Callable[[Batch, int], Any]], Future[Any]],
        clock: Callable[[], int],
        jitter: Callable[[], float] = random.random,
        client: httpx.Client | None = None,
    ) -> None:
        self._webhooks = {one.name: one for one in webhooks}
        self._records = records
        self._ask = ask
        self._clock = clock
        self._jitter = jitter
        self._client = client or httpx.Client()
        self._stopping = threading.Event()
        # channels that the configuration has no more still have what waits for them marked
        channels = sorted({*self._webhooks, *records.waiting_channels()})
        self._wakes = {channel: threading.Event() for channel in channels}
        self._threads = [
            threading.Thread(target=self._run, args=(channel,), name=f"hub-dispatch-{channel}", daemon=True)
            for channel in channels
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """A delivery under way is cut off and sent again after the next start."""
        self._stopping.set()
        self.wake()
        self._client.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(POLL_S)

    def wake(self) -> None:
        for wake in self._wakes.values():
            wake.set()

    def _run(self, channel: str) -> None:
        wake = self._wakes[channel]
        while not self._stopping.is_set():
            try:
                for delivery in self._records.due(channel, now_ms=self._clock(), limit=DUE_AT_ONCE):
                    if self._stopping.is_set():
                        return
                    self._deliver(delivery)
            except (sqlite3.Error, RuntimeError) as error:
                # RuntimeError: the client is closed, or the judge has stopped
                if not self._stopping.is_set():
                    log.error("deliveries to %s wait: %s", channel, error)
            wake.wait(POLL_S)
            wake.clear()

    def _deliver(self, delivery: DueDelivery) -> None:
        now_ms = self._clock()
        webhook = self._webhooks.get(delivery.channel)
        if webhook is None:
            gone = f"the configuration has no webhook {delivery.channel} any more"
            result = after(delivery, Attempt(Outcome.REFUSED, gone), now_ms=now_ms, jitter=0.0)
        else:
            attempt = webhook.send(
                self._client, delivery=delivery.id, transition=delivery.transition, now_ms=now_ms
            )
            result = after(delivery, attempt, now_ms=self._clock(), jitter=self._jitter())
        if result.state in ("refused", "given_up"):
            log.error("alert %s was not told to %s: %s", delivery.alert, delivery.channel, result.last_error)

        def note(batch: Batch, _now_ms: int) -> None:
            batch.deliveries.append(result)

        self._ask(note).result()
