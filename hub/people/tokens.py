"""API tokens: for programs, with fewer rights than their owner and an end."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache

from hub import rights
from hub.people import secret
from hub.people.actor import Actor
from hub.people.database import PeopleDatabase
from hub.people.noted import note
from hub.people.refused import Refused
from hub.people.users import User, roles_in, sites_in
from hub.rights import Right

log = logging.getLogger("hub.people")

DAY_MS = 86_400_000
DAYS_MAX = 365
NAME_MAX = 60
PER_USER_MAX = 50
USED_EVERY_MS = 60_000
BEGIN_SHOWN = len(secret.TOKEN_PREFIX) + 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """`begin`: its first characters, to tell one from another. It is in use until `until_ms` unless revoked."""

    id: int
    name: str
    begin: str
    scopes: tuple[Right, ...]
    created_ms: int
    until_ms: int
    used_ms: int | None
    revoked_ms: int | None


@lru_cache(maxsize=256)
def scopes_in(stored: str) -> frozenset[Right]:
    """A right that this hub does not know gives nothing. Seeing who one is comes with every token."""
    known = {right.value for right in Right}
    return frozenset(Right(one) for one in json.loads(stored) if one in known) | {Right.SELF}


class Tokens:
    def __init__(self, db: PeopleDatabase, *, clock: Callable[[], int], threads: Executor) -> None:
        self._db = db
        self._clock = clock
        self._threads = threads
        self._used: dict[int, int] = {}
        self._guard = threading.Lock()

    def make(
        self, user: User, *, name: str, scopes: Iterable[Right], days: int, by: Actor
    ) -> tuple[str, TokenRow]:
        """The token, which is shown this once, and its row. Raises Refused."""
        title = " ".join(name.split())
        if not 1 <= len(title) <= NAME_MAX or not title.isprintable():
            raise Refused(
                "invalid", "a token needs a name", f"say what will use it, in 1 to {NAME_MAX} characters"
            )
        if not 1 <= days <= DAYS_MAX:
            raise Refused("invalid", f"a token can not last {days} days", f"choose 1 to {DAYS_MAX}")
        wanted = frozenset(scopes)
        allowed = rights.scopes(user.roles)
        if not wanted or wanted - allowed:
            strange = ", ".join(sorted(wanted - allowed)) or "none"
            raise Refused(
                "invalid",
                f"scopes that {user.login} can not give: {strange}",
                f"choose of {', '.join(sorted(allowed))}",
            )
        made, now_ms = secret.new_token(), self._clock()
        until_ms = now_ms + days * DAY_MS
        with self._db.write() as db:
            (held,) = db.execute(
                "SELECT count(*) FROM tokens WHERE user = ? AND revoked_ms IS NULL AND until_ms > ?",
                (user.id, now_ms),
            ).fetchone()
            if held >= PER_USER_MAX:
                raise Refused("conflict", f"{user.login} has {held} tokens", "revoke those that nothing uses")
            row = db.execute(
                "INSERT INTO tokens (secret, user, name, begin, scopes, created_ms, until_ms) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    secret.digest(made),
                    user.id,
                    title,
                    made[:BEGIN_SHOWN],
                    json.dumps(sorted(wanted)),
                    now_ms,
                    until_ms,
                ),
            )
            ident = row.lastrowid
            note(
                db,
                at_ms=now_ms,
                actor=by.name,
                via=by.via,
                action="token.make",
                subject=user.login,
                detail={"token": ident, "name": title, "scopes": sorted(wanted), "until_ms": until_ms},
            )
        return made, next(one for one in self.of(user.id) if one.id == ident)

    def who(self, held: str) -> Actor | None:
        """Whose token this is, now; None where it does not exist, is over or revoked, or its owner is disabled."""
        if not held.startswith(secret.TOKEN_PREFIX):
            return None
        row = self._db.one(
            "SELECT t.id, t.scopes, t.until_ms, t.used_ms, u.id, u.login, u.display, u.roles, u.sites, u.language "
            "FROM tokens t JOIN users u ON u.id = t.user "
            "WHERE t.secret = ? AND t.revoked_ms IS NULL AND u.disabled = 0",
            secret.digest(held),
        )
        if row is None:
            return None
        ident, scopes, until_ms, used_ms, user, login, display, roles, sites, language = row
        now_ms = self._clock()
        if now_ms >= until_ms:
            return None
        if now_ms - max(used_ms or 0, self._used.get(ident, 0)) >= USED_EVERY_MS:
            self._note_use(ident, now_ms)
        return Actor(
            name=login,
            display=display,
            roles=roles_in(roles),
            sites=sites_in(sites),
            via="token",
            right_limits=scopes_in(scopes),
            language=language,
            user=user,
            token=ident,
        )

    def _note_use(self, ident: int, now_ms: int) -> None:
        with self._guard:
            if now_ms - self._used.get(ident, 0) < USED_EVERY_MS:
                return
            self._used[ident] = now_ms
        try:
            self._threads.submit(self._write_used, ident, now_ms)
        except RuntimeError:
            return  # the hub is stopping

    def _write_used(self, ident: int, now_ms: int) -> None:
        try:
            with self._db.write() as db:
                db.execute("UPDATE tokens SET used_ms = ? WHERE id = ?", (now_ms, ident))
        except sqlite3.Error as error:
            log.warning("a token's use could not be written down: %s", error)

    def of(self, user: int) -> list[TokenRow]:
        """All there ever were, newest first."""
        rows = self._db.all(
            "SELECT id, name, begin, scopes, created_ms, until_ms, used_ms, revoked_ms FROM tokens "
            "WHERE user = ? ORDER BY id DESC",
            user,
        )
        return [
            TokenRow(
                id=ident,
                name=name,
                begin=begin,
                scopes=tuple(sorted(scopes_in(scopes) - {Right.SELF})),
                created_ms=created,
                until_ms=until,
                used_ms=used,
                revoked_ms=revoked,
            )
            for ident, name, begin, scopes, created, until, used, revoked in rows
        ]

    def revoke(self, ident: int, *, user: User, by: Actor) -> None:
        """Raises Refused("unknown")."""
        now_ms = self._clock()
        with self._db.write() as db:
            gone = db.execute(
                "UPDATE tokens SET revoked_ms = ? WHERE id = ? AND user = ? AND revoked_ms IS NULL",
                (now_ms, ident, user.id),
            ).rowcount
            if not gone:
                raise Refused(
                    "unknown", f"{user.login} has no token {ident} in use", "see the list of tokens"
                )
            note(
                db,
                at_ms=now_ms,
                actor=by.name,
                via=by.via,
                action="token.revoke",
                subject=user.login,
                detail={"token": ident},
            )
