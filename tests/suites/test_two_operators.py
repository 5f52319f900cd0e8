"""Two people act on one alert at the same moment: one is first, the other is told who that was and when."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from hub.batch import Batch
from tests.kit.hub_inside import HubInside

FALSE = {"disposition": "false", "cause": "a van of ours"}


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubInside]:
    with HubInside(tmp_path_factory.mktemp("two")) as one:
        yield one


@contextmanager
def judge_held(inside: HubInside) -> Iterator[None]:
    """What is asked meanwhile comes in one round."""
    holding, go = threading.Event(), threading.Event()

    def hold(_batch: Batch, _now_ms: int) -> bool:
        holding.set()
        return go.wait(10)

    held = inside.hub.judge.ask(hold)
    assert holding.wait(10)  # else its round would take what comes next along
    try:
        yield
    finally:
        go.set()
        assert held.result(10)


def both(inside: HubInside, path: str, body: dict[str, Any]) -> list[httpx.Response]:
    """Ana and Bo press at once; the one who was first is first."""
    with inside.client() as client, ThreadPoolExecutor(2) as people:
        with judge_held(inside):
            before = inside.hub.judge.inbox.qsize()
            asked = [people.submit(client.post, path, json={"by": by, **body}) for by in ("Ana", "Bo")]
            inside.until(lambda: inside.hub.judge.inbox.qsize() >= before + 2)
        answers = [one.result() for one in asked]
    return sorted(answers, key=lambda one: one.status_code)


def transitions(inside: HubInside, alert: str) -> list[dict[str, Any]]:
    with inside.client() as client:
        found: list[dict[str, Any]] = client.get(f"/api/v1/alerts/{alert}").json()["transitions"]
        return found


def test_one_of_two_takes_it_closes_it_and_says_what_it_was(inside: HubInside) -> None:
    alert = inside.car_alert()
    first, second = both(inside, f"/api/v1/alerts/{alert}/acknowledge", {})
    assert (first.status_code, second.status_code) == (200, 409)
    took = first.json()["alert"]
    assert f"acknowledged by {took['acknowledged_by']} at {took['acknowledged_at']}" in second.json()["error"]
    assert [one["event"] for one in transitions(inside, alert)].count("acknowledge") == 1

    inside.pass_time(40)  # gone: it closes by itself, and nobody has said what it was
    first, second = both(inside, f"/api/v1/alerts/{alert}/close", FALSE)
    assert (first.status_code, second.status_code) == (200, 409)
    given = transitions(inside, alert)[-1]
    assert given["event"] == "dispose"
    assert f"closed by {given['by']} at {given['at']} as false: a van of ours" in second.json()["error"]
    assert [one["event"] for one in transitions(inside, alert)].count("dispose") == 1


def test_who_closes_or_takes_what_another_has_just_closed(inside: HubInside) -> None:
    alert = inside.car_alert()
    inside.pass_time(40)  # the car is gone, nobody has answered for it
    first, second = both(inside, f"/api/v1/alerts/{alert}/close", {"disposition": "true"})
    assert (first.status_code, second.status_code) == (200, 409)
    closed = transitions(inside, alert)[-1]
    assert closed["event"] == "close"
    assert f"closed by {closed['by']} at {closed['at']} as true" in second.json()["error"]
    with inside.client() as client:
        late = client.post(f"/api/v1/alerts/{alert}/acknowledge", json={"by": "Cy"})
    assert late.status_code == 409
    assert f"closed by {closed['by']}" in late.json()["error"]


def test_an_acknowledgement_that_closes_it(inside: HubInside) -> None:
    alert = inside.car_alert()
    inside.pass_time(40)
    first, second = both(inside, f"/api/v1/alerts/{alert}/acknowledge", {})
    assert (first.status_code, second.status_code) == (200, 409)
    took = first.json()["alert"]
    assert took["closed_at"] is not None
    assert f"{took['acknowledged_by']} had acknowledged it" in second.json()["error"]
