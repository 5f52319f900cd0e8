"""Sessions: kept here, known to the browser by a secret in a cookie that scripts can not read."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from hub.people import secret
from hub.people.actor import Actor
from hub.people.database import PeopleDatabase
from hub.people.noted import note
from hub.people.refused import Refused
from hub.people.users import User, roles_in, sites_in

log = logging.getLogger("hub.people")

MINUTE_MS = 60_000
SEEN_EVERY_MS = MINUTE_MS  # a session is written down as in use at most this often
PER_USER_MAX = 20  # [E] the oldest goes


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """`idle_ms` without a request or an open page, and `whole_ms` however busy."""

    idle_ms: int = 60 * MINUTE_MS
    whole_ms: int = 12 * 60 * MINUTE_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """`is_this`: the one that asks."""

    id: int
    created_ms: int
    seen_ms: int
    until_ms: int
    address: str
    browser: str


class Sessions:
    """`threads` write down, beside the request, that a session is in use."""

    def __init__(
        self, db: PeopleDatabase, *, lifetimes: Lifetimes, clock: Callable[[], int], threads: Executor
    ) -> None:
        self._db = db
        self.lifetimes = lifetimes
        self._clock = clock
        self._threads = threads
        self._touched: dict[int, int] = {}
        self._guard = threading.Lock()

    def begin(
        self, db: sqlite3.Connection, user: User, *, address: str, browser: str, instead_of: str | None = None
    ) -> str:
        """Inside the caller's transaction: a new secret. What the browser held before, `instead_of`, is over."""
        now_ms = self._clock()
        made = secret.new()
        if instead_of is not None:
            db.execute("DELETE FROM sessions WHERE secret = ?", (secret.digest(instead_of),))
        db.execute(
            "DELETE FROM sessions WHERE until_ms <= ? OR seen_ms <= ?",
            (now_ms, now_ms - self.lifetimes.idle_ms),
        )
        db.execute(
            "INSERT INTO sessions (secret, user, created_ms, seen_ms, until_ms, address, browser) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                secret.digest(made),
                user.id,
                now_ms,
                now_ms,
                now_ms + self.lifetimes.whole_ms,
                address[:60],
                browser[:160],
            ),
        )
        db.execute(
            "DELETE FROM sessions WHERE user = ? AND id NOT IN "
            "(SELECT id FROM sessions WHERE user = ? ORDER BY id DESC LIMIT ?)",
            (user.id, user.id, PER_USER_MAX),
        )
        return made

    def who(self, held: str) -> Actor | None:
        """Whose session this is, now. What was changed about them by now counts."""
        row = self._db.one(
            "SELECT s.id, s.seen_ms, s.until_ms, u.id, u.login, u.display, u.roles, u.sites, u.language "
            "FROM sessions s JOIN users u ON u.id = s.user WHERE s.secret = ? AND u.disabled = 0",
            secret.digest(held),
        )
        if row is None:
            return None
        ident, seen_ms, until_ms, user, login, display, roles, sites, language = row
        now_ms = self._clock()
        seen_ms = max(seen_ms, self._touched.get(ident, 0))
        if now_ms >= until_ms or now_ms - seen_ms >= self.lifetimes.idle_ms:
            return None
        if now_ms - seen_ms >= SEEN_EVERY_MS:
            self._touch(ident, now_ms)
        return Actor(
            name=login,
            display=display,
            roles=roles_in(roles),
            sites=sites_in(sites),
            via="session",
            language=language,
            user=user,
            session=ident,
        )

    def _touch(self, ident: int, now_ms: int) -> None:
        with self._guard:
            if now_ms - self._touched.get(ident, 0) < SEEN_EVERY_MS:
                return
            if len(self._touched) > 10_000:
                self._touched.clear()
            self._touched[ident] = now_ms
        try:
            self._threads.submit(self._write_seen, ident, now_ms)
        except RuntimeError:
            return  # the hub is stopping

    def _write_seen(self, ident: int, now_ms: int) -> None:
        try:
            with self._db.write() as db:
                db.execute("UPDATE sessions SET seen_ms = max(seen_ms, ?) WHERE id = ?", (now_ms, ident))
        except sqlite3.Error as error:
            log.warning("a session's use could not be written down: %s", error)

    def of(self, user: int) -> list[SessionRow]:
        """Those that are not over, newest first."""
        now_ms = self._clock()
        rows = self._db.all(
            "SELECT id, created_ms, seen_ms, until_ms, address, browser FROM sessions WHERE user = ? "
            "AND until_ms > ? AND seen_ms > ? ORDER BY id DESC",
            user,
            now_ms,
            now_ms - self.lifetimes.idle_ms,
        )
        return [
            SessionRow(
                id=ident,
                created_ms=created,
                seen_ms=max(seen, self._touched.get(ident, 0)),
                until_ms=until,
                address=address,
                browser=browser,
            )
            for ident, created, seen, until, address, browser in rows
        ]

    def end(self, ident: int, *, user: User, by: Actor) -> None:
        """Ends one session of `user`. Raises Refused("unknown")."""
        with self._db.write() as db:
            gone = db.execute("DELETE FROM sessions WHERE id = ? AND user = ?", (ident, user.id)).rowcount
            if not gone:
                raise Refused("unknown", f"there is no session {ident}", "see the list of sessions")
            note(
                db,
                at_ms=self._clock(),
                actor=by.name,
                via=by.via,
                action="session.end",
                subject=user.login,
                detail={"session": ident},
            )

    def end_all(self, *, user: User, by: Actor, but: int | None = None) -> int:
        """Ends all sessions of `user`, `but` one; returns how many."""
        with self._db.write() as db:
            gone = db.execute("DELETE FROM sessions WHERE user = ? AND id IS NOT ?", (user.id, but)).rowcount
            note(
                db,
                at_ms=self._clock(),
                actor=by.name,
                via=by.via,
                action="session.end_all",
                subject=user.login,
                detail={"ended": gone},
            )
        return gone
