"""The hub's users as people to tell: what they are comes from their account, how to reach them from the configuration.

An account's roles, sites, language and display go over what the file says of the same login name, and one that is
disabled is told nothing. Somebody in the file who has no account is told as the file says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from hub.notify.directory import Directory, Person
from hub.notify.settings import Notifications
from hub.people.people import People
from hub.people.users import User


class Duty:
    """A Directory over the users, asked anew each time: who was disabled a second ago is told no more."""

    def __init__(self, *, users: Callable[[], Iterable[User]], listed: Directory) -> None:
        self._users = users
        self._listed = listed

    def person(self, name: str) -> Person | None:
        user = next((one for one in self._users() if one.login == name), None)
        listed = self._listed.person(name)
        return listed if user is None else _as_person(user, listed)

    def with_role(self, role: str, site: str) -> Sequence[Person]:
        users = {one.login: one for one in self._users()}
        found = {one.name: one for one in self._listed.with_role(role, site) if one.name not in users}
        for login, user in users.items():
            person = _as_person(user, self._listed.person(login))
            if person is not None and role in person.roles and person.may_see(site):
                found[login] = person
        return tuple(found[name] for name in sorted(found))


def with_users(notify: Notifications, people: People) -> Notifications:
    """The same, with the hub's users laid over the people of the file."""
    return replace(notify, people=Duty(users=people.users.all, listed=notify.people))


def _as_person(user: User, listed: Person | None) -> Person | None:
    if user.disabled:
        return None
    known = listed or Person(name=user.login)
    return replace(
        known,
        display=user.display,
        roles=frozenset(role.value for role in user.roles),
        sites=user.sites,
        language=user.language or known.language,
    )
