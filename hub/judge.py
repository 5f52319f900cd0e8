"""The one thread that judges and writes: arrivals and people's actions in; a transaction; only then everything else.

Order of a round: sort what arrived, let the monitor judge at each capture instant, commit all of it in one
transaction, then acknowledge to the broker, then to the agents (hub/ack), then publish zones and alerts, then tell the
pages. Nothing is acknowledged or shown that a crash could take back.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from contract.instants import from_ms
from contract.intake import Observation
from contract.messages import AgentStatus
from contract.phrase import Phrase, english, say, say_many
from hub.batch import Batch
from hub.herald import Herald
from hub.history import Timeline, note_late
from hub.ingest import Arrival, Fault, Heard, Ingest, corrected, fault
from hub.live import ChannelDown, HubState, LiveFeed
from hub.media_pace import MediaPace
from hub.monitor import RECALL_MS, IllegalAction, Monitor
from hub.mqtt import Link
from hub.notify.desk import Desk
from hub.notify.routing import Decision
from hub.retention import Retention, Run
from hub.step import Step, Transition
from hub.store import Store
from hub.streams import KEPT_MS

log = logging.getLogger("hub.judge")

BATCH_MESSAGES = 500
LINGER_S = 0.02  # [E] under the 50 ms of the contract: one commit for what comes together
TICK_S = 1.0  # silence is judged at least this often
POLL_S = 0.25  # how soon a due tick or ack is noticed while nothing arrives
HELD_MAX_S = 2.0  # [E] on media time: nothing came for so long, so the recording has ended or stands still
STEP_MIN_MS = 100  # half the shortest period: cameras a few milliseconds apart are judged together
DATABASE_RETRY_S = 1.0
RETENTION_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """Something a person or the dispatcher wants done: runs in the judge's thread, answered after the commit."""

    do: Callable[[Batch, int], Any]
    answer: Future[Any]


class _Connected:
    """In the inbox: the broker is there again."""


class Judge:
    """Owns the monitor and the writing connection. `start`, `stop` and `ask` are for other threads."""

    def __init__(
        self,
        *,
        monitor: Monitor,
        store: Store,
        ingest: Ingest,
        live: LiveFeed,
        herald: Herald,
        clock: Callable[[], int],
        media: bool,
        cameras: Sequence[str],
        desk: Desk,
        channels_down: Callable[[], tuple[ChannelDown, ...]],
        on_deliveries: Callable[[], None],
        version: str,
        retention: Retention,
    ) -> None:
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.timeline = Timeline()
        self.statuses: dict[str, AgentStatus] = {}
        self._monitor = monitor
        self._store = store
        self._ingest = ingest
        self._live = live
        self._herald = herald
        self._clock = clock
        self._media = media
        self._pace = MediaPace(cameras) if media else None
        self._held_s = float("-inf")
        self._desk = desk
        self._channels_down = channels_down
        self._on_deliveries = on_deliveries
        self._version = version
        self._retention = retention
        self._link: Link | None = None
        self._counts = store.counts()
        self._acknowledged = self._counts.get("readings", 0)
        self._memory = store.memory()
        self._database: Phrase | None = None
        self.faults = 0
        self._last_fault: str | None = None
        self.started_ms = clock()
        self._stepped_ms = 0
        self._ticked_s = 0.0
        self._forgot_s = float("-inf")
        self._forgetting: Run | None = None
        # what the round in hand writes; after one that failed, what was judged in it and is still to be stored
        self._batch = Batch()
        self._owed: list[tuple[Future[Any], Any]] = []  # answers, given once what was done is on disk
        self._unjudged_ms: int | None = None  # capture instant of what was observed since the last step
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub-judge")

    # --- for other threads -------------------------------------------------------------------------------

    def start(self, link: Link) -> None:
        self._link = link
        self._thread.start()

    def stop(self) -> None:
        """Ends after the round in hand. What is left in the inbox was not acknowledged and comes again."""
        self._stopping.set()
        self.inbox.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def connected(self) -> None:
        self.inbox.put(_Connected())

    def ask(self, do: Callable[[Batch, int], Any]) -> Future[Any]:
        """Runs `do(batch, now_ms)` between two rounds; the future is done once what it wrote is on disk."""
        asked = Asked(do, Future())
        if self._stopping.is_set():
            asked.answer.set_exception(RuntimeError("the hub is stopping"))
        else:
            self.inbox.put(asked)
        return asked.answer

    @property
    def now_ms(self) -> int:
        """Wall time, or on media time the last instant judged (0 before the first)."""
        return self._clock() if self._pace is None else self._pace.stepped_ms or 0

    @property
    def readings(self) -> int:
        """How many readings are stored and acknowledged to the broker."""
        return self._acknowledged

    # --- start -------------------------------------------------------------------------------------------

    def recall(self) -> None:
        """Rebuilds what the monitor saw last from stored readings, statuses and health. Call before `start`.

        On media time what was stored and not yet judged is held once more, to be judged.
        """
        newest_ms, judged_ms = self._store.newest_ms(), self._monitor.stepped_ms
        if self._pace is not None:
            self._ingest.newest_ms, self._pace.stepped_ms = newest_ms, judged_ms
        now_ms = self.now_ms if self._pace is None else newest_ms or 0
        rows = self._store.recent(since_ms=min(now_ms, judged_ms or now_ms) - RECALL_MS)
        rows.sort(key=lambda row: row.captured_to_ms)
        for row in rows:
            observation = corrected(row.payload, row.offset_ms)
            if self._pace is not None and (judged_ms is None or row.captured_to_ms > judged_ms):
                self._pace.hold(observation)
                self._held_s = time.monotonic()
            else:
                self._monitor.recall(observation)
        for fact in self._ingest.said_before(self._store.said()):
            self._hear(fact)

    # --- the thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            items = self._collect()
            try:
                self._round(items)
            except Exception:  # noqa: BLE001 our own failure is shown, and what was not stored comes again
                self._recover(items)
        for answer, _ in self._owed:
            _fail(answer, RuntimeError("the hub stopped before this could be stored"))

    def _collect(self) -> list[Any]:
        try:
            items = [self.inbox.get(timeout=POLL_S)]
        except Empty:
            return []
        if self.inbox.qsize() < BATCH_MESSAGES:
            self._stopping.wait(LINGER_S)
        while len(items) < BATCH_MESSAGES:
            try:
                items.append(self.inbox.get_nowait())
            except Empty:
                break
        return items

    def _recover(self, items: Sequence[Any]) -> None:
        """After a round that failed: what was judged is kept for the next one, what was heard comes again."""
        found = fault(self._clock(), "a round of the judge")
        self._note_fault(found)
        self._batch = self._batch.judged()
        owed = {id(answer) for answer, _ in self._owed}
        for item in items:
            if isinstance(item, Asked) and id(item.answer) not in owed:
                _fail(item.answer, RuntimeError("the hub failed on this; see hub.fault in /api/v1/state"))
        self._database = say_many(
            "a round could not be stored ({error}); {count} change of alerts waits for it, and nothing of it was "
            "acknowledged: see the fault in the hub's log",
            "a round could not be stored ({error}); {count} changes of alerts wait for it, and nothing of it was "
            "acknowledged: see the fault in the hub's log",
            len(self._batch.transitions),
            error=found.text.splitlines()[-1],
        )
        try:
            self._live.offer(None, self._state(), now_ms=self.now_ms)
        except Exception:  # noqa: BLE001 telling the pages must not end this thread
            self._note_fault(fault(self._clock(), "telling the pages of a fault"))
        self._read_streams()
        if self._link is not None:
            self._link.restart()
        self._stopping.wait(DATABASE_RETRY_S)

    def _read_streams(self) -> None:
        """Memory may say settled where the disk does not."""
        while True:
            try:
                self._ingest.streams = self._store.streams()
                return
            except sqlite3.Error as error:
                log.error("database %s: %s; check disk space and rights", self._store.path, error)
                if self._stopping.wait(DATABASE_RETRY_S):
                    return

    def _round(self, items: Sequence[Any]) -> None:
        batch = self._batch
        batch.at_ms = self._clock()
        arrivals = [item for item in items if isinstance(item, Arrival)]
        step = self._judge_arrivals(arrivals, batch)
        asked = False
        for item in items:
            if isinstance(item, Asked):
                asked = True
                try:
                    self._owed.append((item.answer, item.do(batch, self.now_ms)))
                except IllegalAction as error:
                    _fail(item.answer, error)
                except Exception as error:  # noqa: BLE001 told to who asked, and shown
                    self._note_fault(fault(batch.at_ms, "doing what a person asked for"))
                    _fail(item.answer, error)
        if self._unjudged_ms is not None or asked or time.monotonic() - self._ticked_s >= TICK_S:
            step = self._step(self.now_ms, batch) or step
        self._commit(batch)
        self._batch = Batch()
        owed, self._owed = self._owed, []
        for answer, result in owed:
            if not answer.done():  # who asked may have gone away
                answer.set_result(result)
        if self._link is not None:
            self._link.acknowledge(arrivals)
            self._acknowledged = self._counts.get("readings", 0)
        self._tell(batch, step, connected=any(isinstance(item, _Connected) for item in items))
        self._forget_old()

    def _judge_arrivals(self, arrivals: Sequence[Arrival], batch: Batch) -> Step | None:
        step: Step | None = None
        now_ms = 0
        for fact in self._ingest.sort(arrivals, batch):
            if isinstance(fact, Fault):
                self._note_fault(fact)
            elif isinstance(fact, Heard):
                self._hear(fact)
            elif not fact.live:
                note_late(self._monitor.zones_seen(fact.observation), fact.observation, batch)
            elif self._pace is not None:
                self._pace.hold(fact.observation)
                self._held_s = time.monotonic()
            else:
                captured_ms = fact.observation.captured_to_ms
                if self._unjudged_ms is not None and captured_ms >= self._unjudged_ms + STEP_MIN_MS:
                    # of a batch's steps only the last one is shown
                    step = self._step(now_ms, batch, shown=False) or step
                self._observe(fact.observation, fact.received_ms)
                now_ms = max(now_ms, fact.received_ms)
                self._unjudged_ms = max(captured_ms, self._unjudged_ms or captured_ms)
        return step if self._pace is None else self._judge_media(self._pace, batch)

    def _judge_media(self, pace: MediaPace, batch: Batch) -> Step | None:
        step: Step | None = None
        due = pace.due(everything=time.monotonic() - self._held_s >= HELD_MAX_S)
        for number, (now_ms, together) in enumerate(due, start=1):
            for observation in together:
                self._observe(observation, now_ms)
            step = self._step(now_ms, batch, shown=number == len(due)) or step
        return step

    def _observe(self, observation: Observation, received_ms: int) -> None:
        reading = observation.reading
        try:
            self._monitor.observe(observation, received_ms=received_ms)
            clock = self._ingest.clocks.get(reading.agent, reading.boot)
            if clock is not None and clock.offset_ms is not None:
                self._monitor.note_clock(
                    reading.camera, offset_s=clock.offset_ms / 1000, corrected=clock.correction_ms != 0
                )
        except Exception:  # noqa: BLE001 one reading that cannot be judged must not stop the others
            where = f"judging {reading.agent}/{reading.camera} boot {reading.boot} seq {reading.seq}"
            self._note_fault(fault(received_ms, where))

    def _hear(self, heard: Heard) -> None:
        message = heard.message
        try:
            if isinstance(message, AgentStatus):
                self.statuses = {**self.statuses, message.agent: message}
                self._monitor.note_status(message, received_ms=heard.received_ms)
            else:
                self._monitor.note_health(message, received_ms=heard.received_ms)
        except Exception:  # noqa: BLE001 as above
            self._note_fault(fault(heard.received_ms, f"noting what {message.agent} said of itself"))

    def _step(self, now_ms: int, batch: Batch, *, shown: bool = True) -> Step | None:
        self._ticked_s = time.monotonic()
        self._unjudged_ms = None
        if self._pace is not None and self._pace.stepped_ms is None:
            return None
        # a clock on the wall that is set back must not turn time round for the rules
        now_ms = self._stepped_ms = max(now_ms, self._stepped_ms)
        try:
            step = self._monitor.step(now_ms, shown=shown)
        except Exception:  # noqa: BLE001 shown as a fault, and the pages' beat stops until a step succeeds
            self._note_fault(fault(now_ms, "judging the site"))
            return None
        self.note_transitions(step.transitions, batch)
        self._end_quiet(step, batch)
        self.timeline.note(step, batch)
        return step

    def note_transitions(self, transitions: Sequence[Transition], batch: Batch) -> None:
        for transition in transitions:
            batch.transitions.append((transition, self._tell_whom(transition)))
            batch.alerts[transition.alert.alert] = transition.alert

    def _tell_whom(self, transition: Transition) -> tuple[Decision, ...]:
        try:
            return self._desk.take(transition)
        except Exception:  # noqa: BLE001 shown as a fault; an alert must stand on the page whatever becomes of its messages
            self._note_fault(fault(self.now_ms, f"deciding who is told of {transition.alert.alert}"))
            return ()

    def _end_quiet(self, step: Step, batch: Batch) -> None:
        try:
            batch.quiet_over += self._desk.tick(step.now_ms, step.alerts)
        except Exception:  # noqa: BLE001 as above
            self._note_fault(fault(step.now_ms, "ending quiet hours"))

    def _commit(self, batch: Batch) -> None:
        """Writes the batch, however long it takes: nothing is acknowledged, shown or forgotten before."""
        # a permit, or a rule taken out of service, may stand in the memory alone
        if self._owed or not batch.empty:
            memory = self._monitor.memory()
            if memory != self._memory:
                batch.memory = memory
        batch.alerts_off_broker += self._herald.taken_off()
        if batch.empty:
            return
        while True:
            try:
                self._store.write(batch)
                break
            except sqlite3.Error as error:
                text = say(
                    "{error}; nothing is acknowledged until it can be written: check disk space and rights",
                    error=str(error),
                )
                if text != self._database:
                    log.error("database %s: %s", self._store.path, text)
                self._database = text
                self._live.offer(None, self._state(), now_ms=self.now_ms)
                if self._stopping.wait(DATABASE_RETRY_S):
                    raise
        self._database = None
        self._memory = batch.memory or self._memory
        for name, n in batch.counts.items():
            self._counts[name] = self._counts.get(name, 0) + n

    def _tell(self, batch: Batch, step: Step | None, *, connected: bool) -> None:
        agents = {stream.agent for stream in batch.streams.values()}
        self._herald.note(agents, batch.alerts.values())
        if self._link is not None and self._link.state.connected:
            if connected:
                self._herald.say_all(self._ingest.streams.agents(), self._store.off_broker())
            self._herald.say(self._link, self._ingest, step, wall_ms=self._clock())
        if batch.quiet_over or batch.tests or batch.channels or any(one for _, one in batch.transitions):
            self._on_deliveries()
        if step is not None or connected:
            self._live.offer(step, self._state(), now_ms=self.now_ms)

    def _forget_old(self) -> None:
        """One step of a run of retention, which begins every hour: a short transaction after each round."""
        streams = self._ingest.streams
        due = time.monotonic() - self._forgot_s >= RETENTION_EVERY_S or streams.crowded
        if self._media or not (due or self._forgetting):
            return
        now_ms = self._clock()
        run = self._forgetting or self._store.retire(self._retention, now_ms=now_ms)
        try:
            self._forgetting = run if run.step() else None
            streams.forget_payloads(run.forgotten)
            run.forgotten.clear()
            if self._forgetting is not None:
                return
            before_ms = self._retention.before_ms("readings", now_ms)
            assert before_ms is not None
            before_ms = min(now_ms - KEPT_MS, before_ms)
            gone = streams.to_drop(before_ms=before_ms)
            self._store.drop_streams(gone, streams.floors_without(gone), before_ms=before_ms)
            streams.drop(gone)
        except sqlite3.Error as error:
            self._forgetting = None
            log.error("database %s: %s; what is past its time stays for now", self._store.path, error)
        self._forgot_s = time.monotonic()

    def _note_fault(self, found: Fault) -> None:
        self.faults += 1
        self._last_fault = f"{from_ms(found.at_ms)} {found.where}\n{found.text}"
        log.error("fault while %s\n%s", found.where, found.text)

    def _state(self) -> HubState:
        link = self._link.state if self._link is not None else None
        counts = self._counts
        return HubState(
            started_at=from_ms(self.started_ms),
            run=self._store.run,
            version=self._version,
            clock="media" if self._media else "wall",
            broker="connected" if link is not None and link.connected else "lost",
            broker_since=from_ms(self.started_ms if link is None else link.since_ms),
            broker_problem=None if link is None or link.problem is None else english(link.problem),
            broker_problem_phrase=None if link is None else link.problem,
            database="ok" if self._database is None else english(self._database),
            database_phrase=self._database,
            readings=counts.get("readings", 0),
            duplicates=counts.get("duplicates", 0),
            refused=sum(n for name, n in counts.items() if name.startswith("refused.")),
            late=counts.get("late", 0),
            faults=self.faults,
            fault=self._last_fault,
            channels_down=self._channels_down(),
        )


def _fail(answer: Future[Any], error: Exception) -> None:
    """Tells who asked, unless they have gone away."""
    if not answer.done():
        answer.set_exception(error)
