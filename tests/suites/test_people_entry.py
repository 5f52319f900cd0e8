"""The way in over HTTP, from the side of who should not get in: each attack fails, and the owner is not locked out."""

from __future__ import annotations

import re
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hub.api import guard
from hub.api.guard import Access, Network
from hub.config import TlsPart
from hub.people.tokens import DAY_MS
from hub.rights import Right, Role
from tests.kit.hub_inside import MAKER, HubInside

PASSWORD = "seven green bicycles"


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[HubInside]:
    with HubInside(tmp_path, http={"login": "people"}) as inside:
        inside.pass_time(1)
        yield inside


def log_in(
    client: httpx.Client, login: str = "ana", password: str = PASSWORD, **headers: str
) -> httpx.Response:
    return client.post("/api/v1/session", json={"login": login, "password": password}, headers=headers)


def test_first_start_first_administrator_first_operator(inside: HubInside) -> None:
    link = inside.hub.first_link()
    assert link is not None
    assert link.startswith(f"{inside.url}/link#")
    secret = link.partition("#")[2]
    with inside.client() as client:
        look = client.post("/api/v1/links/look", json={"secret": secret}).json()
        assert (look["kind"], look["login"]) == ("first", None)
        weak = client.post("/api/v1/links/use", json={"secret": secret, "login": "root", "password": "short"})
        assert (weak.status_code, "12 to 256" in weak.json()["do"]) == (422, True)
        made = client.post(
            "/api/v1/links/use",
            json={"secret": secret, "login": "Root", "display": "Root of it", "password": PASSWORD},
        )
        assert made.status_code == 200, made.text
        assert made.json()["login"] == "root"
        form = {"X-CSRF-Token": made.json()["form_token"]}
        again = client.post(
            "/api/v1/links/use", json={"secret": secret, "login": "eve", "password": PASSWORD}
        )
        assert again.status_code == 404
        new = {"login": "ana", "display": "Ana", "roles": ["operator"]}
        invited = client.post("/api/v1/users", json=new, headers=form)
        assert invited.status_code == 201, invited.text
        assert client.post("/api/v1/users", json=new, headers=form).status_code == 409
        assert client.post("/api/v1/users", json={**new, "roles": ["king"]}, headers=form).status_code == 422
    assert inside.hub.first_link() is None
    with inside.client() as operator:
        secret = invited.json()["link"].partition("#")[2]
        me = operator.post("/api/v1/links/use", json={"secret": secret, "password": PASSWORD}).json()
        assert (me["login"], me["roles"]) == ("ana", ["operator"])
        assert "alert.handle" in me["rights"]
        assert operator.get("/api/v1/state").status_code == 200


def test_the_forms_work_without_scripts(inside: HubInside) -> None:
    link = inside.hub.first_link()
    assert link is not None
    with inside.client() as client:
        assert client.get("/").headers["location"] == "/login"
        assert 'method="post" action="/login"' in client.get("/login").text
        assert 'method="post" action="/link"' in client.get("/link").text
        own = {"Origin": inside.url}
        wrong = client.post("/login", data={"login": "<b>x", "password": "y"}, headers=own)
        assert (wrong.status_code, "set-cookie" in wrong.headers, "<b>" in wrong.text) == (401, False, False)
        assert 'class="problem"' in wrong.text
        # the whole link pasted
        made = client.post("/link", data={"secret": link, "login": "root", "password": PASSWORD}, headers=own)
        assert (made.status_code, made.headers["location"]) == (303, "/")
        assert client.get("/").status_code == 200
        assert client.get("/login").status_code == 303
    with inside.client() as client:
        assert client.post("/login", content=b"\xff%ff&&=").status_code == 401
        found = client.post("/login", data={"login": "root", "password": PASSWORD}, headers=own)
        assert found.status_code == 303
        assert client.get("/api/v1/state").status_code == 200


def test_the_cookie_is_out_of_reach(inside: HubInside) -> None:
    inside.user("ana", Role.OPERATOR, password=PASSWORD)
    with inside.client() as client:
        cookie = log_in(client).headers["set-cookie"]
    assert re.fullmatch(r"esplanade=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=strict", cookie)


def test_under_tls_the_cookie_belongs_to_this_host(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=127.0.0.1"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    tls = TlsPart(certificate=str(certificate), key=str(key))
    with HubInside(tmp_path, http={"tls": tls, "login": "people"}) as inside:
        inside.user("ana", Role.OPERATOR, password=PASSWORD)
        trust = ssl.create_default_context(cafile=str(certificate))
        with inside.client(verify=trust) as client:
            answer = log_in(client)
            assert answer.status_code == 200
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith("__Host-esplanade=")
            assert "; Secure" in cookie
            assert "Domain" not in cookie
            assert answer.headers["strict-transport-security"]
            assert client.get("/api/v1/site").status_code == 200
            # the same secret under the name that a neighbouring host could set
            secret = re.search("=([^;]+)", cookie)[1]  # type: ignore[index]
        with inside.client(verify=trust, headers={"Cookie": f"esplanade={secret}"}) as client:
            assert client.get("/api/v1/site").status_code == 401


def test_forged_forms(inside: HubInside) -> None:
    """A page elsewhere: by its origin, by fetch metadata; and one that lies about both lacks the form token."""
    inside.user("ana", Role.OPERATOR, password=PASSWORD)
    inside.user("eve", Role.OPERATOR)
    alert = inside.car_alert()
    path = f"/api/v1/alerts/{alert}/acknowledge"
    with inside.client_of("ana") as client, inside.client_of("eve") as eve:
        token = client.headers.pop("X-CSRF-Token")
        for headers, status in (
            ({"Origin": "https://evil.example", "X-CSRF-Token": token}, 403),
            ({"Origin": "null", "X-CSRF-Token": token}, 403),
            ({"Sec-Fetch-Site": "cross-site", "X-CSRF-Token": token}, 403),
            ({"Origin": inside.url}, 403),
            ({"Origin": inside.url, "X-CSRF-Token": ""}, 403),
            ({"X-CSRF-Token": eve.headers["X-CSRF-Token"]}, 403),
            ({"Origin": inside.url, "X-CSRF-Token": token}, 200),
        ):
            answer = client.post(path, json={}, headers=headers)
            assert answer.status_code == status, (headers, answer.text)
        # logging somebody in as somebody else from another page
        assert log_in(client, Origin="https://evil.example").status_code == 403


def test_a_session_planted_in_a_browser(inside: HubInside) -> None:
    """Fixation: what the cookie held before is never what it holds after, and is over."""
    for login in ("ana", "eve"):
        inside.user(login, Role.OPERATOR, password=PASSWORD)
    with inside.client() as attacker, inside.client() as victim:
        log_in(attacker, "eve")
        planted = attacker.cookies["esplanade"]
        victim.cookies.set("esplanade", planted, domain="127.0.0.1", path="/")
        assert log_in(victim, "ana").json()["login"] == "ana"
        assert attacker.get("/api/v1/me").status_code == 401
        assert [one.value for one in victim.cookies.jar if one.value == planted] in ([], [planted])
    for chosen in ("a", "x" * 43, "' OR 1=1", "\u00e9"):
        with inside.client(headers={"Cookie": f"esplanade={chosen}".encode()}) as client:
            assert client.get("/api/v1/me").status_code == 401


def test_brute_force(inside: HubInside) -> None:
    inside.user("ana", Role.OPERATOR, password=PASSWORD)
    inside.user("bo", Role.OPERATOR, password=PASSWORD)
    with inside.client() as client:
        assert log_in(client, "bo").status_code == 200
        answers = [log_in(client, "ana", f"guess number {n}") for n in range(12)]
        assert [one.status_code for one in answers] == [401] * 10 + [429] * 2
        assert len({one.text for one in answers[:10]}) == 1
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 601
        assert set(answers[-1].json()) == {"error", "do"}
        assert log_in(client, "ana").status_code == 429, "the right one is not told either"
        assert log_in(client, "bo").status_code == 200, "and the others are not locked out"
        # the form of the page is no way round it
        form = client.post("/login", data={"login": "ana", "password": PASSWORD})
        assert (form.status_code, "retry-after" in form.headers) == (429, True)
        # nor a header that says it comes from elsewhere, without a proxy that is trusted
        assert log_in(client, "ana", **{"X-Forwarded-For": "198.51.100.77"}).status_code == 429


def test_guessing_tokens_and_links(inside: HubInside) -> None:
    ana = inside.user("ana", Role.OPERATOR)
    token, _ = inside.hub.people.tokens.make(ana, name="x", scopes=[Right.LOOK], days=1, by=MAKER)
    with inside.client() as client:

        def get(value: str) -> httpx.Response:
            return client.get("/api/v1/site", headers={"Authorization": f"Bearer {value}"})

        answers = [get(f"esplanade_{n:043}") for n in range(22)]
        assert [one.status_code for one in answers] == [401] * 20 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert get(token).status_code == 200, "a right one is never held up"
        link = client.post("/api/v1/links/look", json={"secret": "guess"})
        assert (link.status_code, "retry-after" in link.headers) == (429, True)


def test_tokens_that_are_over(inside: HubInside) -> None:
    people = inside.hub.people
    ana = inside.user("ana", Role.OPERATOR)
    made, row = people.tokens.make(ana, name="x", scopes=[Right.LOOK], days=1, by=MAKER)
    now_ms = people.clock()
    with inside.client(headers={"Authorization": f"Bearer {made}"}) as client:
        me = client.get("/api/v1/me").json()
        assert (me["via"], me["form_token"], me["rights"]) == ("token", None, ["site.look", "self.look"])
        people.tokens._clock = lambda: now_ms + DAY_MS
        answer = client.get("/api/v1/me")
        assert (answer.status_code, 'error="invalid_token"' in answer.headers["www-authenticate"]) == (
            401,
            True,
        )
        people.tokens._clock = people.clock
        assert client.get("/api/v1/me").status_code == 200
        # no cookie takes a token, and a token makes none
        assert "set-cookie" not in client.get("/").headers
        with inside.client(headers={"Cookie": f"esplanade={made}"}) as other:
            assert other.get("/api/v1/me").status_code == 401
        people.tokens.revoke(row.id, user=ana, by=MAKER)
        assert client.get("/api/v1/me").status_code == 401


def test_tokens_over_http(inside: HubInside) -> None:
    inside.user("tech", Role.TECHNICIAN)
    with inside.client_of("tech") as client:
        body = {"name": "Grafana", "scopes": ["site.look", "devices.look"], "days": 30}
        made = client.post("/api/v1/me/tokens", json=body)
        assert made.status_code == 201, made.text
        assert made.json()["secret"].startswith(made.json()["token"]["begin"])
        shown = client.get("/api/v1/me/tokens")
        assert made.json()["secret"] not in shown.text
        assert shown.json()["tokens"][0]["state"] == "in use"
        for wrong in (
            {"scopes": ["users.administer"]},
            {"scopes": ["nothing"]},
            {"days": 366},
            {"scopes": []},
        ):
            assert client.post("/api/v1/me/tokens", json={**body, **wrong}).status_code == 422, wrong
        headers = {"Authorization": f"Bearer {made.json()['secret']}"}
        with inside.client(headers=headers) as program:
            assert program.get("/api/v1/devices").status_code == 200
            assert program.get("/api/v1/approvals").status_code == 403
            assert program.post("/api/v1/me/tokens", json=body).status_code == 403, "a token makes no token"
        number = made.json()["token"]["id"]
        with inside.client_of("tech") as other:
            assert other.delete(f"/api/v1/me/tokens/{number + 1}").status_code == 404
        assert client.delete(f"/api/v1/me/tokens/{number}").status_code == 204


def test_a_session_after_the_password_changed(inside: HubInside) -> None:
    inside.user("ana", Role.OPERATOR, password=PASSWORD)
    with inside.client() as stolen, inside.client() as client:
        log_in(stolen)
        form = {"X-CSRF-Token": log_in(client).json()["form_token"]}
        before = client.cookies["esplanade"]
        body = {"old": "wrong", "new": "eight red scooters"}
        assert client.post("/api/v1/me/password", json=body, headers=form).status_code == 403
        changed = client.post("/api/v1/me/password", json={**body, "old": PASSWORD}, headers=form)
        assert changed.status_code == 200, changed.text
        assert client.cookies["esplanade"] != before
        assert client.get("/api/v1/me").status_code == 200
        assert stolen.get("/api/v1/me").status_code == 401
        assert client.post("/api/v1/me/password", json=body, headers=form).status_code == 403, (
            "the old form token"
        )
        assert log_in(stolen).status_code == 401


def stream_ends(inside: HubInside, login: str, do: object, *, within_s: float = 10.0) -> None:
    """An open stream of `login` delivers, then ends soon after `do()`, though it is never read from again by us."""
    with inside.client_of(login) as client:
        started, ended = threading.Event(), threading.Event()

        def read() -> None:
            with client.stream("GET", "/api/v1/events", timeout=60) as answer:
                assert answer.status_code == 200
                for _ in answer.iter_raw():
                    started.set()
            ended.set()

        thread = threading.Thread(target=read)
        thread.start()
        assert started.wait(30)
        assert not ended.is_set()
        do()  # type: ignore[operator]
        assert ended.wait(within_s), "the stream goes on"
        thread.join()


@pytest.mark.parametrize("how", ["disabled", "roles", "session", "log out", "token over", "token revoked"])
def test_an_open_stream_ends_with_the_right_to_it(inside: HubInside, how: str) -> None:
    users, sessions = inside.hub.people.users, inside.hub.people.sessions
    inside.user("root", Role.ADMINISTRATOR, password=PASSWORD)
    ana = inside.user("ana", Role.OPERATOR)
    if how in ("token over", "token revoked"):
        tokens = inside.hub.people.tokens
        made, row = tokens.make(ana, name="x", scopes=[Right.LOOK], days=1, by=MAKER)
        now_ms = tokens._clock()
        bearer = {"Authorization": f"Bearer {made}"}
        with inside.client(headers=bearer) as client, client.stream("GET", "/api/v1/events") as answer:
            lines = answer.iter_raw()
            assert next(lines)
            if how == "token revoked":
                tokens.revoke(row.id, user=ana, by=MAKER)
            else:
                tokens._clock = lambda: now_ms + DAY_MS
            for _ in lines:
                pass  # the end; a stream that goes on runs into the test's time limit
        return
    do = {
        "disabled": lambda: users.disable("ana", by=MAKER),
        "roles": lambda: users.change("ana", roles=[Role.PARTNER], sites=["elsewhere"], by=MAKER),
        "session": lambda: sessions.end_all(user=ana, by=MAKER),
        "log out": lambda: inside.hub.people.leave(actor_of(inside, "ana")),
    }[how]
    began_s = time.monotonic()
    stream_ends(inside, "ana", do)
    assert time.monotonic() - began_s < 30


def actor_of(inside: HubInside, login: str) -> object:
    """Who holds the newest session of a user."""
    people = inside.hub.people
    user = people.users.get(login)
    from dataclasses import replace

    from hub.people.actor import OPEN

    return replace(OPEN, name=login, user=user.id, session=people.sessions.of(user.id)[0].id, via="session")


def test_an_open_stream_keeps_its_session_alive(inside: HubInside) -> None:
    sessions = inside.hub.people.sessions
    ana = inside.user("ana", Role.VIEWER)
    with inside.client_of("ana") as client, client.stream("GET", "/api/v1/events", timeout=30) as answer:
        lines = answer.iter_raw()
        next(lines)
        (before,) = sessions.of(ana.id)
        now_ms = sessions._clock()
        sessions._clock = lambda: now_ms + sessions.lifetimes.idle_ms - 60_000
        inside.until(lambda: sessions.of(ana.id)[0].seen_ms > before.seen_ms)


def test_what_people_do_stands_under_their_own_name(inside: HubInside) -> None:
    inside.user("ana.pop", Role.OPERATOR)
    inside.user("view", Role.VIEWER)
    alert = inside.car_alert()
    path = f"/api/v1/alerts/{alert}/acknowledge"
    with inside.client_of("view") as client:
        assert client.post(path, json={}).status_code == 403
    with inside.client_of("ana.pop") as client:
        forged = client.post(path, json={"by": "bo"})
        assert (forged.status_code, "your own login name" in forged.json()["error"]) == (422, True)
        answer = client.post(path, json={})
        assert answer.status_code == 200
        assert answer.json()["alert"]["acknowledged_by"] == "ana.pop"
        permit = {"place": "zone-0", "kinds": ["car"], "minutes": 5, "reason": "patrol"}
        assert client.post("/api/v1/permits", json=permit).json()["by"] == "ana.pop"
    rows = inside.hub.people.db.all(
        "SELECT actor, via, action FROM audit WHERE action IN ('alert.acknowledge', 'permit.grant') ORDER BY seq"
    )
    assert rows == [("ana.pop", "session", "alert.acknowledge"), ("ana.pop", "session", "permit.grant")]


def test_users_are_administered(inside: HubInside) -> None:
    inside.user("root", Role.ADMINISTRATOR, password=PASSWORD)
    inside.user("ana", Role.OPERATOR, password=PASSWORD)
    with inside.client_of("root") as root, inside.client_of("ana") as ana:
        changed = root.patch("/api/v1/users/ana", json={"roles": ["partner"], "sites": ["test-square"]})
        assert changed.status_code == 200, changed.text
        assert changed.json()["user"]["sites"] == ["test-square"]
        assert ana.get("/api/v1/devices").status_code == 403
        assert root.patch("/api/v1/users/ana", json={"sites": None}).status_code == 422
        assert root.patch("/api/v1/users/gone", json={}).status_code == 404
        assert root.patch("/api/v1/users/root", json={"roles": ["viewer"]}).status_code == 409
        assert root.post("/api/v1/users/root/disable").status_code == 409
        assert [one["address"] for one in root.get("/api/v1/users/ana/sessions").json()["sessions"]] == [
            "127.0.0.1"
        ]
        assert root.delete("/api/v1/users/ana/sessions").json()["sessions"] == []
        assert ana.get("/api/v1/me").status_code == 401
        link = root.post("/api/v1/users/ana/link").json()
        assert "/link#" in link["link"]
        assert root.post("/api/v1/users/ana/disable").json()["user"]["state"] == "disabled"
        secret = link["link"].partition("#")[2]
        with inside.client() as client:
            used = client.post("/api/v1/links/use", json={"secret": secret, "password": "eight red scooters"})
            assert used.status_code == 404
        assert root.post("/api/v1/users/ana/enable").json()["user"]["state"] == "active"
        assert {one["login"] for one in root.get("/api/v1/users").json()["users"]} == {"root", "ana"}
        assert {one["role"] for one in root.get("/api/v1/rights").json()["roles"]} == {
            role.value for role in Role
        }
        # one's own sessions
        assert root.post("/api/v1/me/language", json={"language": "ro"}).json()["language"] == "ro"
        assert root.post("/api/v1/me/language", json={"language": "../x"}).status_code == 422
        with inside.client_of("root") as second:
            mine = root.get("/api/v1/me/sessions").json()["sessions"]
            assert [one["is_this"] for one in mine] == [False, True]
            assert root.delete(f"/api/v1/me/sessions/{mine[0]['id']}").status_code == 204
            assert second.get("/api/v1/me").status_code == 401
            assert root.delete("/api/v1/me/sessions").json()["sessions"][0]["is_this"]


def test_only_a_trusted_proxy_says_where_a_request_comes_from() -> None:
    import ipaddress

    def client(peer: str, forwarded: list[str], *proxies: str) -> str:
        networks: tuple[Network, ...] = tuple(ipaddress.ip_network(one) for one in proxies)
        scope = {"client": (peer, 1)}
        headers = guard.Headers(raw=[(b"x-forwarded-for", one.encode()) for one in forwarded])
        return Access(proxies=networks).client(scope, headers)

    assert client("192.0.2.1", ["198.51.100.1"]) == "192.0.2.1"
    assert client("192.0.2.1", ["198.51.100.1"], "127.0.0.1") == "192.0.2.1"
    assert client("127.0.0.1", ["198.51.100.1"], "127.0.0.1") == "198.51.100.1"
    # what the client wrote itself stands left of what the proxy wrote
    assert client("127.0.0.1", ["1.1.1.1, 198.51.100.1"], "127.0.0.1") == "198.51.100.1"
    assert (
        client("127.0.0.1", ["1.1.1.1", "198.51.100.1, 10.0.0.2"], "127.0.0.1", "10.0.0.0/8")
        == "198.51.100.1"
    )
    assert client("127.0.0.1", ["nonsense"], "127.0.0.1") == "127.0.0.1"
    assert client("127.0.0.1", [], "127.0.0.1") == "127.0.0.1"
    assert client("127.0.0.1", ["2001:db8::1"], "127.0.0.1") == "2001:db8::1"


def test_behind_a_reverse_proxy(tmp_path: Path) -> None:
    http = {"login": "people", "trusted_proxies": ("127.0.0.1",), "names": ("hub.town.example",)}
    http["url"] = "https://hub.town.example"
    with HubInside(tmp_path, http=http) as inside:
        link = inside.hub.first_link()
        assert link is not None
        assert link.startswith("https://hub.town.example/link#")
        inside.user("ana", Role.OPERATOR, password=PASSWORD)
        with inside.client(headers={"Host": "hub.town.example"}) as client:
            answer = log_in(client, Origin="https://hub.town.example", **{"X-Forwarded-For": "198.51.100.4"})
            assert answer.status_code == 200
            assert answer.headers["set-cookie"].startswith("__Host-esplanade=")
            assert answer.headers["strict-transport-security"]
            user = inside.hub.people.users.get("ana")
            assert inside.hub.people.sessions.of(user.id)[0].address == "198.51.100.4"
            # guesses from one address behind the proxy do not count for another
            for n in range(42):
                last = log_in(client, f"guess{n}", **{"X-Forwarded-For": "203.0.113.9"})
            assert last.status_code == 429
            assert log_in(client, "guess", **{"X-Forwarded-For": "203.0.113.10"}).status_code == 401
            assert client.get("/login", headers={"Host": "evil.example"}).status_code == 421


def test_many_log_in_at_once(inside: HubInside) -> None:
    """More than the queue takes are told to come again, and nothing else waits for them."""
    inside.user("ana", Role.OPERATOR, password=PASSWORD)
    let_go, hasher = threading.Event(), inside.hub.people.passwords

    def slow(_stored: object, _password: str) -> bool:
        let_go.wait(30)
        return True

    real, hasher.verify = hasher.verify, slow  # type: ignore[method-assign]
    statuses: list[int] = []

    def one(n: int) -> None:
        with inside.client() as client:
            statuses.append(log_in(client, f"guess{n}").status_code)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    inside.until(lambda: len(statuses) == 4)
    assert statuses == [503] * 4
    with inside.client_of("ana") as client:
        assert client.get("/api/v1/site").status_code == 200
    let_go.set()
    for thread in threads:
        thread.join()
    hasher.verify = real  # type: ignore[method-assign]
    assert sorted(statuses) == [401] * 16 + [503] * 4
