"""Carries the head of the audit log out of the database: retained on MQTT, into the anchor file, into the hub's log."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from contract import limits, topics
from contract.instants import from_ms
from contract.messages import AuditHead
from hub import anchors, audit
from hub.audit_check import Anchor
from hub.mqtt import Link

log = logging.getLogger("hub.audit")

LOOK_EVERY_S = 5.0
LOGGED_EVERY_S = 86_400.0


class Anchoring:
    """A thread that looks at the head again and again. `stop` writes the last one into the file.

    `every_s`: the file gets a line at most that often, and only when the log has grown.
    """

    def __init__(
        self,
        *,
        database: Path,
        link: Link,
        site: str,
        file: Path,
        every_s: float,
        clock: Callable[[], int],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._database = database
        self._link = link
        self._site = site
        self._file = file
        self._every_s = every_s
        self._clock = clock
        self._look_every_s = look_every_s
        self.problem: str | None = None
        self._filed: int | None = None
        self._filed_s = self._logged_s = float("-inf")
        self._published: tuple[int, int] | None = (
            None  # the entry, and since when the link it went out on stands
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub-anchoring")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """After everything else has written its last entry."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
            self._look(last=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._look(last=False)
            self._stopping.wait(self._look_every_s)

    def _look(self, *, last: bool) -> None:
        try:
            with closing(sqlite3.connect(f"{self._database.resolve().as_uri()}?mode=ro", uri=True)) as db:
                db.execute("PRAGMA busy_timeout = 5000")
                seq, digest = audit.head(db)
        except sqlite3.Error as error:
            self._say(f"database {self._database}: {error}; the head of the audit log is not anchored")
            return
        anchor = Anchor(seq, digest, self._clock())
        if not last:
            self._publish(anchor)
        now_s = time.monotonic()
        if seq != self._filed and (last or now_s - self._filed_s >= self._every_s):
            try:
                anchors.add(self._file, anchor, site=self._site)
            except anchors.AnchorError as error:
                self._say(str(error))
                return
            self._filed, self._filed_s = seq, now_s
        self._say(None)
        if last or now_s - self._logged_s >= LOGGED_EVERY_S:
            self._logged_s = now_s
            log.info("audit log of %s: entry %d, hash %s", self._site, seq, digest.hex())

    def _publish(self, anchor: Anchor) -> None:
        state = self._link.state
        if not state.connected or (anchor.seq, state.since_ms) == self._published:
            return
        message = AuditHead(
            schema=limits.SCHEMA,
            site=self._site,
            at=from_ms(anchor.at_ms or 0),
            seq=anchor.seq,
            hash=anchor.hash.hex(),
        )
        topic = topics.AUDIT.address(site=self._site)
        if self._link.publish(topic, msgspec.json.encode(message), retain=True) is not None:
            self._published = (anchor.seq, state.since_ms)

    def _say(self, problem: str | None) -> None:
        if problem is not None and problem != self.problem:
            log.error("%s", problem)
        self.problem = problem
