"""A high rule goes out of service by two persons: over HTTP, and through kill -9 of a real hub."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.demo.broker import HOST, free_port
from hub.people.approvals import Approval
from hub.people.people import From, People
from hub.people.secret import form_token
from hub.rights import Right, Role
from tests.kit.hub_inside import MAKER, HubInside
from tests.kit.hub_process import HubProcess
from tests.kit.square import Square

HIGH = {
    "rule": "density.critical",
    "subject": "zone-0",
    "minutes": 10,
    "reason": "the camera is being cleaned",
}


@pytest.fixture
def inside(tmp_path: Path) -> Any:
    with HubInside(tmp_path, http={"login": "people"}) as inside:
        inside.pass_time(1)
        for login, role in (
            ("tech", Role.TECHNICIAN),
            ("super", Role.SUPERVISOR),
            ("op", Role.OPERATOR),
            ("view", Role.VIEWER),
        ):
            inside.user(login, role)
        yield inside


def out_of_service(inside: HubInside) -> list[tuple[str, str, str]]:
    return [(one.rule, one.subject, one.by) for one in inside.hub.monitor._book._outages]


def test_a_high_rule_goes_out_of_service_by_two(inside: HubInside) -> None:
    with inside.client_of("tech") as tech, inside.client_of("super") as head, inside.client_of("op") as op:
        asked = tech.post("/api/v1/out-of-service", json=HIGH)
        assert asked.status_code == 202, asked.text
        one = asked.json()["approval"]
        assert (one["state"], one["asked_by"], one["mine"], one["may_decide"]) == (
            "waiting",
            "tech",
            True,
            False,
        )
        assert "density.critical at zone-0" in one["summary"]
        assert out_of_service(inside) == []
        path, body = f"/api/v1/approvals/{one['id']}", {"payload_hash": one["payload_hash"]}
        for client in (tech, op):
            assert client.post(f"{path}/approve", json=body).status_code == 403
        seen = head.get("/api/v1/approvals?waiting=true").json()["approvals"]
        assert [(found["id"], found["may_decide"]) for found in seen] == [(one["id"], True)]
        assert head.post(f"{path}/approve", json={"payload_hash": "0" * 64}).status_code == 409
        done = head.post(f"{path}/approve", json=body)
        assert done.status_code == 200, done.text
        assert (done.json()["approval"]["state"], done.json()["approval"]["decided_by"]) == ("done", "super")
        assert "out of service until" in done.json()["approval"]["outcome"]
        assert head.post(f"{path}/approve", json=body).status_code == 409
    assert out_of_service(inside) == [("density.critical", "zone-0", "tech")]
    rows = inside.hub.people.db.all("SELECT actor, action, detail FROM audit WHERE action LIKE 'rule%'")
    assert [(actor, action) for actor, action, _ in rows] == [("tech", "rule.out_of_service")]
    assert json.loads(rows[0][2])["approved_by"] == "super"


def test_what_needs_no_second_person(inside: HubInside) -> None:
    with inside.client_of("tech") as client:
        low = client.post(
            "/api/v1/out-of-service", json={**HIGH, "rule": "sensor.silent", "subject": "cam-0"}
        )
        assert low.status_code == 201, low.text
        assert low.json()["by"] == "tech"
        # a family with a high step is as good as that step, and an unknown one is refused
        assert client.post("/api/v1/out-of-service", json={**HIGH, "rule": "density"}).status_code == 202
        assert client.post("/api/v1/out-of-service", json={**HIGH, "rule": "nothing"}).status_code == 409
        assert client.post("/api/v1/out-of-service", json={**HIGH, "subject": "nowhere"}).status_code == 409
    with inside.client_of("op") as client:
        assert client.post("/api/v1/out-of-service", json=HIGH).status_code == 403


def test_a_refusal_and_a_withdrawal(inside: HubInside) -> None:
    with inside.client_of("tech") as tech, inside.client_of("super") as head:
        one = tech.post("/api/v1/out-of-service", json=HIGH).json()["approval"]
        body = {"payload_hash": one["payload_hash"], "reason": "a concert tonight"}
        refused = head.post(f"/api/v1/approvals/{one['id']}/refuse", json=body)
        assert (refused.status_code, refused.json()["approval"]["state"]) == (200, "refused")
        two = tech.post("/api/v1/out-of-service", json=HIGH).json()["approval"]
        assert two["id"] != one["id"]
        assert head.post(f"/api/v1/approvals/{two['id']}/withdraw", json={}).status_code == 403
        assert tech.post(f"/api/v1/approvals/{two['id']}/withdraw", json={}).status_code == 200
        assert head.post(f"/api/v1/approvals/{two['id']}/approve", json=body).status_code == 409
    assert out_of_service(inside) == []


def test_a_token_neither_asks_nor_approves(inside: HubInside) -> None:
    people = inside.hub.people
    scopes = [Right.OUT_OF_SERVICE, Right.APPROVALS]
    made, _ = people.tokens.make(people.users.get("super"), name="x", scopes=scopes, days=1, by=MAKER)
    with (
        inside.client_of("tech") as tech,
        inside.client(headers={"Authorization": f"Bearer {made}"}) as program,
    ):
        one = tech.post("/api/v1/out-of-service", json=HIGH).json()["approval"]
        body = {"payload_hash": one["payload_hash"]}
        assert program.post(f"/api/v1/approvals/{one['id']}/approve", json=body).status_code == 403
        assert program.post("/api/v1/out-of-service", json=HIGH).status_code == 403


def test_open_mode_takes_two_names(tmp_path: Path) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        inside.pass_time(1)
        one = client.post("/api/v1/out-of-service", json={**HIGH, "by": "Ana"})
        assert one.status_code == 202, one.text
        path = f"/api/v1/approvals/{one.json()['approval']['id']}/approve"
        body = {"payload_hash": one.json()["approval"]["payload_hash"]}
        assert client.post(path, json={**body, "by": "ana"}).status_code == 403
        assert client.post(path, json={**body, "by": "Bo"}).status_code == 200
        assert out_of_service(inside) == [("density.critical", "zone-0", "Ana")]


def entered(hub: HubProcess, people: People, login: str) -> httpx.Client:
    secret = people.enter_as(people.users.get(login), where=From("127.0.0.1"), how="test").secret
    headers = {"Cookie": f"esplanade={secret}", "X-CSRF-Token": form_token(secret)}
    return httpx.Client(base_url=f"http://{HOST}:{hub.port}", headers=headers, timeout=30)


def test_people_and_what_they_agreed_on_outlive_kill_9(tmp_path: Path) -> None:
    """A real hub: sessions go on after it was killed, and what was approved and not done is done at its next start."""
    hub = HubProcess(
        tmp_path,
        site=Square().write(tmp_path),
        broker_port=free_port(),
        http={"host": HOST, "port": (port := free_port()), "login": "people"},
    )
    hub.port = port
    hub.start(wait=False)
    hub.until(lambda: "first administrator" in hub.log.read_text(), "the first link")
    hub.until(lambda: answers(hub), "the hub to answer")
    link = hub.log.read_text().rpartition("/link#")[2].split()[0]
    with httpx.Client(base_url=f"http://{HOST}:{hub.port}", timeout=30) as client:
        body = {"secret": link, "login": "root", "password": "seven green bicycles"}
        assert client.post("/api/v1/links/use", json=body).status_code == 200
        root = client.cookies["esplanade"]
    with People(hub.database, clock=now_ms) as people:
        for login, role in (("tech", Role.TECHNICIAN), ("super", Role.SUPERVISOR)):
            people.users.add(login, display=login, roles=[role], by=MAKER)
        with entered(hub, people, "tech") as tech, entered(hub, people, "super") as head:
            asked = tech.post("/api/v1/out-of-service", json=HIGH).json()["approval"]
            hub.kill9()
            # as it stands on disk when the hub dies between the second person's word and the deed
            db = sqlite3.connect(hub.database)
            with db:
                db.execute("UPDATE approvals SET state = 'approved', decided_by = 'super'")
            db.close()
            hub.start(wait=False)
            hub.until(lambda: answers(hub), "the hub to answer again")
            found = tech.get(f"/api/v1/approvals/{asked['id']}").json()["approval"]
            assert (found["state"], head.get("/api/v1/me").json()["login"]) == ("done", "super")
            hub.kill9()
            hub.start(wait=False)
            hub.until(lambda: answers(hub), "the hub to answer a third time")
            assert one_outage(people, asked["id"])
    assert "first administrator" not in hub.log.read_text().rpartition("page: ")[2]
    with httpx.Client(
        base_url=f"http://{HOST}:{hub.port}", headers={"Cookie": f"esplanade={root}"}
    ) as client:
        assert client.get("/api/v1/me").json()["login"] == "root"
    assert hub.stop() == 0
    assert hub.log.read_text().count("first administrator") == 1


def answers(hub: HubProcess) -> bool:
    try:
        return httpx.get(f"http://{HOST}:{hub.port}/login", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def one_outage(people: People, approval: str) -> bool:
    """It happened once: one entry of it in the audit log, and it stands in the hub's memory."""
    found: Approval = people.approvals.get(approval)
    (entries,) = people.db.one("SELECT count(*) FROM audit WHERE action = 'rule.out_of_service'") or (0,)
    (memory,) = people.db.one("SELECT state FROM memory") or (b"",)
    return found.state == "done" and entries == 1 and b"density.critical" in memory


def now_ms() -> int:
    import time

    return time.time_ns() // 1_000_000
