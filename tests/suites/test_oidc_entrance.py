"""From whom the provider vouches for to a user with a session, on a real database, without a provider."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from hub.oidc.entrance import Entrance, login_from
from hub.oidc.settings import Grant, Oidc, Person, Who
from hub.oidc.trouble import Reason, SignInFailed
from hub.people.links import HUB
from hub.people.passwords import Passwords
from hub.people.people import From, People
from hub.people.refused import Refused
from hub.rights import Role
from hub.store import Store

ISSUER = "https://login.town.example"
WHERE = From("127.0.0.1")
GRANTS = {
    "duty": Grant(roles=frozenset({"operator"}), sites=frozenset({"harbour"})),
    "heads": Grant(roles=frozenset({"supervisor", "administrator"})),
}


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    quick = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    path = tmp_path / "hub.sqlite3"
    with Store(path), People(path, clock=lambda: 1_790_000_000_000, passwords=quick) as made:
        made.users.add(
            "anna", display="Anna", roles=[Role.ADMINISTRATOR], password="some plain words", by=HUB
        )
        yield made


def entrance(people: People, *, grants: dict[str, Grant] | None = None, who: Who = "mapped") -> Entrance:
    given = GRANTS if grants is None else grants
    return Entrance(
        people,
        Oidc(
            issuer=ISSUER,
            client_id="esplanade",
            client_secret=None,
            hub="https://hub.example",
            grants=given,
            who=who,
        ),
    )


def person(subject: str = "u-17", *groups: str, name: str = "Maria.I") -> Person:
    return Person(
        issuer=ISSUER, subject=subject, name=name, display="Maria Ionescu", email=None, groups=groups
    )


def test_the_first_sign_in_makes_a_user_and_the_next_ones_bring_what_groups_give_now(people: People) -> None:
    way = entrance(people)
    first = way.enter(person("u-17", "duty"), invitation=None, where=WHERE).user
    assert (first.login, first.display, first.roles, first.sites, first.has_password) == (
        "maria.i",
        "Maria Ionescu",
        {Role.OPERATOR},
        {"harbour"},
        False,
    )
    again = way.enter(person("u-17", "heads", name="Another Name"), invitation=None, where=WHERE)
    assert (again.user.id, again.user.login) == (first.id, "maria.i"), "the subject counts, not the name"
    assert (again.user.roles, again.user.sites) == ({Role.SUPERVISOR, Role.ADMINISTRATOR}, None)
    actor = people.sessions.who(again.secret)
    assert actor is not None and actor.name == "maria.i"


def test_who_lost_the_group_loses_the_sessions_too(people: People) -> None:
    way = entrance(people)
    entered = way.enter(person("u-17", "duty"), invitation=None, where=WHERE)
    with pytest.raises(SignInFailed) as failed:
        way.enter(person("u-17", "cooks"), invitation=None, where=WHERE)
    assert failed.value.reason is Reason.NO_ROLE
    assert people.sessions.who(entered.secret) is None


def test_a_name_that_is_the_same_ties_nobody(people: People) -> None:
    way = entrance(people)
    with pytest.raises(SignInFailed) as failed:
        way.enter(person("a-stranger", "heads", name="ANNA"), invitation=None, where=WHERE)
    assert failed.value.reason is Reason.NOT_INVITED
    assert "anna" in failed.value.do
    assert people.users.get("anna").subject is None
    # only the one-time link, handed to the right person, does
    link = people.links.make(people.users.get("anna"), by=HUB)
    entered = way.enter(person("the-real-anna", "heads", name="Anna"), invitation=link, where=WHERE)
    assert (entered.user.login, entered.user.subject) == ("anna", "the-real-anna")
    with pytest.raises(Refused):
        way.enter(person("another", "heads", name="x1"), invitation=link, where=WHERE)


def test_only_who_was_invited_comes_in_where_that_is_set(people: People) -> None:
    way = entrance(people, grants={}, who="invited")
    with pytest.raises(SignInFailed) as failed:
        way.enter(person(), invitation=None, where=WHERE)
    assert failed.value.reason is Reason.NOT_INVITED
    user = people.users.add("ion", display="Ion", roles=[Role.VIEWER], by=HUB)
    entered = way.enter(person(), invitation=people.links.make(user, by=HUB), where=WHERE)
    assert (entered.user.login, entered.user.roles) == ("ion", {Role.VIEWER})
    assert way.enter(person(), invitation=None, where=WHERE).user.login == "ion"
    # one account takes up one invitation
    other = people.users.add("dan", display="Dan", roles=[Role.VIEWER], by=HUB)
    again = way.enter(person(), invitation=people.links.make(other, by=HUB), where=WHERE)
    assert again.user.login == "ion"
    assert people.users.get("dan").subject is None
    # groups may rule beside it
    both = entrance(people, who="invited")
    with pytest.raises(SignInFailed):
        both.enter(person("u-99", "duty", name="new"), invitation=None, where=WHERE)


def test_who_is_disabled_stays_out_and_the_last_administrator_stays(people: People) -> None:
    way = entrance(people)
    way.enter(person("u-17", "duty"), invitation=None, where=WHERE)
    people.users.disable("maria.i", by=HUB)
    with pytest.raises(Refused):
        way.enter(person("u-17", "duty"), invitation=None, where=WHERE)
    link = people.links.make(people.users.get("anna"), by=HUB)
    with pytest.raises(Refused, match="nobody would be left"):
        way.enter(person("anna-there", "duty", name="anna"), invitation=link, where=WHERE)
    assert Role.ADMINISTRATOR in people.users.get("anna").roles


def test_all_of_it_stands_in_the_audit_log(people: People, tmp_path: Path) -> None:
    entrance(people).enter(person("u-17", "duty"), invitation=None, where=WHERE)
    with sqlite3.connect(tmp_path / "hub.sqlite3") as db:
        actions = [action for (action,) in db.execute("SELECT action FROM audit ORDER BY rowid")]
    db.close()
    assert actions[-3:] == ["user.add", "user.tie", "session.begin"]


@pytest.mark.parametrize(
    ("name", "login"),
    [
        ("Maria.I", "maria.i"),
        ("Ștefan Țepeș", "stefan-tepes"),
        ("maria@town.example", "maria@town.example"),
        ("DOMAIN\\maria", "domain-maria"),
        ("--", "user-x-"),
        ("Γιώργος", "user-x-"),
        ("hub", "hub-"),
    ],
)
def test_a_login_name_is_made_of_what_the_provider_calls_them(name: str, login: str) -> None:
    made = login_from(person(name=name))
    assert made.startswith(login)
    if not login.endswith("-"):
        assert made == login
