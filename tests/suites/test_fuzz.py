"""Every endpoint of the OpenAPI document, with what its schema allows and what it does not: none fails (500), and every
answer, errors too, is as the document says.

`make fuzz` runs this longer and with other examples each time: ESPLANADE_FUZZ says how many for each endpoint.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode

from hub.rights import Role
from tests.kit.hub_inside import HubInside

EXAMPLES = int(os.environ.get("ESPLANADE_FUZZ", "0"))
QUICK = 5
# An event stream never ends; tests/suites/test_headers.py and test_events.py ask for it.
STREAMS = {"/api/v1/events"}
LIVES = {"alert": "an alert that is there", "zone": "zone-0"}

load_all_checks()
_TRUE_TO_SCHEMA = [
    CHECKS.get_one(name)
    for name in ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
]


def judged(inside: HubInside) -> None:
    """An open alert, minutes, readings."""
    LIVES["alert"] = inside.car_alert()


def peopled(inside: HubInside) -> None:
    """And somebody who may everything, another who is the last administrator, and a third to do things to."""
    judged(inside)
    inside.user("everybody", *Role, sites=("test-square",))
    inside.user("root", Role.ADMINISTRATOR, password="seven green bicycles")
    inside.user("somebody", Role.OPERATOR)
    LIVES["login"] = "somebody"


STATES: dict[str, tuple[dict[str, Any], Callable[[HubInside], None]]] = {
    "no data yet": ({}, lambda _inside: None),
    "running": ({}, judged),
    "with people": ({"login": "people"}, peopled),
}


@pytest.fixture(scope="module", params=STATES)
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubInside]:
    http, begin = STATES[request.param]
    folder: Path = tmp_path_factory.mktemp("fuzz")
    with HubInside(folder, http=http) as inside:
        begin(inside)
        yield inside


def failed(answer: Any) -> bool:
    """503 is an answer that says what is missing; every other 5xx is a failure of ours."""
    return answer.status_code >= 500 and answer.status_code != 503


def test_no_endpoint_fails_and_each_answers_as_documented(hub: HubInside) -> None:
    document = hub.hub.web.app.openapi()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.base_url = hub.url
    asked = 0
    with requests.Session() as session:
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path in STREAMS:
                continue
            for headers in sessions(hub):
                asked += 1
                _fuzz(operation, session, headers)
    assert asked >= len(document["paths"]) - len(STREAMS)


def sessions(hub: HubInside) -> list[dict[str, str]]:
    """A session of its own for each endpoint, since some end sessions; and nobody."""
    if hub.hub.settings.open:
        return [{}]
    with hub.client_of("everybody") as client:
        return [{name: client.headers[name] for name in ("Cookie", "X-CSRF-Token")}, {}]


def _fuzz(operation: Any, session: requests.Session, headers: dict[str, str]) -> None:
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=EXAMPLES or QUICK,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, real=st.booleans())
    def ask(case: Any, real: bool) -> None:
        if real:  # names that exist, so that it is not all 404
            for name in set(case.path_parameters or ()) & set(LIVES):
                case.path_parameters[name] = LIVES[name]
        answer = case.call(session=session, headers=headers, timeout=30)
        sent = f"{case.method} {answer.request.url} {answer.request.body!r}"
        where = f"{sent}: {answer.status_code} {answer.content[:400]!r}"
        assert not failed(answer), where
        case.validate_response(answer, checks=_TRUE_TO_SCHEMA)

    ask()
