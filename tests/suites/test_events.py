"""The stream of events: a snapshot, then numbered deltas and beats; a slow reader is dropped, never waited for."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from hub.live import QUEUE_EVENTS, Subscriber
from tests.kit.hub_inside import HubInside
from tests.kit.square import Square


def events(answer: httpx.Response) -> Iterator[tuple[str, int, dict[str, Any]]]:
    name, number = "", -1
    for line in answer.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            number = int(value)
        elif field == "data":
            yield name, number, json.loads(value)


def test_a_snapshot_then_what_changes(tmp_path: Path) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        inside.pass_time(2)
        with client.stream("GET", "/api/v1/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            stream = events(answer)
            name, seq, snapshot = next(stream)
            assert (name, seq) == ("snapshot", snapshot["seq"])
            assert snapshot == {**client.get("/api/v1/state").json(), "seq": seq, "hub": snapshot["hub"]}
            inside.pass_time(3, car=True)
            held = snapshot
            alerts: list[Any] = []
            while not any(one["rule"].startswith("vehicle.") for one in alerts):
                name, number, data = next(stream)
                assert number == data["seq"]
                if name == "beat":
                    assert data["seq"] == held["seq"]
                    continue
                assert data["seq"] == held["seq"] + 1
                held = {**held, **data}
                alerts = held["alerts"]
                if held["at"] == client.get("/api/v1/state").json()["at"]:
                    inside.pass_time(1, car=True)
            now = client.get("/api/v1/state").json()
            while held["seq"] < now["seq"]:
                _, _, data = next(stream)
                held = {**held, **data}
            held.pop("closed", None)
            for part in ("zones", "alerts", "vehicles", "cameras", "heat"):
                assert held[part] == client.get("/api/v1/state").json()[part], part


def test_beats_come_while_nothing_happens(tmp_path: Path) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        inside.pass_time(1)
        with client.stream("GET", "/api/v1/events") as answer:
            stream = events(answer)
            next(stream)
            started = time.monotonic()
            for _ in range(3):
                next(stream)
            assert time.monotonic() - started < 4.5


def test_the_first_event_is_a_snapshot_though_nothing_was_judged(tmp_path: Path) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        assert client.get("/api/v1/state").status_code == 503
        with client.stream("GET", "/api/v1/events") as answer:
            stream = events(answer)
            inside.pass_time(1)
            assert next(stream)[0] == "snapshot"


def test_streams_end_when_the_hub_stops(tmp_path: Path) -> None:
    with HubInside(tmp_path) as inside:
        inside.pass_time(1)
        client = inside.client()
        answer = client.send(client.build_request("GET", "/api/v1/events"), stream=True)
        stream = events(answer)
        next(stream)
        started = time.monotonic()
        inside.hub.live.close()
        assert [name for name, _, _ in stream if name == "snapshot"] == []
        assert time.monotonic() - started < 3
        client.close()


def test_a_reader_that_does_not_read_is_dropped(tmp_path: Path) -> None:
    with HubInside(tmp_path, square=Square(cameras=6, across=3)) as inside, inside.client() as client:
        inside.pass_time(1)
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", inside.port))
        slow.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        inside.until(lambda: inside.hub.live.readers == 1)
        step_s = 0.0
        for number in range(1000):
            started = time.monotonic()
            inside.pass_time(1, people_per_m2=0.1 + number % 7 * 0.01)
            step_s = max(step_s, time.monotonic() - started)
            if inside.hub.live.readers == 0:
                break
        assert inside.hub.live.readers == 0
        assert step_s < 2.0
        assert client.get("/api/v1/state").status_code == 200
        slow.close()


def test_a_full_queue_ends_the_subscription() -> None:
    async def fill() -> list[bytes]:
        subscriber = Subscriber()
        for number in range(QUEUE_EVENTS + 10):
            subscriber.put(b"%d" % number)
        await asyncio.sleep(0.05)
        return [data async for data in subscriber.events()]

    # a thread of its own: a browser test before this one may have left a running loop in the main one
    with ThreadPoolExecutor(1) as pool:
        got = pool.submit(asyncio.run, fill()).result(10)
    assert got == [b"%d" % number for number in range(QUEUE_EVENTS)]
