"""All that the hub knows of people, wired: entering, leaving, and who asks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hub.people.actor import Actor
from hub.people.approvals import Approvals
from hub.people.attempts import Attempts
from hub.people.database import PeopleDatabase
from hub.people.links import LinkRow, Links
from hub.people.noted import note
from hub.people.passwords import Passwords
from hub.people.refused import Refused
from hub.people.sessions import Lifetimes, Sessions
from hub.people.tokens import Tokens
from hub.people.users import User, Users

WRONG = "this login name and password do not belong together"
WRONG_DO = "try again; an administrator can make a link for a new password"


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody is in: `secret` goes into the cookie, once."""

    user: User
    secret: str


@dataclass(frozen=True, slots=True)
class From:
    """Where a request comes from; `held` is the session that the browser had, which ends."""

    address: str
    browser: str = ""
    held: str | None = None


class People:
    """Any thread may call. What hashes a password takes a tenth of a second: call it in `turn`."""

    def __init__(
        self,
        path: Path | str,
        *,
        clock: Callable[[], int],
        lifetimes: Lifetimes | None = None,
        passwords: Passwords | None = None,
        attempts: Attempts | None = None,
        passwords_for: frozenset[str] | None = None,
    ) -> None:
        """`passwords_for`: the only login names that may use a password (None: all); the others are vouched for.

        Raises sqlite3.Error. The store has brought the database up to date.
        """
        self.passwords_for = passwords_for
        self.db = PeopleDatabase(path)
        self.clock = clock
        self.passwords = passwords or Passwords()
        self.attempts = attempts or Attempts()
        threads = self.passwords.threads
        self.users = Users(self.db, secrets=self.passwords, clock=clock)
        self.sessions = Sessions(self.db, lifetimes=lifetimes or Lifetimes(), clock=clock, threads=threads)
        self.tokens = Tokens(self.db, clock=clock, threads=threads)
        self.links = Links(self.db, users=self.users, clock=clock)
        self.approvals = Approvals(self.db, clock=clock)
        self._closed = threading.Event()

    def close(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self.passwords.close()
            self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def enter(self, login: str, password: str, *, where: From) -> Entered:
        """With a password. Raises Refused: one answer, after as long a time, whatever was wrong with it."""
        name = login.strip().lower()[:80]
        self._refuse_password(name)
        with self.attempts.login(name, where.address) as attempt:
            user = self.users.proven(name, password)
            if user is None:
                self._note_wrong(name, where.address)
                raise Refused("denied", WRONG, WRONG_DO)
            attempt.right = True
        return self.enter_as(user, where=where, how="password")

    def enter_as(self, user: User, *, where: From, how: str) -> Entered:
        """Whom somebody else vouched for (`how`: "oidc"), or a link. Raises Refused where they are disabled."""
        with self.db.write() as db:
            if db.execute("SELECT 1 FROM users WHERE id = ? AND disabled = 0", (user.id,)).fetchone() is None:
                raise Refused("denied", WRONG, WRONG_DO)
            secret = self.sessions.begin(
                db, user, address=where.address, browser=where.browser, instead_of=where.held
            )
            note(
                db,
                at_ms=self.clock(),
                actor=user.login,
                via="session",
                action="session.begin",
                subject=user.login,
                detail={"how": how, "address": where.address},
            )
        return Entered(user, secret)

    def look_at_link(self, secret: str, *, where: From) -> LinkRow:
        """Raises Refused."""
        with self.attempts.secret(where.address) as attempt:
            found = self.links.look(secret)
            attempt.right = True
            return found

    def use_link(
        self, secret: str, *, password: str, login: str | None, display: str | None, where: From
    ) -> Entered:
        """Raises Refused."""
        found = self.look_at_link(secret, where=where)
        self._refuse_password((found.login or login or "").strip().lower())
        user = self.links.use(secret, password=password, login=login, display=display)
        return self.enter_as(user, where=where, how="link")

    def _refuse_password(self, name: str) -> None:
        """Says the same of every name that is not on the list, whether there is such a user or not."""
        if self.passwords_for is not None and name not in self.passwords_for:
            raise Refused(
                "forbidden",
                f"passwords are for emergencies here, and not for {name or 'this name'}",
                "use the town's account; who may use a password is set in http.oidc.passwords_for",
            )

    def leave(self, actor: Actor) -> None:
        """Ends the session that asks."""
        if actor.session is None or actor.user is None:
            raise Refused("conflict", "there is no session to end", "nothing needs to be done")
        with self.db.write() as db:
            db.execute("DELETE FROM sessions WHERE id = ?", (actor.session,))
            note(
                db,
                at_ms=self.clock(),
                actor=actor.name,
                via=actor.via,
                action="session.leave",
                subject=actor.name,
            )

    def change_password(self, actor: Actor, *, old: str, new: str, where: From) -> Entered:
        """One's own: every session ends, and one goes on with a new secret. Raises Refused."""
        with self.attempts.login(actor.name, where.address) as attempt:
            user = self.users.proven(actor.name, old)
            if user is None or user.id != actor.user:
                self._note_wrong(actor.name, where.address)
                raise Refused("forbidden", "the password of now is not right", "try again")
            attempt.right = True
        hashed = self.users.hashed(new, user.login)
        with self.db.write() as db:
            self.users.set_password(db, user, hashed)
            note(
                db,
                at_ms=self.clock(),
                actor=user.login,
                via=actor.via,
                action="password.change",
                subject=user.login,
            )
            secret = self.sessions.begin(db, user, address=where.address, browser=where.browser)
        return Entered(user, secret)

    def _note_wrong(self, name: str, address: str) -> None:
        """What was typed is kept only where it is a login name: people type passwords into the wrong field."""
        with self.db.write() as db:
            known = db.execute("SELECT 1 FROM users WHERE login = ?", (name,)).fetchone() is not None
            note(
                db,
                at_ms=self.clock(),
                actor=name if known else "nobody",
                via="session",
                action="session.refuse",
                subject=name if known else "",
                detail={"address": address},
            )
