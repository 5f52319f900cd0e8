"""The database's schema: numbered SQL files in hub/migrations, each applied once, in order, in one transaction.

`PRAGMA user_version` holds the number of the last one applied.
"""

from __future__ import annotations

import sqlite3
from importlib import resources


class SchemaTooNew(Exception):
    """The database was written by a newer hub."""


def scripts() -> tuple[tuple[int, str, str], ...]:
    """(number, name, SQL) of every migration, in order."""
    found = []
    for file in resources.files("hub").joinpath("migrations").iterdir():
        if file.name.endswith(".sql"):
            found.append((int(file.name.split("_", 1)[0]), file.name, file.read_text(encoding="utf-8")))
    return tuple(sorted(found))


def version(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return number


def migrate(connection: sqlite3.Connection, *, up_to: int | None = None) -> int:
    """Applies what is missing, at most to number `up_to`; returns the version reached.

    `connection` is in autocommit mode. Raises SchemaTooNew, and sqlite3.Error with nothing of that step applied.
    """
    steps = scripts()
    at = version(connection)
    if at > steps[-1][0]:
        raise SchemaTooNew(
            f"the database has schema {at}, this hub knows {steps[-1][0]}; install the hub that wrote it, or newer"
        )
    for number, _, sql in steps:
        if number <= at or (up_to is not None and number > up_to):
            continue
        # executescript commits what is open first, so the transaction is part of the script
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        at = number
    return at
