"""`esplanade-hub users`: for who is locked out, and for scripts. It works on the database, also while the hub runs.

Whoever may write the database file may do this. It goes into the audit log with the name of the user of the operating
system, via "command".
"""

from __future__ import annotations

import argparse
import os
import pwd
import sqlite3
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from contract.instants import from_ms
from hub.config import Config, ConfigError, read_config
from hub.migrate import SchemaTooNew, scripts, version
from hub.people.actor import Actor
from hub.people.links import PATH as LINK_PATH
from hub.people.people import People
from hub.people.refused import Refused
from hub.people.users import KEEP, User
from hub.rights import Role
from hub.store import Store


@dataclass(frozen=True, slots=True)
class Where:
    """The database, and the address under which people reach the hub (None: only the link's end can be told)."""

    database: Path
    url: str | None


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    users = commands.add_parser(
        "users", help="list and mend users, for who is locked out; works while the hub runs"
    )
    what = users.add_subparsers(dest="what", required=True)

    def one(name: str, help_text: str, *, login: bool = True) -> argparse.ArgumentParser:
        parser = what.add_parser(name, help=help_text)
        if login:
            parser.add_argument("login", metavar="LOGIN")
        parser.add_argument("--config", type=Path, metavar="CONFIG.yaml", help="the hub's configuration")
        parser.add_argument("--database", type=Path, help="the hub's database, instead of --config")
        return parser

    one("list", "who there is, with roles and state", login=False)
    add = one("add", "a new user; prints the link with which they set a password")
    add.add_argument("--display", help="the name to show; the login name when left out")
    roles = one("roles", "set roles, and sites")
    for parser in (add, roles):
        parser.add_argument(
            "--role", action="append", required=True, choices=[role.value for role in Role], dest="roles"
        )
        parser.add_argument(
            "--site", action="append", dest="sites", help="only this site; may be given several times"
        )
    roles.add_argument("--all-sites", action="store_true", help="no longer limited to chosen sites")
    one("reset", "ends every session and prints a link for a new password")
    one("disable", "ends every session; tokens no longer work")
    one("enable", "lets a disabled user in again")
    link = one("link", "prints a link: for a user, or without LOGIN for the first administrator", login=False)
    link.add_argument("login", metavar="LOGIN", nargs="?")
    one("tokens", "the API tokens of a user")
    revoke = one("revoke", "revokes one token of a user")
    revoke.add_argument("number", type=int, metavar="TOKEN", help="its number, as `tokens` shows it")


def run(asked: argparse.Namespace) -> int:
    """Raises ConfigError, FileError, Refused or StoreError."""
    where = _where(asked)
    _ready(where.database)
    by = Actor(name=_os_user(), display="", roles=frozenset(), via="command")
    with People(where.database, clock=_now_ms) as people:
        _COMMANDS[asked.what](people, asked, by, where)
    return 0


def _list(people: People, _asked: argparse.Namespace, _by: Actor, _where: Where) -> None:
    users = people.users.all()
    for user in users:
        sites = "all sites" if user.sites is None else "sites " + (", ".join(sorted(user.sites)) or "none")
        print(f"{user.login}  {', '.join(sorted(user.roles))}  {sites}  {_state(user)}  {user.display}")
    if not users:
        print("no users yet; `esplanade-hub users link` prints a link for the first administrator")


def _add(people: People, asked: argparse.Namespace, by: Actor, where: Where) -> None:
    user = people.users.add(
        asked.login,
        display=asked.display or asked.login,
        roles=[Role(role) for role in asked.roles],
        sites=asked.sites,
        by=by,
    )
    _print_link(people.links.make(user, by=by), where, user.login)


def _roles(people: People, asked: argparse.Namespace, by: Actor, _where: Where) -> None:
    user = people.users.change(
        asked.login,
        roles=[Role(role) for role in asked.roles],
        sites=None if asked.all_sites else asked.sites if asked.sites else KEEP,
        by=by,
    )
    print(f"{user.login}: {', '.join(sorted(user.roles))}")


def _reset(people: People, asked: argparse.Namespace, by: Actor, where: Where) -> None:
    user = people.users.get(asked.login)
    people.sessions.end_all(user=user, by=by)
    _print_link(people.links.make(user, by=by), where, user.login)


def _disable(people: People, asked: argparse.Namespace, by: Actor, _where: Where) -> None:
    print(f"{people.users.disable(asked.login, by=by).login}: disabled")


def _enable(people: People, asked: argparse.Namespace, by: Actor, _where: Where) -> None:
    print(f"{people.users.enable(asked.login, by=by).login}: enabled")


def _link(people: People, asked: argparse.Namespace, by: Actor, where: Where) -> None:
    if asked.login is not None:
        _print_link(people.links.make(people.users.get(asked.login), by=by), where, asked.login)
        return
    secret = people.links.first(by=by)
    if secret is None:
        raise Refused(
            "conflict", "there is an administrator already", "name the user: esplanade-hub users link LOGIN"
        )
    _print_link(secret, where, "the first administrator")


def _tokens(people: People, asked: argparse.Namespace, _by: Actor, _where: Where) -> None:
    for row in people.tokens.of(people.users.get(asked.login).id):
        state = "revoked" if row.revoked_ms is not None else "over" if row.until_ms <= _now_ms() else "in use"
        used = "never used" if row.used_ms is None else f"last used {from_ms(row.used_ms)}"
        print(
            f"{row.id}  {row.begin}…  {row.name}  {', '.join(row.scopes)}  "
            f"until {from_ms(row.until_ms)}  {used}  {state}"
        )


def _revoke(people: People, asked: argparse.Namespace, by: Actor, _where: Where) -> None:
    people.tokens.revoke(asked.number, user=people.users.get(asked.login), by=by)
    print(f"token {asked.number} of {asked.login}: revoked")


_COMMANDS = {
    "list": _list,
    "add": _add,
    "roles": _roles,
    "reset": _reset,
    "disable": _disable,
    "enable": _enable,
    "link": _link,
    "tokens": _tokens,
    "revoke": _revoke,
}


def _print_link(secret: str, where: Where, whom: str) -> None:
    if where.url is None:
        print("put the hub's address before it:", file=sys.stderr)
    print(f"link for {whom}, within 24 hours, once: {where.url or ''}{LINK_PATH}#{secret}")


def _state(user: User) -> str:
    if user.disabled:
        return "disabled"
    return "active" if user.has_password or user.subject is not None else "invited"


def _where(asked: argparse.Namespace) -> Where:
    # not all of `settings`: who is locked out must not be stopped by a file for something else
    if asked.database is not None:
        return Where(asked.database.resolve(), None)
    if asked.config is None:
        raise ConfigError("name the hub's configuration (--config hub.yaml) or its database (--database)")
    config = read_config(asked.config)
    return Where((asked.config.resolve().parent / config.database).resolve(), _url(config))


def _url(config: Config) -> str:
    http = config.http
    if http.url is not None:
        return http.url.rstrip("/")
    host = f"[{http.host}]" if ":" in http.host else http.host
    return f"{'https' if http.tls is not None else 'http'}://{host}:{http.port}"


def _ready(database: Path) -> None:
    """Brings an older database up to date, as the hub would. Raises ConfigError, StoreError."""
    if not database.is_file():
        raise ConfigError(f"{database}: there is no such database; start the hub once, or check the name")
    newest = scripts()[-1][0]
    try:
        db = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
        try:
            found = version(db)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise ConfigError(f"{database}: {error}; run this as the user that the hub runs as") from None
    if found > newest:
        raise SchemaTooNew(f"{database}: written by a newer hub; use the command of that one")
    if found < newest:
        Store(database).close()  # says so where a running hub of an older version holds it


def _os_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
