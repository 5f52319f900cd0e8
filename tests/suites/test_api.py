"""Every route: closed by default, one shape for errors, answers as the OpenAPI document says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from hub.config import ConfigError, HttpPart, TlsPart
from tests.kit.hub_inside import HubInside


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubInside]:
    with HubInside(tmp_path_factory.mktemp("open")) as inside:
        yield inside


def test_only_loopback_names_are_answered_in_open_mode(inside: HubInside) -> None:
    with inside.client() as client:
        for host in ("127.0.0.1", f"localhost:{inside.port}", "[::1]:99"):
            assert client.get("/api/v1/site", headers={"Host": host}).status_code == 200, host
        for host in ("evil.example", "127.0.0.1.evil.example", "", "10.0.0.1", "localhost.evil.example:80"):
            assert client.get("/api/v1/site", headers={"Host": host}).status_code == 421, host


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_page_can_change_nothing(inside: HubInside, headers: dict[str, str]) -> None:
    with inside.client() as client:
        answer = client.post("/api/v1/alerts/x/acknowledge", json={"by": "Ana"}, headers=headers)
        assert answer.status_code == 403
        own = client.post("/api/v1/alerts/x/acknowledge", json={"by": "Ana"}, headers={"Origin": inside.url})
        assert own.status_code == 404


def test_headers_are_on_every_answer(inside: HubInside) -> None:
    with inside.client() as client:
        answers = [
            client.get("/"),
            client.get("/api/v1/site"),
            client.get("/static/main.js"),
            client.get("/static/../app.py"),
            client.get("/nothing"),
            client.get("/api/v1/site", headers={"Host": "evil.example"}),
        ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self' 'sha256-")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] in ("no-store", "no-cache")
    assert answers[3].status_code == 404


def test_answers_fit_the_openapi_document(inside: HubInside) -> None:
    alert = inside.car_alert()
    with inside.client() as client:
        document = client.get("/api/v1/openapi.json").json()
        for path, filled in (
            ("/api/v1/site", "/api/v1/site"),
            ("/api/v1/state", "/api/v1/state"),
            ("/api/v1/alerts", "/api/v1/alerts?open=true&limit=5"),
            ("/api/v1/alerts/{alert}", f"/api/v1/alerts/{alert}"),
            ("/api/v1/zones/{zone}/history", "/api/v1/zones/zone-0/history?minutes=60"),
            ("/api/v1/devices", "/api/v1/devices"),
        ):
            answer = client.get(filled)
            assert answer.status_code == 200, answer.text
            content = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
            check(answer.json(), content["schema"], document)
        missing = client.get("/api/v1/alerts/nothing")
        assert missing.status_code == 404
        check(missing.json(), {"$ref": "#/components/schemas/Problem"}, document)


def check(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("acknowledge", {}),
        ("acknowledge", {"by": ""}),
        ("acknowledge", {"by": "   "}),
        ("acknowledge", {"by": "x" * 81}),
        ("acknowledge", {"by": 5}),
        ("acknowledge", {"by": "Ana", "more": 1}),
        ("shelve", {"by": "Ana", "reason": "", "minutes": 5}),
        ("shelve", {"by": "Ana", "reason": "roadworks", "minutes": 0}),
        ("shelve", {"by": "Ana", "reason": "roadworks", "minutes": "5"}),
        ("close", {"by": "Ana", "disposition": "maybe"}),
    ],
)
def test_bodies_that_do_not_fit(inside: HubInside, path: str, body: dict[str, Any]) -> None:
    with inside.client() as client:
        answer = client.post(f"/api/v1/alerts/some/{path}", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_requests_that_are_too_large(inside: HubInside) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(200):
            yield b" " * 1024

    def answer(client: httpx.Client, content: bytes | Iterator[bytes]) -> int:
        try:
            return client.post("/api/v1/permits", content=content).status_code
        except httpx.HTTPError:
            return 0  # the hub hung up while the rest was on its way

    with inside.client() as client:
        assert client.post("/api/v1/permits", content=b"x" * 70_000).status_code == 413
        assert answer(client, chunks()) not in (200, 201)
    # on a connection of its own: the one before may have been hung up on
    with inside.client() as another:
        assert another.get("/api/v1/site").status_code == 200


def test_an_alert_is_read_and_handled(tmp_path: Path) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        alert = inside.car_alert()
        detail = client.get(f"/api/v1/alerts/{alert}").json()
        assert detail["alert"]["handling"] == "unacknowledged"
        assert detail["alert"]["reasons"]
        assert detail["alert"]["vms_url"] == "https://vms.example/live/0"
        assert detail["transitions"][0]["event"] == "open"

        answer = client.post(f"/api/v1/alerts/{alert}/acknowledge", json={"by": "Ana"})
        assert answer.status_code == 200
        assert (answer.json()["alert"]["handling"], answer.json()["alert"]["acknowledged_by"]) == (
            "acknowledged",
            "Ana",
        )
        again = client.post(f"/api/v1/alerts/{alert}/acknowledge", json={"by": "Bo"})
        assert again.status_code == 409
        assert set(again.json()) == {"error", "do"}
        # gone for long enough and acknowledged: closed, and still to be found
        inside.pass_time(40)
        assert client.get("/api/v1/state").json()["alerts"] == []
        closed = client.get("/api/v1/alerts?open=false").json()["alerts"]
        assert [one["alert"] for one in closed] == [alert]
        given = client.post(
            f"/api/v1/alerts/{alert}/close",
            json={"by": "Ana", "disposition": "false", "cause": "a van of ours"},
        )
        assert given.status_code == 200, given.text
        assert given.json()["alert"]["disposition"].startswith("false")
        events = [one["event"] for one in client.get(f"/api/v1/alerts/{alert}").json()["transitions"]]
        assert events[0] == "open"
        assert events[-1] == "dispose"
        assert client.post("/api/v1/alerts/nothing/acknowledge", json={"by": "Ana"}).status_code == 404


def test_a_permit_and_maintenance(tmp_path: Path) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        inside.pass_time(1)
        permit = {"place": "zone-0", "kinds": ["car"], "minutes": 30, "by": "Ana", "reason": "patrol"}
        answer = client.post("/api/v1/permits", json=permit)
        assert answer.status_code == 201, answer.text
        assert answer.json()["until"] == "2026-06-20T18:30:01.000Z"
        assert client.post("/api/v1/permits", json={**permit, "place": "nowhere"}).status_code == 409
        inside.pass_time(10, car=True)
        assert not [
            a for a in client.get("/api/v1/state").json()["alerts"] if a["rule"].startswith("vehicle.")
        ]
        out = {"rule": "sensor.silent", "subject": "cam-1", "minutes": 10, "by": "Ana", "reason": "new lens"}
        answer = client.post("/api/v1/out-of-service", json=out)
        assert answer.status_code == 201, answer.text


def test_history_of_a_zone(tmp_path: Path) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        inside.pass_time(130)
        history = client.get("/api/v1/zones/zone-0/history?minutes=5").json()
        assert history["zone"] == "zone-0"
        assert len(history["points"]) >= 120
        assert all(point["people"] == pytest.approx(160, rel=0.05) for point in history["points"][5:])
        assert client.get("/api/v1/zones/nowhere/history").status_code == 404
        assert client.get("/api/v1/zones/zone-0/history?minutes=0").status_code == 422
    # after a restart the minutes are there, the seconds are not
    with HubInside(tmp_path) as inside, inside.client() as client:
        inside.until(lambda: client.get("/api/v1/state").status_code == 200)
        history = client.get("/api/v1/zones/zone-0/history?minutes=5").json()
        minutes = [point for point in history["points"] if point["at"] < "2026-06-20T18:02:00.000Z"]
        assert [point["at"] for point in minutes] == ["2026-06-20T18:00:00.000Z", "2026-06-20T18:01:00.000Z"]
        assert minutes[1]["people"] == pytest.approx(160, rel=0.05)


def test_a_public_address_needs_tls_and_people(tmp_path: Path) -> None:
    for http in ({"host": "0.0.0.0"}, {"host": "0.0.0.0", "login": "people"}, {"host": "::"}):
        with (
            pytest.raises(ConfigError, match=r"can be reached from other machines: http\.t"),
            HubInside(tmp_path, http=http),
        ):
            pass
    tls = TlsPart(certificate="c.pem", key="k.pem")
    assert HttpPart(host="0.0.0.0", tls=tls).login == "people"
    with (
        pytest.raises(ConfigError, match=r"http\.login: people must be set"),
        HubInside(tmp_path, http={"host": "0.0.0.0", "tls": tls, "login": "none"}),
    ):
        pass


def test_the_page_names_only_what_the_policy_allows(inside: HubInside) -> None:
    with inside.client() as client:
        page = client.get("/")
        assert page.status_code == 200
        assert not re.search(r"https?://", page.text)
        for path in set(re.findall(r'"(/static/[^"]+\.(?:js|css))"', page.text)):
            assert client.get(path).status_code == 200, path
        imports = json.loads(re.search(r'<script type="importmap">(.*?)</script>', page.text, re.S)[1])[
            "imports"
        ]  # type: ignore[index]
        assert "lit" in imports


def test_a_minute_says_what_came_too_late_for_it(tmp_path: Path) -> None:
    """The late reading is in the camera's minute; the zone's minute lacks it and says so."""
    with HubInside(tmp_path) as inside:
        inside.pass_time(130)
        late = inside.square.reading(0, seq=500, captured_to_ms=inside.now_ms - 60_000, people_per_m2=2.0)
        inside.put_reading(late)
        # of a minute in which this hub heard nobody
        inside.put_reading(
            inside.square.reading(0, seq=501, captured_to_ms=inside.now_ms - 300_000, people_per_m2=2.0)
        )
        inside.until(lambda: inside.hub.judge.readings == 262)
    with HubInside(tmp_path) as inside, inside.client() as client:
        inside.until(lambda: client.get("/api/v1/state").status_code == 200)
        points = client.get("/api/v1/zones/zone-0/history?minutes=9").json()["points"]
        said = [
            (point["at"][11:16], point["quality"], point["known_s"], point["late_readings"])
            for point in points
            if point["at"] < "2026-06-20T18:02:00.000Z"
        ]
        assert said == [
            ("17:57", "unknown", 0, 1),
            ("18:00", "observed", 59, 0),
            ("18:01", "partly", 60, 1),
        ]
        assert points[0]["people"] is None
        other = client.get("/api/v1/zones/zone-1/history?minutes=9").json()["points"]
        assert all(point["late_readings"] == 0 for point in other)
