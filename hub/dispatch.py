"""Sends what the outbox holds: after the commit, again after a failure, and again after a restart.

That an attempt begins is on disk before it begins: so the log knows of each message how often it may have arrived,
whatever kills the hub. A channel that will not work until somebody acts is disabled, and what waits for it waits.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from contract.instants import from_ms
from hub.audit import HUB, AuditEntry
from hub.batch import Batch
from hub.live import ChannelDown
from hub.notify.channel import Attempt, Channel, Letter, Outcome
from hub.notify.letter import Draft, Writer, asked_by
from hub.notify.outbox import ChannelChange, DeliveryResult
from hub.notify.routing import Purpose
from hub.records import DueDelivery, Records

log = logging.getLogger("hub.dispatch")

POLL_S = 1.0
DUE_AT_ONCE = 50
BACKOFF_MIN_MS, BACKOFF_MAX_MS = 1_000, 300_000  # [E] 1 s, 2 s, 4 s ... 5 min
GIVE_UP_AFTER_MS = 24 * 3_600_000  # [E] an alert a day old helps nobody; the page says that it was not told


def begun(delivery: DueDelivery, *, now_ms: int) -> DeliveryResult:
    """What is written before an attempt. One that was under way when the hub was killed may have arrived."""
    return DeliveryResult(
        delivery.id,
        "waiting",
        delivery.attempts + 1,
        now_ms,
        delivery.last_error,
        now_ms,
        unsure=delivery.unsure + delivery.under_way,
        under_way=True,
    )


def after(
    delivery: DueDelivery, before: DeliveryResult, attempt: Attempt, *, now_ms: int, jitter: float
) -> DeliveryResult:
    """What becomes of a message after the attempt that `before` began. `jitter` in 0..1 stretches its wait by half."""
    attempts = before.attempts
    unsure = before.unsure + attempt.unsure

    def result(state: str, next_try_ms: int | None) -> DeliveryResult:
        return DeliveryResult(delivery.id, state, attempts, next_try_ms, attempt.error, now_ms, unsure=unsure)

    if attempt.outcome is Outcome.DELIVERED:
        return result("delivered", None)
    # a test is one try: somebody waits for its answer
    if attempt.outcome is Outcome.REFUSED or delivery.purpose == Purpose.TEST:
        return result("refused", None)
    wait_ms = min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** min(attempts - 1, 20))
    wait_ms = max(round(wait_ms * (1 + jitter / 2)), round((attempt.retry_after_s or 0) * 1000))
    if now_ms + wait_ms - delivery.created_ms > GIVE_UP_AFTER_MS:
        return result("given_up", None)
    return result("waiting", now_ms + wait_ms)


class Dispatcher:
    """Looks for due messages, sends them, and has the judge write what came of it.

    One thread for each channel, so that a receiver that hangs holds up nobody else.
    """

    def __init__(
        self,
        *,
        channels: Sequence[Channel],
        writer: Writer,
        address: Callable[[str], str | None],
        records: Records,
        ask: Callable[[Callable[[Batch, int], Any]], Future[Any]],
        clock: Callable[[], int],
        jitter: Callable[[], float] = random.random,
        poll_s: float = POLL_S,
    ) -> None:
        """`address`: a recipient's e-mail address, or None."""
        self._channels = {one.name: one for one in channels}
        self._writer = writer
        self._address = address
        self._records = records
        self._ask = ask
        self._clock = clock
        self._jitter = jitter
        self._poll_s = poll_s
        self._stopping = threading.Event()
        # channels that the configuration has no more still have what waits for them marked
        names = sorted({*self._channels, *records.waiting_channels()})
        self._wakes = {name: threading.Event() for name in names}
        self._down: dict[str, ChannelDown] = {}
        for name in names:
            self._look(name)
        self._threads = [
            threading.Thread(target=self._run, args=(name,), name=f"hub-dispatch-{name}", daemon=True)
            for name in names
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """An attempt under way is cut off; the message is sent again after the next start."""
        self._stopping.set()
        self.wake()
        for channel in self._channels.values():
            channel.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(POLL_S)

    def wake(self) -> None:
        for wake in self._wakes.values():
            wake.set()

    def kind(self, name: str) -> str:
        """What the channel is: webhook, email, mqtt or messenger."""
        return self._channels[name].kind

    def down(self) -> tuple[ChannelDown, ...]:
        """The channels that are disabled, as the pages show them. Any thread may ask."""
        return tuple(self._down[name] for name in sorted(self._down))

    # --- one channel's thread ------------------------------------------------------------------------------

    def _run(self, name: str) -> None:
        wake = self._wakes[name]
        while not self._stopping.is_set():
            wake.clear()
            try:
                self._send_due(name)
            except (sqlite3.Error, RuntimeError) as error:
                # RuntimeError: the judge has stopped
                if not self._stopping.is_set():
                    log.error("messages to %s wait: %s", name, error)
            wake.wait(self._poll_s)

    def _look(self, name: str) -> bool:
        """Whether the channel is disabled: a person may have changed that by the command line, too."""
        row = self._records.channels().get(name)
        if row is None or row.disabled_ms is None:
            self._down.pop(name, None)
            return False
        waiting = self._records.waiting(name)
        self._down[name] = ChannelDown(
            channel=name, since=from_ms(row.disabled_ms), reason=row.reason, waiting=waiting
        )
        return True

    def _send_due(self, name: str) -> None:
        disabled = self._look(name)
        now_ms = self._clock()
        due = self._records.due(
            name,
            now_ms=now_ms,
            limit=DUE_AT_ONCE,
            disabled=disabled,
            created_before_ms=now_ms - GIVE_UP_AFTER_MS,
        )
        for delivery in due:
            if self._stopping.is_set():
                return
            if delivery.created_ms < now_ms - GIVE_UP_AFTER_MS:
                self._give_up(delivery)
                continue
            if not self._deliver(delivery, disabled=disabled):
                self._look(name)
                return

    def _give_up(self, delivery: DueDelivery) -> None:
        now_ms = self._clock()
        down = self._down.get(delivery.channel)
        error = f"the channel is disabled: {down.reason}" if down is not None else delivery.last_error
        result = DeliveryResult(
            delivery.id,
            "given_up",
            delivery.attempts,
            None,
            error,
            now_ms,
            unsure=delivery.unsure + delivery.under_way,
        )
        self._note(delivery, result, ())

    def _deliver(self, delivery: DueDelivery, *, disabled: bool) -> bool:
        """One attempt. False: the channel has been disabled or enabled by it."""
        now_ms = self._clock()
        before = begun(delivery, now_ms=now_ms)
        self._write([before])
        if self._stopping.is_set():
            return False
        attempt = self._attempt(delivery, before, now_ms)
        done_ms = self._clock()
        result = after(delivery, before, attempt, now_ms=done_ms, jitter=self._jitter())
        changes: tuple[ChannelChange, ...] = ()
        if attempt.outcome is Outcome.CLOSED and not disabled:
            changes = (
                ChannelChange(
                    name=delivery.channel,
                    disabled_ms=done_ms,
                    reason=attempt.error or "",
                    changed_ms=done_ms,
                    by=HUB,
                ),
            )
        elif attempt.outcome is Outcome.DELIVERED and disabled:
            changes = (
                ChannelChange(
                    name=delivery.channel,
                    disabled_ms=None,
                    reason="a test message arrived",
                    changed_ms=done_ms,
                    by=asked_by(delivery.body),
                ),
            )
        if self._stopping.is_set() and attempt.outcome is not Outcome.DELIVERED:
            return False  # cut off by our own stop: it stays under way, and is sent again
        self._note(delivery, result, changes)
        return not changes

    def _attempt(self, delivery: DueDelivery, before: DeliveryResult, now_ms: int) -> Attempt:
        channel = self._channels.get(delivery.channel)
        if channel is None:
            return Attempt(Outcome.REFUSED, f"the configuration has no channel {delivery.channel} any more")
        address = self._address(delivery.recipient) if channel.to_people else None
        if channel.to_people and address is None:
            return Attempt(Outcome.REFUSED, f"{delivery.recipient} has no e-mail address any more")
        try:
            letter = self._letter(delivery, before, address, now_ms)
            return channel.send(letter)
        except Exception as error:
            # a message that breaks us must not stop those behind it
            log.exception("message %d to %s", delivery.id, delivery.channel)
            return Attempt(
                Outcome.RETRY, f"the hub failed on this message: {type(error).__name__}", unsure=True
            )

    def _letter(
        self, delivery: DueDelivery, before: DeliveryResult, address: str | None, now_ms: int
    ) -> Letter:
        return self._writer.write(
            Draft(
                delivery=delivery.id,
                attempt=before.attempts,
                repeat=before.unsure > 0,
                purpose=Purpose(delivery.purpose),
                recipient=delivery.recipient,
                channel=delivery.channel,
                address=address,
                language=delivery.language,
                made_ms=delivery.created_ms,
                transition=delivery.transition,
                body=delivery.body,
            ),
            now_ms=now_ms,
        )

    def _note(self, delivery: DueDelivery, result: DeliveryResult, changes: Sequence[ChannelChange]) -> None:
        about = (
            f"alert {delivery.alert}" if delivery.alert else f"the {delivery.purpose} message {delivery.id}"
        )
        if result.state in ("refused", "given_up"):
            log.error(
                "%s was not told to %s by %s: %s",
                about,
                delivery.recipient,
                delivery.channel,
                result.last_error,
            )
        for one in changes:
            if one.disabled_ms is not None:
                log.error(
                    "channel %s is disabled, and what it should send waits: %s; mend it, then "
                    "`esplanade-hub notify test %s`",
                    one.name,
                    one.reason,
                    one.name,
                )
            else:
                log.info("channel %s works again: %s", one.name, one.reason)
        self._write([result], changes)

    def _write(self, results: Sequence[DeliveryResult], changes: Sequence[ChannelChange] = ()) -> None:
        def note(batch: Batch, _now_ms: int) -> None:
            batch.deliveries.extend(results)
            batch.channels.extend(changes)
            batch.audit.extend(changed(one, via=HUB) for one in changes)

        self._ask(note).result()


def changed(change: ChannelChange, *, via: str) -> AuditEntry:
    """The audit log's entry for a channel that was disabled or enabled."""
    return AuditEntry(
        at_ms=change.changed_ms,
        actor=change.by,
        via=via,
        action="channel.enable" if change.disabled_ms is None else "channel.disable",
        subject=change.name,
        detail={"reason": change.reason},
    )
