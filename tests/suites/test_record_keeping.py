"""The audit log and the vault over HTTP: paged, filtered, checked; a document in and out, and who took it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.hub_inside import HubInside

PHOTOGRAPH = os.urandom(40_000)


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubInside]:
    with HubInside(tmp_path_factory.mktemp("keeping")) as one:
        yield one


@pytest.fixture
def client(inside: HubInside) -> Iterator[httpx.Client]:
    with inside.client() as one:
        yield one


def put(client: httpx.Client, name: str, content: bytes, **query: str) -> httpx.Response:
    return client.put(
        f"/api/v1/documents/{name}", content=content, params={"kind": "photograph", "by": "Ana", **query}
    )


def page(client: httpx.Client, **query: object) -> Any:
    answer = client.get("/api/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_document_goes_in_and_comes_out_and_both_are_entries(
    client: httpx.Client, inside: HubInside
) -> None:
    made = put(client, "gate.jpg", PHOTOGRAPH)
    assert (made.status_code, made.json()["title"]) == (201, "gate.jpg@1")
    assert put(client, "gate.jpg", PHOTOGRAPH[:9]).json()["title"] == "gate.jpg@2"
    got = client.get("/api/v1/documents/gate.jpg@1", params={"by": "Bo"})
    assert got.content == PHOTOGRAPH
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"] == 'attachment; filename="gate.jpg"'
    assert got.headers["cache-control"] == "no-store"
    shown = client.get("/api/v1/documents").json()["documents"]
    assert [(one["title"], one["size"], one["put_by"]) for one in shown] == [
        ("gate.jpg@1", len(PHOTOGRAPH), "Ana"),
        ("gate.jpg@2", 9, "Ana"),
    ]
    entries = page(client, action="document.")["entries"]
    assert [(one["actor"], one["via"], one["action"], one["subject"]) for one in entries] == [
        ("Bo", "open", "document.get", "gate.jpg@1"),
        ("Ana", "open", "document.put", "gate.jpg@2"),
        ("Ana", "open", "document.put", "gate.jpg@1"),
    ]
    assert page(client, actor="Bo")["entries"] == entries[:1]
    wal = (inside.folder / "hub.sqlite3-wal").read_bytes()
    assert PHOTOGRAPH[:64] not in wal


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("nobody.jpg", 404),
        ("gate.jpg@99", 404),
        ("gate.jpg@x", 404),
        ("gate.jpg@99999999999999999999999", 404),
    ],
)
def test_what_is_not_there(client: httpx.Client, path: str, status: int) -> None:
    answer = client.get(f"/api/v1/documents/{path}", params={"by": "Bo"})
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error", "do"}


def test_what_can_not_be_put(client: httpx.Client) -> None:
    assert put(client, "a@b", b"x").status_code == 422
    assert put(client, ".hidden", b"x").status_code == 422
    assert put(client, "ok", b"x", kind="spell").status_code == 422
    assert put(client, "ok", b"x", by="").status_code == 422
    assert client.get("/api/v1/documents/gate.jpg").status_code == 422  # open mode: who are you?


def test_pages_follow_each_other_without_a_gap(client: httpx.Client) -> None:
    for n in range(7):
        put(client, f"n{n}", b"x")
    everything = page(client, limit=500)["entries"]
    assert [one["seq"] for one in everything] == list(range(len(everything), 0, -1))
    found, before = [], None
    while True:
        answer = page(client, limit=3, **({} if before is None else {"before": before}))
        found += answer["entries"]
        before = answer["next_before"]
        if before is None:
            break
    assert found == everything


def test_the_check_says_what_is_wrong(client: httpx.Client, inside: HubInside) -> None:
    head = client.get("/api/v1/audit/head").json()
    checked = client.get("/api/v1/audit/check").json()
    assert (checked["right"], checked["last"], checked["hash"]) == (True, head["seq"], head["hash"])
    path: Path = inside.folder / "hub.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        (trigger,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_never_changed'").fetchone()
        (was,) = db.execute("SELECT actor FROM audit WHERE seq = 2").fetchone()
        db.execute("DROP TRIGGER audit_never_changed")
        db.execute("UPDATE audit SET actor = 'Mallory' WHERE seq = 2")
        wrong = client.get("/api/v1/audit/check").json()
        db.execute("UPDATE audit SET actor = ? WHERE seq = 2", (was,))
        db.execute(trigger)
    assert (wrong["right"], wrong["wrong"], wrong["at"]) == (False, "edited", 2)
    assert client.get("/api/v1/audit/check").json()["right"]


def test_a_lost_key_is_said_and_nothing_is_put_under_another(client: httpx.Client, inside: HubInside) -> None:
    put(client, "kept", b"x")
    keys = inside.folder / "vault-keys.json"
    away = keys.rename(inside.folder / "away.json")
    for answer in (client.get("/api/v1/documents/kept", params={"by": "Bo"}), put(client, "new", b"x")):
        assert (answer.status_code, "key file" in answer.json()["error"]) == (503, True)
    assert not keys.exists()
    away.rename(keys)
    assert client.get("/api/v1/documents/kept", params={"by": "Bo"}).content == b"x"
