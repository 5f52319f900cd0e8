"""One-time links: the first administrator, an invitation, a new password. Each works once and for a day.

A link carries its secret behind the `#`, which browsers send to no server and write into no log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hub.people import secret
from hub.people.actor import Actor
from hub.people.database import PeopleDatabase
from hub.people.noted import note
from hub.people.refused import Refused
from hub.people.users import User, Users, login_name

LinkKind = Literal["first", "invite", "reset"]

VALID_MS = 24 * 3_600_000
PATH = "/link"
OVER = Refused(
    "unknown",
    "this link does not work, or no longer",
    "ask an administrator for a new one, or see docs/people.md",
)
HUB = Actor(name="hub", display="hub", roles=frozenset(), via="hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """What a link is for. `login` None: for the first administrator, who chooses one."""

    kind: LinkKind
    login: str | None
    display: str | None
    until_ms: int


class Links:
    def __init__(self, db: PeopleDatabase, *, users: Users, clock: Callable[[], int]) -> None:
        self._db = db
        self._users = users
        self._clock = clock

    def make(self, user: User, *, by: Actor) -> str:
        """The secret of a link with which `user` sets a password; links made for them before no longer work."""
        if user.disabled:
            raise Refused("conflict", f"{user.login} is disabled", "enable them first")
        kind: LinkKind = "reset" if user.has_password else "invite"
        made, now_ms = secret.new(), self._clock()
        with self._db.write() as db:
            db.execute("DELETE FROM links WHERE user = ? OR until_ms <= ?", (user.id, now_ms))
            db.execute(
                "INSERT INTO links (secret, kind, user, made_by, created_ms, until_ms) VALUES (?, ?, ?, ?, ?, ?)",
                (secret.digest(made), kind, user.id, by.name, now_ms, now_ms + VALID_MS),
            )
            note(db, at_ms=now_ms, actor=by.name, via=by.via, action=f"link.{kind}", subject=user.login)
        return made

    def first(self, *, by: Actor = HUB) -> str | None:
        """The secret of a link that makes the first administrator; None once there is one. Earlier ones are over."""
        if self._users.has_administrator():
            return None
        made, now_ms = secret.new(), self._clock()
        with self._db.write() as db:
            db.execute("DELETE FROM links WHERE kind = 'first'")
            db.execute(
                "INSERT INTO links (secret, kind, made_by, created_ms, until_ms) VALUES (?, 'first', ?, ?, ?)",
                (secret.digest(made), by.name, now_ms, now_ms + VALID_MS),
            )
            note(db, at_ms=now_ms, actor=by.name, via=by.via, action="link.first")
        return made

    def look(self, held: str) -> LinkRow:
        """Raises Refused("unknown")."""
        row = self._db.one(
            "SELECT l.kind, u.login, u.display, l.until_ms FROM links l LEFT JOIN users u ON u.id = l.user "
            "WHERE l.secret = ? AND l.until_ms > ?",
            secret.digest(held),
            self._clock(),
        )
        if row is None or (row[0] == "first" and self._users.has_administrator()):
            raise OVER
        kind, login, display, until_ms = row
        return LinkRow(kind=kind, login=login, display=display, until_ms=until_ms)

    def use(self, held: str, *, password: str, login: str | None = None, display: str | None = None) -> User:
        """Sets the password, ends what sessions there were, and uses the link up. Raises Refused."""
        found = self.look(held)
        if found.kind == "first":
            return self._make_first(
                held, password=password, login=login or "", display=display or login or ""
            )
        assert found.login is not None
        user = self._users.get(found.login)
        hashed = self._users.hashed(password, user.login)
        with self._db.write() as db:
            taken = db.execute("DELETE FROM links WHERE secret = ?", (secret.digest(held),)).rowcount
            enabled = db.execute("SELECT 1 FROM users WHERE id = ? AND disabled = 0", (user.id,)).fetchone()
            if not taken or enabled is None:
                raise OVER
            self._users.set_password(db, user, hashed)
            note(
                db,
                at_ms=self._clock(),
                actor=user.login,
                via="session",
                action="password.set",
                subject=user.login,
                detail={"link": found.kind},
            )
        return self._users.get(user.login)

    def _make_first(self, held: str, *, password: str, login: str, display: str) -> User:
        name = login_name(login)
        hashed = self._users.hashed(password, name)
        with self._db.write() as db:
            if not db.execute("DELETE FROM links WHERE secret = ?", (secret.digest(held),)).rowcount:
                raise OVER
            self._users.put_first(db, login=name, display=display, hashed=hashed)
        return self._users.get(name)
