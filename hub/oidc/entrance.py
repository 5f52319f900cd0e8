"""From somebody whom the provider vouches for to a user of this hub, with a session.

A user is known by (issuer, subject) alone. A login name or an address of e-mail that is the same ties nobody to
anybody: only the one-time link of an invitation does, or the first sign-in, which makes a new user.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata

from hub.oidc.settings import Grant, Oidc, Person, granted
from hub.oidc.trouble import Reason, SignInFailed
from hub.people import secret
from hub.people.links import HUB, OVER
from hub.people.noted import note
from hub.people.people import Entered, From, People
from hub.people.refused import Refused
from hub.people.users import RESERVED, User
from hub.rights import Role

_STRANGE = re.compile(r"[^a-z0-9._@-]+")


class Entrance:
    """Any thread may call."""

    def __init__(self, people: People, oidc: Oidc) -> None:
        self._people = people
        self._oidc = oidc

    def enter(self, who: Person, *, invitation: str | None, where: From) -> Entered:
        """Raises SignInFailed or Refused; then nobody is in. An invitation that was taken up stays taken up."""
        users = self._people.users
        user = users.vouched(who.issuer, who.subject)
        if invitation is not None and user is None:
            user = self._take_up(invitation, who)
        if self._oidc.grants:
            user = self._by_groups(who, user)
        elif user is None:
            raise SignInFailed(
                Reason.NOT_INVITED,
                f"{who.name} is known to the provider and not to this hub",
                "ask an administrator for an invitation; open its link and take it up with this account",
            )
        return self._people.enter_as(user, where=where, how="oidc")

    def _by_groups(self, who: Person, user: User | None) -> User:
        """Groups rule: what they give is set anew at each sign-in."""
        try:
            grant = granted(who, self._oidc)
        except SignInFailed:
            if user is not None:
                self._people.sessions.end_all(user=user, by=HUB)
            raise
        roles = frozenset(Role(role) for role in grant.roles)
        if user is None:
            if self._oidc.who == "invited":
                raise SignInFailed(
                    Reason.NOT_INVITED,
                    f"{who.name} is known to the provider and was not invited to this hub",
                    "ask an administrator for an invitation; open its link and take it up with this account",
                )
            return self._make(who, grant, roles)
        if (roles, grant.sites) == (user.roles, user.sites):
            return user
        return self._people.users.change(user.login, roles=roles, sites=grant.sites, by=HUB)

    def _make(self, who: Person, grant: Grant, roles: frozenset[Role]) -> User:
        users = self._people.users
        login = login_from(who)
        try:
            user = users.add(login, display=who.display, roles=roles, sites=grant.sites, by=HUB)
        except Refused as refused:
            if refused.kind != "conflict":
                raise
            raise SignInFailed(
                Reason.NOT_INVITED,
                f"this hub has a user {login} already, who is not tied to this account",
                f"let an administrator make a new link for {login}, open it, and take it up with this account; or set "
                "oidc.name_claim to a claim with other names",
            ) from None
        return users.tie(user.login, issuer=who.issuer, subject=who.subject, by=HUB)

    def _take_up(self, invitation: str, who: Person) -> User:
        """Uses the link up and ties its user to this account, both or neither. Raises Refused."""
        found = self._people.links.look(invitation)
        if found.login is None:
            raise Refused(
                "conflict",
                "the first administrator needs a password here",
                "choose one: it is the way in when the provider is down",
            )
        user = self._people.users.get(found.login)
        if user.subject is not None:
            raise Refused(
                "conflict", f"{user.login} is tied to another account", "let an administrator look at it"
            )
        now_ms = self._people.clock()
        try:
            with self._people.db.write() as db:
                if not db.execute(
                    "DELETE FROM links WHERE secret = ?", (secret.digest(invitation),)
                ).rowcount:
                    raise OVER
                db.execute(
                    "UPDATE users SET issuer = ?, subject = ? WHERE id = ? AND disabled = 0",
                    (who.issuer, who.subject, user.id),
                )
                note(
                    db,
                    at_ms=now_ms,
                    actor=user.login,
                    via="session",
                    action="user.tie",
                    subject=user.login,
                    detail={"issuer": who.issuer},
                )
        except sqlite3.IntegrityError:
            raise Refused(
                "conflict", "this account is tied to another user", "let an administrator look at it"
            ) from None
        return self._people.users.get(user.login)


def login_from(who: Person) -> str:
    """A login name of what the provider calls them: small letters without accents, the rest as dashes."""
    plain = unicodedata.normalize("NFKD", who.name).encode("ascii", "ignore").decode().lower()
    name = _STRANGE.sub("-", plain).strip("-._@")[:80]
    mark = secret.digest(who.subject).hex()[:8]
    if len(name) < 2:
        return f"user-{name or 'x'}-{mark}"
    return f"{name}-{mark}" if name in RESERVED else name
