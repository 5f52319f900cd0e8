"""The desk that releases: shows what would leave, lets it leave when two persons have agreed, follows it to its end.

A message exists when its row is on disk, and only then does anybody outside see it: life, message and the entry in the
audit log are one transaction. So kill -9 leaves either all of it or nothing; what was not written is made anew, with an
identifier that nobody has seen. Following is a look at the open lives every second against the alerts as they are, and
not a reaction to each change: what happened while the desk was down is caught up with at its next look.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.messages import Alert
from contract.phrase import Phrase
from hub import audit
from hub.assessment import Assessment
from hub.cap import book, words
from hub.cap.book import Entry, StoredLife
from hub.cap.check import check
from hub.cap.events import NotForOutside
from hub.cap.facts import Facts, facts_of
from hub.cap.life import Change, Made, ended, ending_of, followed, released
from hub.cap.message import Message
from hub.cap.settings import CapPart, Frame, frame, hash_of
from hub.cap.write import written
from hub.immediate import immediate
from hub.site import Site

log = logging.getLogger("hub.cap")

LOOK_S = 1.0
BUSY_TIMEOUT_MS = 5_000
PREVIEW_CHANCE = "0" * 32  # no message has it


class NotReleased(Exception):
    """What was asked for is not done; `problem` says why, `do` what to do. `unknown`: there is no such thing."""

    def __init__(self, problem: str, do: str, *, unknown: bool = False) -> None:
        super().__init__(f"{problem}; {do}")
        self.problem, self.do, self.unknown = problem, do, unknown


@dataclass(frozen=True, slots=True)
class Preview:
    """What would leave now. `terms`: the hash of all that a second person approves beside the alert."""

    message: Message
    document: bytes
    terms: str


class ReleaseDesk:
    """Any thread may call. `clock`: Unix ms, wall time, or media time in a replay; `wall`: for the audit log."""

    def __init__(
        self,
        database: Path | str,
        *,
        part: CapPart,
        site: Site,
        assessment: Assessment | None,
        recorded: bool,
        open_mode: bool,
        clock: Callable[[], int],
        wall: Callable[[], int],
        now_open: Callable[[], dict[str, Alert]] = dict,
        on_message: Callable[[], None] = lambda: None,
        chance: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        """`now_open`: the open alerts as the judge sees them now. `on_message`: called when something has left."""
        self._part, self._site, self._assessment = part, site, assessment
        self._recorded, self._open_mode = recorded, open_mode
        self._clock, self._wall, self._now_open = clock, wall, now_open
        self._on_message, self._chance = on_message, chance
        self._tongue = words.tongue(site.time_zone)
        path = Path(database).resolve()
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._reader = _connected(path, "ro")
        self._writer = _connected(path, "rw")
        self._writer.execute("PRAGMA synchronous = FULL")
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub-cap", daemon=True)
        self.problem: str | None = None

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._reading, self._writing:
            self._reader.close()
            self._writer.close()

    def wake(self) -> None:
        """Something about an alert has changed: look now."""
        self._wake.set()

    @property
    def frame(self) -> Frame:
        """The frame in which a release would leave now."""
        return frame(self._part, self._site, recorded=self._recorded, open_mode=self._open_mode)

    @property
    def base_url(self) -> str | None:
        return self._part.base_url

    # --- reading -----------------------------------------------------------------------------------------

    def preview(self, alert: str) -> Preview:
        """What a release would say now. Raises NotReleased."""
        with self._reading:
            made, document = self._first(self._reader, alert, PREVIEW_CHANCE)
        return Preview(made.message, document, hash_of(made.life.frame))

    def lives(self, alert: str) -> list[StoredLife]:
        """Newest first."""
        with self._reading:
            return book.lives_of(self._reader, alert)

    def entries_of(self, alert: str) -> list[Entry]:
        """All that has left about an alert, oldest first."""
        with self._reading:
            return book.entries_of(self._reader, alert)

    def entries(self, *, before: int | None = None, limit: int) -> list[Entry]:
        """Newest first."""
        with self._reading:
            return book.entries(self._reader, before=before, limit=limit)

    def entries_after(self, after: int, *, limit: int = 100) -> list[Entry]:
        """Oldest first: for whoever sends them on and keeps the number of the last one sent."""
        with self._reading:
            return book.entries(self._reader, after=after, limit=limit)

    def document(self, identifier: str) -> bytes | None:
        """A message as it left."""
        with self._reading:
            return book.document(self._reader, identifier)

    # --- what people do ----------------------------------------------------------------------------------

    def release(
        self,
        alert: str,
        *,
        terms: str,
        asked_by: str,
        approved_by: str,
        via: str,
        done: Callable[[sqlite3.Connection], None] = lambda _db: None,
    ) -> str:
        """Lets the Alert leave; returns its identifier. Raises NotReleased with nothing changed.

        `terms`: as the preview had them, so that what was approved is what leaves. `done` is called inside the
        transaction, and may raise. Two persons, who are not the same, in the approvals: here it is checked again.
        """
        if asked_by.strip().casefold() == approved_by.strip().casefold():
            raise NotReleased(
                "nobody approves what he asked for himself", "let somebody else look at it and approve"
            )
        with self._write() as db:
            made, document = self._first(db, alert, self._chance())
            if hash_of(made.life.frame) != terms:
                raise NotReleased(
                    "status, scope or receivers have changed since this was asked for",
                    "look at the preview and ask again",
                )
            now_ms = self._clock()
            book.begin(db, made, document, asked_by=asked_by, approved_by=approved_by, now_ms=now_ms)
            self._note(db, made, actor=approved_by, via=via, verb="cap.release", asked_by=asked_by)
            done(db)
        self._on_message()
        log.info("alert %s: released as %s", alert, made.message.identifier)
        return made.message.identifier

    def withdraw(self, alert: str, *, by: str, via: str, reason: str) -> str:
        """Cancels what has left about an alert; returns the Cancel's identifier. Raises NotReleased.

        One person is enough: taking back is never more dangerous than leaving it. The reason stays in the audit log.
        """
        if not reason.strip():
            raise NotReleased("withdrawing needs a reason", "say why, for those who read the audit log")
        with self._write() as db:
            stored = next((one for one in book.lives_of(db, alert) if one.ended_ms is None), None)
            if stored is None:
                raise NotReleased(
                    f"nothing about alert {alert[:40]} is released now", "nothing needs to be withdrawn"
                )
            made = self._end(db, stored, words.WITHDRAWN, Change.WITHDRAWN)
            self._note(db, made, actor=by, via=via, verb="cap.withdraw", reason=reason.strip())
        self._on_message()
        return made.message.identifier

    def _first(self, db: sqlite3.Connection, alert: str, chance: str) -> tuple[Made, bytes]:
        found = book.alert_of(db, alert)
        if found is None:
            raise NotReleased(f"there is no alert {alert[:40]}", "reload the page", unknown=True)
        if found.closed_at is not None:
            raise NotReleased(f"alert {alert} has closed", "what is over is not released any more")
        if any(one.ended_ms is None for one in book.lives_of(db, alert)):
            raise NotReleased(f"alert {alert} is released already", "its updates leave by themselves")
        try:
            facts = self._facts(self._newest(found), self.frame)
        except NotForOutside as error:
            raise NotReleased(str(error), "tell your partners by other means, in your own words") from None
        made = released(self.frame, facts, now_ms=self._clock(), chance=chance, tongue=self._tongue)
        return made, _checked(made)

    # --- following ---------------------------------------------------------------------------------------

    def follow(self) -> int:
        """One look at every open life; returns how many messages left."""
        with self._reading:
            lives = book.open_lives(self._reader)
        left = 0
        for stored in lives:
            try:
                left += self._follow(stored.id)
            except (NotReleased, sqlite3.Error, ValueError) as error:
                self._say(f"alert {stored.alert}: what is released cannot be brought up to date: {error}")
                continue
        if left:
            self._on_message()
        return left

    def _follow(self, life: int) -> int:
        """Reads, decides and writes in one transaction, so that a withdrawal at the same moment is seen."""
        with self._reading:
            due = self._due(self._reader, life)
        if due is None:
            return 0
        with self._write() as db:
            made = self._due(db, life)
            if made is None:
                return 0
            book.go_on(db, life, made, _checked(made), now_ms=self._clock())
            self._note(db, made, actor=audit.HUB, via=audit.HUB, verb="cap.follow")
        return 1

    def _due(self, db: sqlite3.Connection, life: int) -> Made | None:
        stored = next((one for one in book.open_lives(db) if one.id == life), None)
        if stored is None:
            return None
        found = book.alert_of(db, stored.alert)
        if found is None:
            return self._ended(stored, words.WITHDRAWN, Change.WITHDRAWN)
        if found.closed_at is not None:
            return self._ended(stored, ending_of(found), Change.ENDED)
        try:
            facts = self._facts(self._newest(found), stored.life.frame)
        except NotForOutside:
            return self._ended(stored, words.WITHDRAWN, Change.WITHDRAWN)
        return followed(stored.life, facts, now_ms=self._clock(), chance=self._chance(), tongue=self._tongue)

    def _ended(self, stored: StoredLife, ending: Phrase, change: Change) -> Made:
        return ended(
            stored.life,
            ending,
            change,
            now_ms=self._clock(),
            chance=self._chance(),
            tongue=self._tongue,
        )

    def _end(self, db: sqlite3.Connection, stored: StoredLife, ending: Phrase, change: Change) -> Made:
        made = self._ended(stored, ending, change)
        book.go_on(db, stored.id, made, _checked(made), now_ms=self._clock())
        return made

    def _newest(self, stored: Alert) -> Alert:
        """As the judge sees it now, with the numbers of now; as stored where it does not (yet, or any more)."""
        now = self._now_open().get(stored.alert)
        return stored if now is None or now.changed_at < stored.changed_at else now

    def _facts(self, alert: Alert, terms: Frame) -> Facts:
        return facts_of(
            alert,
            site=self._site,
            assessment=self._assessment,
            now_ms=self._clock(),
            geocodes=terms.geocodes,
        )

    # --- plumbing ----------------------------------------------------------------------------------------

    def _note(
        self, db: sqlite3.Connection, made: Made, *, actor: str, via: str, verb: str, **more: str
    ) -> None:
        message = made.message
        detail: dict[str, Any] = {
            "identifier": message.identifier,
            "msg_type": message.msg_type,
            "change": made.change.value,
            "status": message.status,
            "scope": message.scope,
            "addresses": list(message.addresses),
            **more,
        }
        audit.append(
            db,
            audit.AuditEntry(
                at_ms=self._wall(),
                actor=actor,
                via=via,
                action=verb,
                subject=made.life.told.alert,
                detail=detail,
            ),
        )

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.problem = None
                self.follow()
            except Exception as error:  # noqa: BLE001 shown, and tried again at the next look
                self._say(f"{type(error).__name__}: {error}")
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def _say(self, problem: str) -> None:
        self.problem = problem
        log.error("%s", problem)

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """All of it or, raising, nothing."""
        with self._writing, immediate(self._writer) as db:
            yield db


def _checked(made: Made) -> bytes:
    """The document, held against the standard: nothing else goes to disk, and so nothing else leaves."""
    document = written(made.message)
    problems = check(document)
    if problems:
        raise NotReleased(
            f"the message would not be CAP 1.2: {problems[0]}", "this is a fault of the hub: please report it"
        )
    return document


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{path.as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
    )
    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return db
