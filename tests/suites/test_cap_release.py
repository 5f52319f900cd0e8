"""A CAP message leaves by two persons, over HTTP; a partner reads it with a token; nobody else gets at anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from hub.cap.check import check
from hub.cap.settings import CapPart
from hub.rights import Right, Role
from tests.kit.hub_inside import MAKER, HubInside
from tests.kit.square import SITE

ATOM = "{http://www.w3.org/2005/Atom}"
FEED = "/api/v1/cap/feed"
PART = CapPart(
    sender="hub.town.example", sender_name="Town", addresses=("police",), languages=("ro-RO", "en")
)


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[HubInside]:
    with HubInside(tmp_path, http={"login": "people"}, cap=PART) as found:
        for login, role in (
            ("op", Role.OPERATOR),
            ("super", Role.SUPERVISOR),
            ("chief", Role.SUPERVISOR),
            ("view", Role.VIEWER),
            ("tech", Role.TECHNICIAN),
        ):
            found.user(login, role)
        found.user("police", Role.PARTNER, sites=(SITE,))
        found.user("elsewhere", Role.PARTNER, sites=("another-town",))
        yield found


def token(inside: HubInside, login: str, *scopes: Right) -> dict[str, str]:
    people = inside.hub.people
    made = people.tokens.make(people.users.get(login), name="reader", scopes=list(scopes), days=1, by=MAKER)
    return {"Authorization": f"Bearer {made[0] if isinstance(made, tuple) else made}"}


def ask(client: httpx.Client, alert: str) -> dict[str, Any]:
    terms = client.get(f"/api/v1/alerts/{alert}/cap").json()["terms"]["hash"]
    answer = client.post(
        f"/api/v1/alerts/{alert}/cap/ask", json={"terms": terms, "reason": "police must know"}
    )
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = client.get(f"/api/v1/alerts/{alert}/cap").json()["waiting"]
    assert found["approval"] == answer.json()["approval"]
    return found


def test_one_asks_another_approves_and_a_partner_reads(inside: HubInside) -> None:
    alert = inside.car_alert()
    partner = token(inside, "police", Right.CAP_FEED)
    with inside.client_of("op") as op, inside.client_of("super") as head, inside.client() as anybody:
        one = ask(op, alert)
        assert one["asked_by"] == "op"
        assert one["approved_by"] == ["administrator", "supervisor"]
        assert "Exercise, Private" in one["summary"]
        assert (
            ElementTree.fromstring(anybody.get(FEED, headers=partner).content).findall(f"{ATOM}entry") == []
        )

        path, body = f"/api/v1/approvals/{one['approval']}/approve", {"payload_hash": one["payload_hash"]}
        assert op.post(path, json=body).status_code == 403
        done = head.post(path, json=body)
        assert (done.status_code, done.json()["approval"]["state"]) == (200, "done"), done.text
        identifier = done.json()["approval"]["outcome"]
        assert head.post(path, json=body).status_code == 409

        feed = ElementTree.fromstring(anybody.get(FEED, headers=partner).content)
        (address,) = [
            one.get("href") or "" for one in feed.iter(f"{ATOM}link") if one.get("rel") == "alternate"
        ]
        document = anybody.get(address, headers=partner).content
        assert check(document) == ()
        assert identifier.encode() in document
        assert b"<language>ro-RO</language>" in document
        for name in (b">op<", b">super<", b"police must know"):
            assert name not in document

        state = op.get(f"/api/v1/alerts/{alert}/cap").json()
        assert (state["waiting"], state["preview"]) == (None, None)
        assert [(one["asked_by"], one["approved_by"]) for one in state["releases"]] == [("op", "super")]
        withdrawn = op.post(f"/api/v1/alerts/{alert}/cap/withdraw", json={"reason": "a mistake"})
        assert withdrawn.status_code == 200
        assert len(ElementTree.fromstring(head.get(FEED).content).findall(f"{ATOM}entry")) == 2
    rows = inside.hub.people.db.all(
        "SELECT actor, action, detail FROM audit WHERE action LIKE 'cap.%' ORDER BY seq"
    )
    assert [(actor, action) for actor, action, _ in rows] == [
        ("super", "cap.release"),
        ("op", "cap.withdraw"),
    ]
    assert json.loads(rows[0][2])["asked_by"] == "op"


def test_who_asks_does_not_approve_even_as_a_supervisor(inside: HubInside) -> None:
    alert = inside.car_alert()
    with inside.client_of("super") as head, inside.client_of("chief") as chief:
        one = ask(head, alert)
        path, body = (
            f"/api/v1/approvals/{one['approval']}",
            {"payload_hash": one["payload_hash"], "reason": "not now"},
        )
        assert head.post(f"{path}/approve", json=body).status_code == 403
        assert chief.post(f"{path}/refuse", json=body).status_code == 200
        assert head.get(f"/api/v1/alerts/{alert}/cap").json()["waiting"] is None
        assert ElementTree.fromstring(head.get(FEED).content).findall(f"{ATOM}entry") == []


def test_what_has_changed_in_between_does_not_leave(inside: HubInside) -> None:
    alert = inside.car_alert()
    desk = inside.hub.cap
    assert desk is not None
    with inside.client_of("op") as op, inside.client_of("super") as head:
        one = ask(op, alert)
        desk._part.scope = "Public"
        answer = head.post(
            f"/api/v1/approvals/{one['approval']}/approve", json={"payload_hash": one["payload_hash"]}
        )
        assert (answer.status_code, "have changed" in answer.json()["error"]) == (409, True)
        stale = op.post(f"/api/v1/alerts/{alert}/cap/ask", json={"terms": "0" * 64, "reason": "again"})
        assert stale.status_code == 409
        assert desk.entries(limit=9) == []


def test_rights_from_both_sides(inside: HubInside) -> None:
    alert = inside.car_alert()
    here, waits = f"/api/v1/alerts/{alert}/cap", {"terms": "x", "reason": "x"}
    with inside.client() as nobody:
        for path in (FEED, here, "/api/v1/cap/messages/x"):
            assert nobody.get(path).status_code == 401
        assert nobody.post(f"{here}/ask", json=waits).status_code == 401
        feed_only = token(inside, "police", Right.CAP_FEED)
        assert nobody.get(FEED, headers=feed_only).status_code == 200
        assert nobody.get(here, headers=feed_only).status_code == 403
        assert nobody.get(FEED, headers=token(inside, "elsewhere", Right.CAP_FEED)).status_code == 403
        assert nobody.get(FEED, headers=token(inside, "police", Right.LOOK)).status_code == 403
        assert nobody.get(FEED, headers={"Authorization": "Bearer nonsense"}).status_code == 401
    for login, looks, asks in (
        ("view", 403, 403),
        ("tech", 403, 403),
        ("police", 403, 403),
        ("op", 200, 409),
    ):
        with inside.client_of(login) as client:
            assert (login, client.get(here).status_code) == (login, looks)
            assert (login, client.post(f"{here}/ask", json=waits).status_code) == (login, asks)
            if asks == 403:
                assert client.post(f"{here}/withdraw", json={"reason": "x"}).status_code == 403
