"""Every route and the event stream, from both sides of the one table of rights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Mount

from hub import rights
from hub.api.allowed import Anyone, UnguardedRoute, needs, refuse_unguarded, rule_of, walk
from hub.config import OidcPart
from hub.rights import RIGHTS, Right, Role
from tests.kit.hub_inside import HubInside

# What everybody may reach without being anybody. A new one is looked at here.
FOR_ANYONE = {
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/link"),
    ("POST", "/link"),
    ("GET", "/api/v1/ways-in"),
    ("GET", "/api/v1/words"),
    ("GET", "/api/v1/words/{language}"),
    ("POST", "/api/v1/session"),
    ("POST", "/api/v1/links/look"),
    ("POST", "/api/v1/links/use"),
    ("GET", "/api/v1/ways-in"),
    ("GET", "/api/v1/words"),
    ("GET", "/api/v1/words/{language}"),
}
# What each route needs, written down a second time: a route that is new, or whose right was changed, is looked at here.
EXPECTED = {
    ("GET", "/"): Right.LOOK,
    ("GET", "/api/v1/site"): Right.LOOK,
    ("GET", "/api/v1/state"): Right.LOOK,
    ("GET", "/api/v1/events"): Right.LOOK,
    ("GET", "/api/v1/zones/{zone}/history"): Right.LOOK,
    ("GET", "/api/v1/figures"): Right.LOOK,
    ("GET", "/api/v1/alerts"): Right.LOOK,
    ("GET", "/api/v1/alerts/{alert}"): Right.LOOK,
    ("GET", "/api/v1/openapi.json"): Right.LOOK,
    ("GET", "/api/v1/devices"): Right.DEVICES,
    ("POST", "/api/v1/alerts/{alert}/acknowledge"): Right.HANDLE,
    ("POST", "/api/v1/alerts/{alert}/shelve"): Right.HANDLE,
    ("POST", "/api/v1/alerts/{alert}/unshelve"): Right.HANDLE,
    ("POST", "/api/v1/alerts/{alert}/close"): Right.HANDLE,
    ("POST", "/api/v1/permits"): Right.PERMIT,
    ("POST", "/api/v1/out-of-service"): Right.OUT_OF_SERVICE,
    ("GET", "/api/v1/channels"): Right.DELIVERIES,
    ("POST", "/api/v1/channels/{channel}/enable"): Right.CHANNELS,
    ("POST", "/api/v1/channels/{channel}/test"): Right.CHANNELS,
    ("GET", "/api/v1/exports/{kind}"): Right.EXPORT,
    ("GET", "/api/v1/audit"): Right.AUDIT,
    ("GET", "/api/v1/audit/head"): Right.AUDIT,
    ("GET", "/api/v1/audit/check"): Right.AUDIT,
    ("GET", "/api/v1/documents"): Right.ASSESSMENT_LOOK,
    ("GET", "/api/v1/documents/{title}"): Right.ASSESSMENT_LOOK,
    ("PUT", "/api/v1/documents/{name}"): Right.ASSESSMENT_WRITE,
    ("GET", "/api/v1/cap/feed"): Right.CAP_FEED,
    ("GET", "/api/v1/cap/messages/{identifier}"): Right.CAP_FEED,
    ("GET", "/api/v1/alerts/{alert}/cap"): Right.CAP_LOOK,
    ("POST", "/api/v1/alerts/{alert}/cap/ask"): Right.CAP_RELEASE,
    ("POST", "/api/v1/alerts/{alert}/cap/withdraw"): Right.CAP_RELEASE,
    ("GET", "/api/v1/approvals"): Right.APPROVALS,
    ("GET", "/api/v1/approvals/{approval}"): Right.APPROVALS,
    ("POST", "/api/v1/approvals/{approval}/approve"): Right.APPROVALS,
    ("POST", "/api/v1/approvals/{approval}/refuse"): Right.APPROVALS,
    ("POST", "/api/v1/approvals/{approval}/withdraw"): Right.APPROVALS,
    ("GET", "/api/v1/me"): Right.SELF,
    ("DELETE", "/api/v1/session"): Right.OWN,
    ("POST", "/api/v1/me/password"): Right.OWN,
    ("POST", "/api/v1/me/language"): Right.OWN,
    ("GET", "/api/v1/me/sessions"): Right.OWN,
    ("DELETE", "/api/v1/me/sessions"): Right.OWN,
    ("DELETE", "/api/v1/me/sessions/{number}"): Right.OWN,
    ("GET", "/api/v1/me/tokens"): Right.TOKENS,
    ("POST", "/api/v1/me/tokens"): Right.TOKENS,
    ("DELETE", "/api/v1/me/tokens/{number}"): Right.TOKENS,
    ("GET", "/api/v1/rights"): Right.SELF,
    ("GET", "/notice"): Right.NOTICE,
    ("GET", "/notice.css"): Right.NOTICE,
    ("GET", "/dpia"): Right.DPIA,
    ("GET", "/api/v1/users"): Right.USERS,
    ("POST", "/api/v1/users"): Right.USERS,
    ("PATCH", "/api/v1/users/{login}"): Right.USERS,
    ("POST", "/api/v1/users/{login}/disable"): Right.USERS,
    ("POST", "/api/v1/users/{login}/enable"): Right.USERS,
    ("POST", "/api/v1/users/{login}/link"): Right.USERS,
    ("GET", "/api/v1/users/{login}/sessions"): Right.USERS,
    ("DELETE", "/api/v1/users/{login}/sessions"): Right.USERS,
    ("GET", "/api/v1/users/{login}/tokens"): Right.USERS,
    ("DELETE", "/api/v1/users/{login}/tokens/{number}"): Right.USERS,
}


class Served(NamedTuple):
    """`right` None: for anyone."""

    method: str
    path: str
    right: Right | None

    @property
    def filled(self) -> str:
        return re.sub(r"\{number\}", "77", self.path).replace("{login}", "some-name")


def served(hub: HubInside) -> list[Served]:
    found = []
    for route in walk(hub.hub.web.app.routes):  # type: ignore[attr-defined]
        if isinstance(route, Mount):
            continue
        assert isinstance(route, APIRoute)
        rule = rule_of(route)
        assert rule is not None, route.path
        right = None if isinstance(rule, Anyone) else rule.right
        found += [Served(method, route.path, right) for method in sorted(route.methods)]
    return found


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubInside]:
    with HubInside(tmp_path_factory.mktemp("locked"), http={"login": "people"}) as inside:
        inside.pass_time(1)
        inside.user("root", Role.ADMINISTRATOR, password="seven green bicycles")
        for role in Role:
            inside.user(f"the-{role}", role, sites=("test-square",) if role is Role.PARTNER else None)
            inside.user(f"far-{role}", role, sites=("elsewhere",))
        yield inside


def ask(client: httpx.Client, one: Served, **options: Any) -> httpx.Response:
    body = {"json": {}} if one.method in ("POST", "PATCH") else {}
    path = re.sub(r"\{[^}]+\}", "some-name", one.filled)
    if one.path.endswith("/events"):
        with client.stream(one.method, path, **options) as answer:
            if answer.status_code != 200:
                answer.read()
            return answer
    return client.request(one.method, path, **body, **options)


def test_every_route_is_expected(locked: HubInside) -> None:
    found = served(locked)
    assert {(one.method, one.path) for one in found if one.right is None} == FOR_ANYONE
    assert {(one.method, one.path): one.right for one in found if one.right is not None} == EXPECTED
    # what a browser loads holds nothing of the site; it is the only folder that anybody may read
    mounts = [one.path for one in walk(locked.hub.web.app.routes) if isinstance(one, Mount)]  # type: ignore[attr-defined]
    assert mounts == ["/static"]


def test_with_openid_connect_there_is_one_more_way_in_and_nothing_else(
    locked: HubInside, tmp_path: Path
) -> None:
    oidc = OidcPart(issuer="https://login.example", client_id="hub", who="invited")
    http = {"login": "people", "url": "https://hub.example", "oidc": oidc}
    with HubInside(tmp_path, http=http) as inside:
        more = {(one.method, one.path, one.right) for one in served(inside)} - {
            (one.method, one.path, one.right) for one in served(locked)
        }
        assert more == {
            ("GET", "/login/oidc", None),
            ("POST", "/login/oidc", None),
            ("GET", "/login/oidc/return", None),
        }


def test_nothing_answers_without_anybody(locked: HubInside) -> None:
    wrong = ({}, {"Authorization": "Bearer esplanade_wrong"}, {"Cookie": "esplanade=wrong"})
    with locked.client() as client:
        for one in served(locked):
            if one.right is None:
                continue
            for headers in wrong:
                answer = ask(client, one, headers=headers)
                expected = (401, 429) if "Authorization" in headers else (303,) if one.path == "/" else (401,)
                assert answer.status_code in expected, (one, headers)
                assert "esp-app" not in answer.text
        for path in ("/nothing/here", "/openapi.json", "/docs", "/static/../app.py"):
            assert client.get(path).status_code in (401, 404), path
        assert client.get("/nothing/here").status_code == 401


@pytest.mark.parametrize("role", list(Role))
def test_each_role_reaches_what_the_table_says_and_nothing_else(locked: HubInside, role: Role) -> None:
    held = rights.of(frozenset({role}))
    seen = set()
    with locked.client_of(f"the-{role}") as client:
        for one in served(locked):
            if one.right is None or (one.method, one.path) == ("DELETE", "/api/v1/session"):
                continue
            answer = ask(client, one)
            if one.right in held:
                assert answer.status_code not in (401, 403, 500), (one, answer.status_code)
                seen.add(one.right)
            else:
                assert answer.status_code == 403, one
                assert RIGHTS[one.right].words in answer.json()["error"]
        assert client.delete("/api/v1/session").json() == {"go": None}
        assert client.get("/api/v1/me").status_code == 401
    assert seen == held & set(EXPECTED.values())


@pytest.mark.parametrize("role", list(Role))
def test_who_sees_other_sites_only_reaches_nothing_of_this_one(locked: HubInside, role: Role) -> None:
    with locked.client_of(f"far-{role}") as client:
        for one in served(locked):
            if one.right is None or not RIGHTS[one.right].of_site:
                continue
            answer = ask(client, one)
            assert answer.status_code == 403, one
        assert client.get("/api/v1/me").json()["rights"]


def test_each_right_of_a_token_alone(locked: HubInside) -> None:
    """A token with one scope reaches the routes of that scope, and one's own name, and nothing else."""
    people = locked.hub.people
    user = people.users.get(locked.user("every-role", *Role, sites=("test-square",)).login)
    with locked.client_of("every-role") as owner:
        actor = people.sessions.who(owner.headers["Cookie"].partition("=")[2])
    assert actor is not None
    made = {
        right: people.tokens.make(user, name=right, scopes=[right], days=1, by=actor)[0]
        for right in rights.scopes(user.roles)
        if right in EXPECTED.values()
    }
    assert Right.LOOK in made and Right.USERS not in made
    one_of_each = {one.right: one for one in served(locked) if one.right is not None}.values()
    for right, token in made.items():
        with locked.client(headers={"Authorization": f"Bearer {token}"}) as client:
            for one in one_of_each:
                answer = ask(client, one)
                if one.right in (right, Right.SELF):
                    assert answer.status_code not in (401, 403, 500), (right, one, answer.text)
                else:
                    assert answer.status_code == 403, (right, one)


def test_a_session_alone_changes_nothing(locked: HubInside) -> None:
    """Each unsafe route, with the cookie that a browser would send and without the form token."""
    with locked.client_of("root") as client:
        other = {"X-CSRF-Token": "x" * 43}
        del client.headers["X-CSRF-Token"]
        unsafe = [one for one in served(locked) if one.method != "GET" and one.right is not None]
        assert len(unsafe) > 20
        for one in unsafe:
            for headers in ({}, other):
                answer = ask(client, one, headers=headers)
                assert answer.status_code == 403, one
                assert "form token" in answer.json()["error"]
        assert client.get("/api/v1/me").status_code == 200


def test_open_mode_serves_nothing_about_users(tmp_path: Any) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        paths = {(one.method, one.path) for one in served(inside)}
        assert ("GET", "/api/v1/me") in paths
        assert not [path for _, path in paths if "/users" in path or "/session" in path or "/me/" in path]
        me = client.get("/api/v1/me").json()
        assert (me["via"], me["login"], me["form_token"]) == ("open", "", None)
        assert set(me["rights"]) == {right.value for right in Right}


def test_a_route_without_a_right_does_not_start() -> None:
    app, router = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), APIRouter(prefix="/x")

    @router.get("/guarded", dependencies=[needs(Right.LOOK)])
    def guarded() -> None: ...

    app.include_router(router)
    assert refuse_unguarded(app, open_mounts=frozenset()) == frozenset()

    @router.get("/forgotten")
    def forgotten() -> None: ...

    with pytest.raises(UnguardedRoute, match="/x/forgotten names no right"):
        refuse_unguarded(app, open_mounts=frozenset())
    with pytest.raises(UnguardedRoute, match="/openapi"):
        refuse_unguarded(FastAPI(), open_mounts=frozenset())
