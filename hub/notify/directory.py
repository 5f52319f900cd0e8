"""Who there is to tell: people with their roles, languages and addresses.

`Directory` is what routing asks for. `ListedPeople` is the one from the hub's configuration file; hub.duty lays the
hub's users over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can be told.

    `sites` None is every site. `shifts`: names of hours; without any the person is always on duty. `email` None: no
    mail. `channels`: those that reach this person and nobody else, such as a messenger of their own.
    """

    name: str
    display: str = ""
    roles: frozenset[str] = frozenset()
    sites: frozenset[str] | None = None
    language: str | None = None
    email: str | None = None
    channels: tuple[str, ...] = ()
    shifts: tuple[str, ...] = ()

    def may_see(self, site: str) -> bool:
        return self.sites is None or site in self.sites


class Directory(Protocol):
    """Asked at each transition, in the judge's thread: it answers from memory, or within milliseconds."""

    def person(self, name: str) -> Person | None:
        """The person of that name who may be told, or None."""

    def with_role(self, role: str, site: str) -> Sequence[Person]:
        """Everybody with the role at the site, by name."""


class ListedPeople:
    """People as the configuration lists them."""

    def __init__(self, people: Sequence[Person]) -> None:
        self._people = {one.name: one for one in sorted(people, key=lambda one: one.name)}

    def person(self, name: str) -> Person | None:
        return self._people.get(name)

    def with_role(self, role: str, site: str) -> Sequence[Person]:
        return tuple(one for one in self._people.values() if role in one.roles and one.may_see(site))


def address_in(directory: Directory) -> Callable[[str], str | None]:
    """Looks up the e-mail address of a recipient (`person:NAME`) at the time of sending."""

    def address(recipient: str) -> str | None:
        kind, _, name = recipient.partition(":")
        person = directory.person(name) if kind == "person" else None
        return None if person is None else person.email

    return address
