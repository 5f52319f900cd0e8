"""Users: who they are, what they may, and their passwords."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hub.people import passwords
from hub.people.actor import Actor
from hub.people.database import PeopleDatabase
from hub.people.noted import note
from hub.people.refused import Refused
from hub.rights import Role

LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,79}")
SITE = re.compile(r"[a-z0-9-]{1,40}")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?")
RESERVED = frozenset({"hub", "nobody"})  # the hub itself, in the audit log
DISPLAY_MAX = 80
_COLUMNS = (
    "id, login, display, roles, sites, language, password IS NOT NULL, disabled, created_ms, issuer, subject"
)

_ABLE = "SELECT roles FROM users WHERE disabled = 0 AND (password IS NOT NULL OR subject IS NOT NULL)"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """`sites` None: all. `language` None: what the browser asks for. No password: invited, or logs in elsewhere."""

    id: int
    login: str
    display: str
    roles: frozenset[Role]
    sites: frozenset[str] | None
    language: str | None
    has_password: bool
    disabled: bool
    created_ms: int
    issuer: str | None = None
    subject: str | None = None


class Keep:
    """Stands for "as it is" in a change."""


KEEP = Keep()


@lru_cache(maxsize=256)
def roles_in(stored: str) -> frozenset[Role]:
    """A role that this hub does not know gives nothing."""
    known = {role.value for role in Role}
    return frozenset(Role(one) for one in json.loads(stored) if one in known)


@lru_cache(maxsize=256)
def sites_in(stored: str | None) -> frozenset[str] | None:
    return None if stored is None else frozenset(json.loads(stored))


def user_of(row: tuple[Any, ...]) -> User:
    ident, login, display, roles, sites, language, has_password, disabled, created_ms, issuer, subject = row
    return User(
        id=ident,
        login=login,
        display=display,
        roles=roles_in(roles),
        sites=sites_in(sites),
        language=language,
        has_password=bool(has_password),
        disabled=bool(disabled),
        created_ms=created_ms,
        issuer=issuer,
        subject=subject,
    )


def login_name(text: str) -> str:
    """As it is stored. Raises Refused."""
    login = text.strip().lower()
    if LOGIN.fullmatch(login) is None or login in RESERVED:
        raise Refused(
            "invalid",
            f"{text[:80]!r} is no login name",
            "use 2 to 80 of a-z, 0-9, dot, dash, underscore, @; first a letter or digit; not `hub` or `nobody`",
        )
    return login


def _display(text: str) -> str:
    found = " ".join(text.split())
    if not 1 <= len(found) <= DISPLAY_MAX or not found.isprintable():
        raise Refused(
            "invalid", "the name to show is empty or too long", f"use 1 to {DISPLAY_MAX} characters"
        )
    return found


def _roles(roles: Iterable[Role]) -> str:
    found = sorted({Role(one).value for one in roles})
    if not found:
        raise Refused("invalid", "a user needs a role", f"choose of {', '.join(Role)}")
    return json.dumps(found)


def _sites(sites: Iterable[str] | None, roles: Iterable[Role]) -> str | None:
    if sites is None:
        if Role.PARTNER in frozenset(roles):
            raise Refused("invalid", "a partner sees chosen sites only", "name them in `sites`")
        return None
    found = sorted(set(sites))
    for one in found:
        if SITE.fullmatch(one) is None:
            raise Refused("invalid", f"{one[:60]!r} is no site", "use the id in the site file")
    return json.dumps(found)


def _language(language: str | None) -> str | None:
    if language is not None and LANGUAGE.fullmatch(language) is None:
        raise Refused(
            "invalid", f"{language[:20]!r} is no language", "use a code such as ro, nl, es, el, lt, en"
        )
    return language


def unknown(login: str) -> Refused:
    return Refused("unknown", f"there is no user {login[:80]}", "see the list of users")


class Users:
    """Each change is one transaction with its audit entry. `by` is who does it."""

    def __init__(self, db: PeopleDatabase, *, secrets: passwords.Passwords, clock: Callable[[], int]) -> None:
        self._db = db
        self._secrets = secrets
        self._clock = clock

    def all(self) -> list[User]:
        return [user_of(row) for row in self._db.all(f"SELECT {_COLUMNS} FROM users ORDER BY login")]

    def get(self, login: str) -> User:
        """Raises Refused("unknown")."""
        row = self._db.one(f"SELECT {_COLUMNS} FROM users WHERE login = ?", login.strip().lower())
        if row is None:
            raise unknown(login)
        return user_of(row)

    def numbered(self, user: int) -> User | None:
        row = self._db.one(f"SELECT {_COLUMNS} FROM users WHERE id = ?", user)
        return None if row is None else user_of(row)

    def vouched(self, issuer: str, subject: str) -> User | None:
        """Whom another authority (OpenID Connect) knows by this name."""
        row = self._db.one(f"SELECT {_COLUMNS} FROM users WHERE issuer = ? AND subject = ?", issuer, subject)
        return None if row is None else user_of(row)

    def tie(self, login: str, *, issuer: str, subject: str, by: Actor) -> User:
        """From now on that authority vouches for this user. Raises Refused where it vouches for another already."""
        user = self.get(login)
        if user.subject is not None and (user.issuer, user.subject) != (issuer, subject):
            raise Refused(
                "conflict", f"{login} is tied to another identity", "let an administrator look at it"
            )
        try:
            with self._db.write() as db:
                db.execute(
                    "UPDATE users SET issuer = ?, subject = ? WHERE id = ?", (issuer, subject, user.id)
                )
                self._note(db, by, "user.tie", user.login, {"issuer": issuer})
        except sqlite3.IntegrityError:
            raise Refused(
                "conflict", "this identity is tied to another user", "let an administrator look at it"
            ) from None
        return self.get(login)

    def has_administrator(self) -> bool:
        """Whether somebody can enter who may let others in."""
        return any(Role.ADMINISTRATOR in roles_in(roles) for (roles,) in self._db.all(_ABLE))

    def add(
        self,
        login: str,
        *,
        display: str,
        roles: Iterable[Role],
        sites: Iterable[str] | None = None,
        language: str | None = None,
        password: str | None = None,
        by: Actor,
    ) -> User:
        """Without a password they are invited by a link (links.py)."""
        held = list(roles)
        name = login_name(login)
        row = (name, _display(display), _roles(held), _sites(sites, held), _language(language))
        now_ms = self._clock()
        stored = None if password is None else self._secrets.hash(passwords.checked(password, name))
        try:
            with self._db.write() as db:
                db.execute(
                    "INSERT INTO users (login, display, roles, sites, language, password, password_ms, created_ms) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*row, stored, None if stored is None else now_ms, now_ms),
                )
                detail = {
                    "roles": json.loads(row[2]),
                    "sites": None if row[3] is None else json.loads(row[3]),
                }
                self._note(db, by, "user.add", name, detail)
        except sqlite3.IntegrityError:
            raise Refused(
                "conflict", f"there is a user {name} already", "choose another login name"
            ) from None
        return self.get(name)

    def change(
        self,
        login: str,
        *,
        display: str | Keep = KEEP,
        roles: Iterable[Role] | Keep = KEEP,
        sites: Iterable[str] | Keep | None = KEEP,
        language: str | Keep | None = KEEP,
        by: Actor,
    ) -> User:
        """Takes effect with the next request, and on open event streams within seconds."""
        before = self.get(login)
        held = before.roles if isinstance(roles, Keep) else frozenset(Role(one) for one in roles)
        found: dict[str, Any] = {}
        if not isinstance(display, Keep):
            found["display"] = _display(display)
        if not isinstance(roles, Keep):
            found["roles"] = _roles(held)
        if not isinstance(roles, Keep) or not isinstance(sites, Keep):
            found["sites"] = _sites(before.sites if isinstance(sites, Keep) else sites, held)
        if not isinstance(language, Keep):
            found["language"] = _language(language)
        if not found:
            return before
        with self._db.write() as db:
            db.execute(
                f"UPDATE users SET {', '.join(f'{name} = ?' for name in found)} WHERE id = ?",
                (*found.values(), before.id),
            )
            if Role.ADMINISTRATOR in before.roles and Role.ADMINISTRATOR not in held:
                self._keep_one(db)
            after = user_of(db.execute(f"SELECT {_COLUMNS} FROM users WHERE id = ?", (before.id,)).fetchone())
            was, now = _told(before), _told(after)
            changed = {name: value for name, value in now.items() if value != was[name]}
            self._note(db, by, "user.change", before.login, {"was": was, "changed": changed})
        return after

    def disable(self, login: str, *, by: Actor) -> User:
        """Their sessions end, their tokens and links no longer work, at once."""
        user = self.get(login)
        with self._db.write() as db:
            db.execute("UPDATE users SET disabled = 1 WHERE id = ?", (user.id,))
            if Role.ADMINISTRATOR in user.roles:
                self._keep_one(db)
            db.execute("DELETE FROM sessions WHERE user = ?", (user.id,))
            db.execute("DELETE FROM links WHERE user = ?", (user.id,))
            self._note(db, by, "user.disable", user.login)
        return self.get(login)

    def enable(self, login: str, *, by: Actor) -> User:
        user = self.get(login)
        with self._db.write() as db:
            db.execute("UPDATE users SET disabled = 0 WHERE id = ?", (user.id,))
            self._note(db, by, "user.enable", user.login)
        return self.get(login)

    # --- passwords -------------------------------------------------------------------------------------

    def proven(self, login: str, password: str) -> User | None:
        """Whose password this is; None, after as long a time, for a wrong one, an unknown user, a disabled one."""
        row = self._db.one(
            f"SELECT password, {_COLUMNS} FROM users WHERE login = ?", login.strip().lower()[:80]
        )
        stored: str | None = None if row is None else row[0]
        is_right = self._secrets.verify(stored, password)
        if not is_right or row is None or stored is None:
            return None
        user = user_of(row[1:])
        if user.disabled:
            return None
        if self._secrets.is_old(stored):
            renewed = self._secrets.hash(password)
            with self._db.write() as db:
                # not where it was changed meanwhile
                db.execute(
                    "UPDATE users SET password = ? WHERE id = ? AND password = ?", (renewed, user.id, stored)
                )
        return user

    def set_password(self, db: sqlite3.Connection, user: User, hashed: str) -> None:
        """Inside the caller's transaction: the new password, and every session ends."""
        db.execute(
            "UPDATE users SET password = ?, password_ms = ? WHERE id = ?", (hashed, self._clock(), user.id)
        )
        db.execute("DELETE FROM sessions WHERE user = ?", (user.id,))
        db.execute("DELETE FROM links WHERE user = ?", (user.id,))

    def put_first(self, db: sqlite3.Connection, *, login: str, display: str, hashed: str) -> None:
        """Inside the caller's transaction: the first administrator. Raises Refused where there is one by now."""
        if self._administrators(db):
            raise Refused("conflict", "there is an administrator already", "ask them for a link")
        row = (login, _display(display), _roles([Role.ADMINISTRATOR]), hashed, *2 * (self._clock(),))
        try:
            db.execute(
                "INSERT INTO users (login, display, roles, password, password_ms, created_ms) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
        except sqlite3.IntegrityError:
            raise Refused(
                "conflict", f"there is a user {login} already", "choose another login name"
            ) from None
        note(
            db,
            at_ms=self._clock(),
            actor=login,
            via="session",
            action="user.first",
            subject=login,
            detail={"roles": [Role.ADMINISTRATOR.value]},
        )

    def hashed(self, password: str, login: str) -> str:
        """Raises Refused where it breaks the rules."""
        return self._secrets.hash(passwords.checked(password, login))

    def _keep_one(self, db: sqlite3.Connection) -> None:
        if not self._administrators(db):
            raise Refused(
                "conflict", "nobody would be left who can let others in", "make another administrator first"
            )

    def _administrators(self, db: sqlite3.Connection) -> bool:
        return any(Role.ADMINISTRATOR in roles_in(roles) for (roles,) in db.execute(_ABLE))

    def _note(
        self, db: sqlite3.Connection, by: Actor, action: str, login: str, detail: dict[str, Any] | None = None
    ) -> None:
        note(db, at_ms=self._clock(), actor=by.name, via=by.via, action=action, subject=login, detail=detail)


def _told(user: User) -> dict[str, Any]:
    return {
        "display": user.display,
        "roles": sorted(user.roles),
        "sites": None if user.sites is None else sorted(user.sites),
        "language": user.language,
    }
