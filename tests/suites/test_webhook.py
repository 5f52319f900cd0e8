"""Notifications to a real receiver that fails half of the time: each arrives, in order, and the page can see it."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.config import WebhookPart
from hub.dispatch import after, begun
from hub.notify.channel import Attempt, Letter, Outcome
from hub.notify.routing import Purpose
from hub.notify.webhook import Webhook
from hub.records import DueDelivery
from tests.kit.hub_inside import HubInside

SECRET = "a secret between the two of us"


class Receiver:
    """An HTTP server on loopback. `answer(n)` gives the status for the n-th request."""

    def __init__(self, answer: Callable[[int], int]) -> None:
        self.requests: list[tuple[int, dict[str, str], bytes]] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = answer(len(receiver.requests))
                receiver.requests.append((status, dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    @property
    def taken(self) -> list[dict[str, Any]]:
        return [json.loads(body) for status, _, body in self.requests if status < 300]


@pytest.fixture
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    receiver = Receiver(request.param)
    yield receiver
    receiver.close()


def deliveries(inside: HubInside, alert: str) -> list[dict[str, Any]]:
    with inside.client() as client:
        found: list[dict[str, Any]] = client.get(f"/api/v1/alerts/{alert}").json()["deliveries"]
        return found


@pytest.mark.parametrize("receiver", [lambda n: 503 if n % 2 == 0 else 204], indirect=True)
def test_every_transition_arrives_in_order(receiver: Receiver, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    webhook = WebhookPart(name="town", url=receiver.url, secret_file=str(secret))
    with HubInside(tmp_path, webhooks=(webhook,)) as inside:
        alert = inside.car_alert()
        with inside.client() as client:
            assert client.post(f"/api/v1/alerts/{alert}/acknowledge", json={"by": "Ana"}).status_code == 200
        inside.pass_time(40)
        with inside.client() as client:
            told = [
                one
                for one in client.get(f"/api/v1/alerts/{alert}").json()["transitions"]
                if one["alert"]["condition"] != "pending"
            ]
        assert len(told) >= 3
        inside.until(lambda: len(receiver.taken) >= len(told), timeout_s=40)
        rows = inside.until(
            lambda: (
                (rows := deliveries(inside, alert)) and all(r["state"] == "delivered" for r in rows) and rows
            )
        )
    assert [one["transition"] for one in receiver.taken] == told
    assert all(row["attempts"] >= 1 and row["last_error"] is None for row in rows)
    assert any(row["attempts"] > 1 for row in rows)
    for _, headers, body in receiver.requests:
        at, mac = (part.split("=", 1)[1] for part in headers["X-Esplanade-Signature"].split(","))
        assert hmac.compare_digest(
            mac, hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        )
        assert headers["X-Esplanade-Delivery"] == str(json.loads(body)["delivery"])


@pytest.mark.parametrize("receiver", [lambda _n: 422], indirect=True)
def test_a_message_that_is_not_taken_is_marked_and_not_tried_again(
    receiver: Receiver, tmp_path: Path
) -> None:
    with HubInside(tmp_path, webhooks=(WebhookPart(url=receiver.url),)) as inside:
        alert = inside.car_alert()
        rows = inside.until(lambda: (r := deliveries(inside, alert)) and r[0]["state"] == "refused" and r)
        assert rows[0]["channel"] == "webhook-1"
        assert rows[0]["attempts"] == 1
        assert "HTTP 422" in rows[0]["last_error"]
        assert rows[0]["next_try_at"] is None
        assert not rows[0]["disabled"]


@pytest.mark.parametrize("receiver", [lambda n: 503 if n == 0 else 200], indirect=True)
def test_what_waits_is_sent_after_a_restart(receiver: Receiver, tmp_path: Path) -> None:
    with HubInside(tmp_path, webhooks=(WebhookPart(url="http://127.0.0.1:1/nobody", name="town"),)) as inside:
        alert = inside.car_alert()
        inside.until(lambda: (r := deliveries(inside, alert)) and r[0]["last_error"])
        assert deliveries(inside, alert)[0]["state"] == "waiting"
        assert deliveries(inside, alert)[0]["next_try_at"]
    with HubInside(tmp_path, webhooks=(WebhookPart(url=receiver.url, name="town"),)) as inside:
        inside.until(lambda: deliveries(inside, alert)[0]["state"] == "delivered", timeout_s=30)
    # a channel that is gone from the configuration says so
    with HubInside(tmp_path) as inside:
        assert deliveries(inside, alert)[0]["state"] == "delivered"


@pytest.mark.parametrize("receiver", [lambda _n: 200], indirect=True)
def test_severity_decides_who_is_told(receiver: Receiver, tmp_path: Path) -> None:
    webhooks = (
        WebhookPart(name="all", url=receiver.url),
        WebhookPart(name="high-only", url=receiver.url, min_severity="high"),
    )
    with HubInside(tmp_path, webhooks=webhooks) as inside:
        alert = inside.car_alert()
        inside.until(lambda: (r := deliveries(inside, alert)) and r[0]["state"] == "delivered")
        assert {row["channel"] for row in deliveries(inside, alert)} == {"all"}


DAY_MS = 24 * 3_600_000


def due(*, attempts: int, created_ms: int, unsure: int = 0, under_way: bool = False) -> DueDelivery:
    return DueDelivery(
        id=1,
        channel="town",
        recipient="channel:town",
        purpose="alert",
        language="en",
        alert="a",
        attempts=attempts,
        unsure=unsure,
        under_way=under_way,
        created_ms=created_ms,
        last_error=None,
        transition=b"{}",
        body=None,
    )


@pytest.mark.parametrize(
    ("attempts", "attempt", "age_ms", "state", "wait_ms"),
    [
        (0, Attempt(Outcome.DELIVERED), 0, "delivered", None),
        (0, Attempt(Outcome.RETRY, "x"), 0, "waiting", 1_000),
        (1, Attempt(Outcome.RETRY, "x"), 0, "waiting", 2_000),
        (4, Attempt(Outcome.RETRY, "x"), 0, "waiting", 16_000),
        (500, Attempt(Outcome.RETRY, "x"), 0, "waiting", 300_000),
        (0, Attempt(Outcome.RETRY, "x", 30.0), 0, "waiting", 30_000),
        (9, Attempt(Outcome.RETRY, "x"), DAY_MS, "given_up", None),
        (0, Attempt(Outcome.REFUSED, "x"), 0, "refused", None),
    ],
)
def test_what_becomes_of_a_delivery(
    attempts: int, attempt: Attempt, age_ms: int, state: str, wait_ms: int | None
) -> None:
    now_ms = 10 * DAY_MS
    delivery = due(attempts=attempts, created_ms=now_ms - age_ms)
    before = begun(delivery, now_ms=now_ms)
    result = after(delivery, before, attempt, now_ms=now_ms, jitter=0.0)
    assert (result.state, result.attempts) == (state, attempts + 1)
    assert result.next_try_ms == (None if wait_ms is None else now_ms + wait_ms)
    later = after(delivery, before, attempt, now_ms=now_ms, jitter=1.0)
    assert (later.next_try_ms or 0) >= (result.next_try_ms or 0)


LETTER = Letter(
    delivery=1,
    key="run-1",
    attempt=1,
    repeat=False,
    sent_ms=0,
    site="town",
    mode="live",
    purpose=Purpose.ALERT,
    severity="high",
    recipient="channel:town",
    address=None,
    language="en",
    thread="run-alert-1",
    subject="s",
    text="t",
    html="h",
    transition=b"{}",
)


@pytest.mark.parametrize("url", ["", "ftp://x/y", "https://", "/path", "javascript:alert(1)"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="is no http or https address"):
        Webhook(name="town", url=url)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("30", 30.0),
        ("86400", 3600.0),
        ("9" * 400, 3600.0),
        ("\u00b2", None),
        ("-1", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        (None, None),
    ],
)
def test_no_answer_of_the_receiver_stops_its_channel(retry_after: str | None, seconds: float | None) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after.encode("latin-1")}
    busy = httpx.MockTransport(lambda _request: httpx.Response(503, headers=headers))
    with httpx.Client(transport=busy) as client:
        attempt = Webhook(name="town", url="http://town.example/", client=client).send(LETTER)
    assert (attempt.outcome, attempt.retry_after_s) == (Outcome.RETRY, seconds)
