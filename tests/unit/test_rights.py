"""The one table: roles, rights, and what the documentation says of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub import rights
from hub.people.actor import OPEN, Actor
from hub.rights import RIGHTS, Right, Role

DOCS = Path(__file__).parents[2] / "docs/people.md"


def actor(*roles: Role, **more: object) -> Actor:
    return Actor(name="ana", display="Ana", roles=frozenset(roles), **more)  # type: ignore[arg-type]


def test_every_right_is_in_the_table_and_somebody_has_it() -> None:
    assert set(RIGHTS) == set(Right)
    for right, grant in RIGHTS.items():
        assert grant.roles, right
        assert grant.words, right


@pytest.mark.parametrize("right", [Right.HIGH_RULE_OFF, Right.CAP_RELEASE])
def test_what_is_dangerous_takes_two(right: Right) -> None:
    grant = RIGHTS[right]
    assert grant.two_persons
    assert not grant.by_token
    # one person alone may never be all there is
    assert grant.roles and grant.approved_by


def test_a_viewer_and_a_partner_change_nothing() -> None:
    harmless = {Right.LOOK, Right.DEVICES, Right.DELIVERIES, Right.CAP_FEED, Right.NOTICE, Right.TOKENS}
    assert rights.of(frozenset({Role.VIEWER})) <= harmless | {Right.OWN, Right.SELF}
    assert rights.of(frozenset({Role.PARTNER})) <= rights.of(frozenset({Role.VIEWER}))
    assert Right.DEVICES not in rights.of(frozenset({Role.PARTNER}))


def test_an_administrator_of_users_handles_no_alerts() -> None:
    """Who gives out rights must give himself one before he acts, which the audit log shows."""
    held = rights.of(frozenset({Role.ADMINISTRATOR}))
    assert not held & {Right.HANDLE, Right.PERMIT, Right.CAP_DRAFT, Right.ASSESSMENT_LOOK}


def test_sites_limit_what_is_of_a_site() -> None:
    partner = actor(Role.PARTNER, sites=frozenset({"harbour"}))
    assert partner.may(Right.LOOK, site="harbour")
    assert not partner.may(Right.LOOK, site="square")
    assert partner.may(Right.OWN, site="square")
    head = actor(Role.SUPERVISOR, sites=frozenset({"harbour"}))
    assert head.may_approve(Right.CAP_RELEASE, site="harbour")
    assert not head.may_approve(Right.CAP_RELEASE, site="square")


def test_a_token_only_narrows() -> None:
    token = actor(Role.OPERATOR, via="token", right_limits=frozenset({Right.LOOK, Right.USERS}))
    assert token.may(Right.LOOK)
    assert not token.may(Right.HANDLE)
    assert not token.may(Right.USERS), "its owner has no such right"
    assert not actor(Role.SUPERVISOR, via="token").may_approve(Right.CAP_RELEASE)
    assert actor(Role.SUPERVISOR).may_approve(Right.CAP_RELEASE)
    for role in Role:
        given = rights.scopes(frozenset({role}))
        assert all(RIGHTS[right].by_token for right in given)


def test_open_mode_may_everything() -> None:
    assert OPEN.rights == set(Right)


def test_the_documentation_prints_this_table() -> None:
    """docs/people.md: one row for each right, a cross for each role, 2 where it takes a second person."""
    rows = re.findall(r"^\| `([a-z.-]+)` \| ([^|]+) \|(.+)\|$", DOCS.read_text(encoding="utf-8"), re.M)
    assert [name for name, *_ in rows] == [right.value for right in RIGHTS]
    for name, words, cells in rows:
        grant = RIGHTS[Right(name)]
        assert words.strip() == grant.words
        found = [cell.strip() for cell in cells.split("|")]
        expected = [
            ("ask" if grant.two_persons else "x") * (role in grant.roles)
            + (" + " if role in grant.roles and role in grant.approved_by else "")
            + "approve" * (role in grant.approved_by)
            for role in Role
        ]
        assert found == expected, name
