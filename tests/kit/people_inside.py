"""People on a database of their own, on a clock that the test sets, with passwords that are quick to hash."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, Self

from argon2 import PasswordHasher

from hub.people.actor import Actor
from hub.people.attempts import Attempts
from hub.people.passwords import Passwords
from hub.people.people import From, People
from hub.people.sessions import Lifetimes
from hub.people.users import User
from hub.rights import Role
from hub.store import Store

NOW_MS = 1_781_978_400_000
PASSWORD = "seven green bicycles"
BOSS = Actor(name="boss", display="Boss", roles=frozenset({Role.ADMINISTRATOR}))
HERE = From("192.0.2.7", "a browser")


def quick(*, time_cost: int = 1) -> PasswordHasher:
    return PasswordHasher(time_cost=time_cost, memory_cost=8, parallelism=1)


class PeopleInside:
    """`people` work; `now_ms` is theirs. `again()` is a restart of the hub."""

    def __init__(self, folder: Path, *, attempts: Attempts | None = None, time_cost: int = 1) -> None:
        self.path = folder / "hub.sqlite3"
        Store(self.path).close()
        self.now_ms = NOW_MS
        self._attempts = attempts
        self.people = self._made(time_cost)

    def _made(self, time_cost: int) -> People:
        return People(
            self.path,
            clock=lambda: self.now_ms,
            lifetimes=Lifetimes(),
            passwords=Passwords(quick(time_cost=time_cost)),
            attempts=self._attempts or Attempts(),
        )

    def again(self, *, time_cost: int = 1) -> People:
        self.people.close()
        self.people = self._made(time_cost)
        return self.people

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.people.close()

    def user(self, login: str, *roles: Role, **more: Any) -> User:
        return self.people.users.add(
            login,
            display=login.title(),
            roles=roles or (Role.OPERATOR,),
            by=BOSS,
            **{"password": PASSWORD, **more},
        )

    def actor(self, login: str) -> Actor:
        """Them, in a session of their own."""
        found = self.people.sessions.who(
            self.people.enter_as(self.people.users.get(login), where=HERE, how="test").secret
        )
        assert found is not None
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        db = sqlite3.connect(self.path)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def noted(self, action: str) -> list[tuple[str, str, str, dict[str, Any]]]:
        """(actor, via, subject, detail) of the audit entries with this action."""
        found = self.rows(
            f"SELECT actor, via, subject, detail FROM audit WHERE action = '{action}' ORDER BY seq"
        )
        return [(actor, via, subject, json.loads(detail)) for actor, via, subject, detail in found]
