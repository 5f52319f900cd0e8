"""Somebody who acts, as every route sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hub import rights
from hub.rights import RIGHTS, Right, Role

Via = Literal["session", "token", "open", "command", "hub"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """`name` is the login name, which the audit log keeps; `display` is what pages show.

    `sites` None: all sites. `right_limits` None: all that the roles give; else a token's scopes, which only narrow it.
    `via` "open": nobody logged in, and the name is whatever was typed on the page. `session` and `token` are
    the numbers of the one that it came with.
    """

    name: str
    display: str
    roles: frozenset[Role]
    sites: frozenset[str] | None = None
    via: Via = "session"
    right_limits: frozenset[Right] | None = None
    language: str | None = None
    user: int | None = None
    session: int | None = None
    token: int | None = None

    def may(self, right: Right, *, site: str | None = None) -> bool:
        """Whether they have the right, on `site` where it belongs to one (None: no site is in question)."""
        if right not in rights.of(self.roles):
            return False
        if self.right_limits is not None and right not in self.right_limits:
            return False
        return not (RIGHTS[right].of_site and site is not None and not self.sees(site))

    def may_approve(self, right: Right, *, site: str | None = None) -> bool:
        """Whether they can be the second person. Never by a token."""
        if self.via == "token" or not rights.may_approve(self.roles, right):
            return False
        return not RIGHTS[right].of_site or site is None or self.sees(site)

    def sees(self, site: str) -> bool:
        return self.sites is None or site in self.sites

    @property
    def rights(self) -> frozenset[Right]:
        """All they may do somewhere."""
        found = rights.of(self.roles)
        return found if self.right_limits is None else found & self.right_limits


OPEN = Actor(name="", display="", roles=frozenset(Role), via="open")
