"""Every channel over a real receiver: what it takes arrives whole, and each way of failing is told apart."""

from __future__ import annotations

import http.server
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contract import topics
from contract.messages import Notification
from deploy.demo.broker import HOST, Broker, free_port
from hub.notify import mail, mqtt, webhook
from hub.notify.channel import Channel, Letter, Outcome
from hub.notify.mail import Mail
from hub.notify.messenger import Messenger
from hub.notify.mqtt import MqttNotices
from hub.notify.routing import Purpose
from hub.notify.webhook import Webhook
from tests.kit.alerting import ALERT
from tests.kit.certificates import self_signed
from tests.kit.mail_server import MailServer

LETTER = Letter(
    delivery=7,
    key="run-7",
    attempt=2,
    repeat=True,
    sent_ms=1_781_978_400_000,
    site="plaza",
    mode="replay",
    purpose=Purpose.ALERT,
    severity="high",
    recipient="person:ana",
    address="ana@town.example",
    language="ro",
    thread="run-alert-a",
    subject="[REPLAY] Alertă: Piața Sfatului ≥ 4,7",
    text="Piața Sfatului\n\nαβγ ąčę\n",
    html="<!doctype html><p>Piața Sfatului</p>",
    transition=b'{"event":"open"}',
    alerts=(ALERT,),
)


@contextmanager
def receiver(answer: Callable[[int], tuple[int, dict[str, str]]]) -> Iterator[tuple[int, list[bytes]]]:
    """An HTTP server; `answer(n)` gives status and headers."""
    bodies: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers = answer(len(bodies))
            self.send_response(status)
            for name, value in ({"Content-Length": "0"} | headers).items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port, bodies
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen(8)
        yield listening.getsockname()[1]


def made(kind: str, port: int, folder: Path) -> Channel:
    if kind == "webhook":
        return Webhook(name="duty", url=f"http://{HOST}:{port}/hook")
    if kind == "email":
        return Mail(name="mail", host=HOST, port=port, sender="esplanade@town.example", security="none")
    if kind == "mqtt":
        return MqttNotices(name="bus", site="plaza", host=HOST, port=port)
    return Messenger(name="signal", url=f"json://{HOST}:{port}/token-that-nobody-sees")


KINDS = ("webhook", "email", "mqtt", "messenger")


@pytest.mark.parametrize("kind", KINDS)
def test_a_receiver_that_is_not_there_is_tried_again(kind: str, tmp_path: Path) -> None:
    with closing(made(kind, free_port(), tmp_path)) as channel:
        attempt = channel.send(LETTER)
    assert attempt.outcome is Outcome.RETRY
    assert attempt.error
    if kind != "messenger":  # Apprise does not say that nothing was there
        assert not attempt.unsure


@pytest.mark.parametrize("kind", ["webhook", "email", "mqtt"])
def test_a_receiver_that_hangs_is_left_in_time(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (webhook, mail, mqtt):
        monkeypatch.setattr(module, "TIMEOUT_S", 0.2)
    with silent() as port, closing(made(kind, port, tmp_path)) as channel:
        attempt = channel.send(LETTER)
    assert attempt.outcome is Outcome.RETRY
    # a webhook's request was on its way; a mail or an MQTT message had not begun
    assert attempt.unsure is (kind == "webhook")


@pytest.mark.parametrize("kind", ["email", "mqtt"])
def test_stopping_cuts_a_try_off(kind: str, tmp_path: Path) -> None:
    with silent() as port:
        channel = made(kind, port, tmp_path)
        done = threading.Event()
        results: list[Any] = []

        def send() -> None:
            results.append(channel.send(LETTER))
            done.set()

        thread = threading.Thread(target=send)
        thread.start()
        while not done.wait(0.05):
            channel.close()
        thread.join()
    assert results[0].outcome is Outcome.RETRY


@pytest.mark.parametrize(
    ("kind", "status", "outcome", "unsure"),
    [
        ("webhook", 204, Outcome.DELIVERED, False),
        ("webhook", 301, Outcome.CLOSED, False),
        ("webhook", 400, Outcome.REFUSED, False),
        ("webhook", 401, Outcome.CLOSED, False),
        ("webhook", 404, Outcome.CLOSED, False),
        ("webhook", 410, Outcome.CLOSED, False),
        ("webhook", 429, Outcome.RETRY, False),
        ("webhook", 500, Outcome.RETRY, True),
        ("webhook", 503, Outcome.RETRY, False),
        ("messenger", 200, Outcome.DELIVERED, False),
        ("messenger", 401, Outcome.CLOSED, False),
        ("messenger", 413, Outcome.REFUSED, False),
        ("messenger", 503, Outcome.RETRY, False),
    ],
)
def test_what_an_answer_means(
    kind: str, status: int, outcome: Outcome, unsure: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"Location": "/elsewhere", "Retry-After": "30"}
    with (
        receiver(lambda _n: (status, headers)) as (port, bodies),
        closing(made(kind, port, tmp_path)) as channel,
    ):
        attempt = channel.send(LETTER)
    assert (attempt.outcome, attempt.unsure) == (outcome, unsure)
    assert len(bodies) == 1
    if kind == "webhook":
        assert attempt.retry_after_s == (30.0 if status in (429, 500, 503) else None)
    assert "token-that-nobody-sees" not in f"{caplog.text}{attempt}{channel!r}"


def test_a_webhook_says_everything() -> None:
    with receiver(lambda _n: (200, {})) as (port, bodies), closing(made("webhook", port, Path())) as channel:
        channel.send(LETTER)
    said = json.loads(bodies[0])
    alerts = said.pop("alerts")
    assert [one["alert"] for one in alerts] == [ALERT.alert]
    assert said == {
        "delivery": 7,
        "key": "run-7",
        "attempt": 2,
        "repeat": True,
        "sent_at": "2026-06-20T18:00:00.000Z",
        "mode": "replay",
        "purpose": "alert",
        "recipient": "person:ana",
        "subject": LETTER.subject,
        "text": LETTER.text,
        "transition": {"event": "open"},
    }


def test_a_messenger_gets_title_and_text() -> None:
    with (
        receiver(lambda _n: (200, {})) as (port, bodies),
        closing(made("messenger", port, Path())) as channel,
    ):
        assert channel.send(LETTER).outcome is Outcome.DELIVERED
    said = json.loads(bodies[0])
    assert said["title"] == LETTER.subject
    assert "αβγ" in said["message"]
    assert said["type"] == "failure"


def test_an_address_that_apprise_does_not_know_is_not_shown() -> None:
    with pytest.raises(ValueError, match="knows no such address") as raised:
        Messenger(name="signal", url="nonsense://secret-token")
    assert "secret-token" not in str(raised.value)


# --- mail --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("certificate"))


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # aiosmtpd does not see TLS that was there first
@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("password", [None, "right"])
def test_mail_over_tls_with_and_without_a_login(
    security: Any, password: str | None, certificate: tuple[Path, Path]
) -> None:
    with MailServer(security=security, certificate=certificate, password=password) as server:
        channel = Mail(
            name="mail",
            host=HOST,
            port=server.port,
            sender="esplanade@town.example",
            security=security,
            username=password and "hub",
            password=password,
            ca=certificate[0],
        )
        attempt = channel.send(LETTER)
    assert attempt.outcome is Outcome.DELIVERED, attempt
    (message,) = server.taken
    assert server.in_the_clear == [False]
    assert message["Subject"] == LETTER.subject
    assert message["To"] == "ana@town.example"
    assert message["From"] == "Esplanade <esplanade@town.example>"
    assert message["Message-ID"] == "<run-7@town.example>"
    assert message["References"] == message["In-Reply-To"] == "<run-alert-a@town.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Esplanade-Delivery"] == "7; attempt=2"
    assert message["X-Esplanade-Repeat"] == "may have come before"
    assert message["X-Esplanade-Mode"] == "replay"
    assert message["Content-Language"] == "ro"
    assert message["Date"] == "Sat, 20 Jun 2026 18:00:00 +0000"
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert plain.get_content().replace("\r\n", "\n") == LETTER.text
    assert "Piața Sfatului" in rich.get_content()
    assert list(message.iter_attachments()) == []


def test_a_server_whose_certificate_nobody_signed_gets_nothing(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    stranger = self_signed(tmp_path, "stranger")
    with MailServer(security="starttls", certificate=stranger) as server:
        channel = Mail(name="mail", host=HOST, port=server.port, sender="a@town.example", ca=certificate[0])
        attempt = channel.send(LETTER)
    assert attempt.outcome is Outcome.RETRY
    assert "certificate not trusted" in (attempt.error or "")
    assert server.offered == 0


def test_a_server_without_starttls_gets_nothing_in_the_clear() -> None:
    with MailServer(security="none") as server:
        attempt = Mail(name="mail", host=HOST, port=server.port, sender="a@town.example").send(LETTER)
    assert attempt.outcome is Outcome.RETRY
    assert "STARTTLS" in (attempt.error or "")
    assert server.offered == 0


def test_a_wrong_password_closes_the_channel_and_is_not_repeated(certificate: tuple[Path, Path]) -> None:
    with MailServer(security="starttls", certificate=certificate, password="right") as server:
        channel = Mail(
            name="mail", host=HOST, port=server.port, sender="a@town.example", username="hub",
            password="wrong-and-secret", ca=certificate[0],
        )  # fmt: skip
        attempt = channel.send(LETTER)
    assert attempt.outcome is Outcome.CLOSED
    assert "535" in (attempt.error or "")
    assert "wrong-and-secret" not in str(attempt)


@pytest.mark.parametrize(
    ("answers", "outcome", "unsure", "taken"),
    [
        ({"rcpt": lambda _: "550 no such mailbox"}, Outcome.REFUSED, False, 0),
        ({"rcpt": lambda _: "451 greylisted"}, Outcome.RETRY, False, 0),
        ({"sender": lambda _: "530 log in first"}, Outcome.CLOSED, False, 0),
        ({"data": lambda _: "554 we take this for spam"}, Outcome.REFUSED, False, 0),
        ({"data": lambda _: "452 disk full"}, Outcome.RETRY, False, 0),
        ({"data": lambda _: "taken, then silent"}, Outcome.RETRY, True, 1),
    ],
)
def test_what_a_mail_server_says(answers: Any, outcome: Outcome, unsure: bool, taken: int) -> None:
    with MailServer(**answers) as server, closing(made("email", server.port, Path())) as channel:
        attempt = channel.send(LETTER)
    assert (attempt.outcome, attempt.unsure, len(server.taken)) == (outcome, unsure, taken)


@pytest.mark.parametrize(
    "address", ["", "ana", "ana@", "@town.example", "ana@town.example\nBcc: x@y.example", None]
)
def test_an_address_that_is_none_is_refused(address: str | None) -> None:
    with closing(made("email", free_port(), Path())) as channel:
        assert channel.send(replace(LETTER, address=address)).outcome is Outcome.REFUSED


def test_a_subject_cannot_add_a_header() -> None:
    with MailServer() as server, closing(made("email", server.port, Path())) as channel:
        attempt = channel.send(replace(LETTER, subject="one\r\nBcc: x@y.example\n two"))
    assert attempt.outcome is Outcome.DELIVERED
    assert server.taken[0]["Subject"] == "one Bcc: x@y.example two"
    assert server.taken[0]["Bcc"] is None


# --- mqtt --------------------------------------------------------------------------------------------------------


def test_mqtt_over_each_broker(any_broker: Broker) -> None:
    got: list[paho.MQTTMessage] = []
    heard, ready = threading.Event(), threading.Event()
    listener = paho.Client(CallbackAPIVersion.VERSION2)
    listener.on_message = lambda _c, _d, message: (got.append(message), heard.set())
    listener.on_subscribe = lambda *_: ready.set()
    listener.connect(HOST, any_broker.port)
    listener.subscribe(topics.NOTIFICATION.filter(site="plaza"), qos=1)
    listener.loop_start()
    try:
        assert ready.wait(10)
        with closing(MqttNotices(name="bus", site="plaza", host=HOST, port=any_broker.port)) as channel:
            assert channel.send(LETTER).outcome is Outcome.DELIVERED
        assert heard.wait(10)
    finally:
        listener.disconnect()
        listener.loop_stop()
    assert got[0].topic == "esplanade/v1/plaza/hub/notification/bus"
    assert (got[0].qos, got[0].retain) == (1, False)
    said = msgspec.json.decode(got[0].payload, type=Notification)
    assert (said.delivery, said.key, said.attempt, said.repeat) == (7, "run-7", 2, True)
    assert (said.mode, said.subject, said.text) == ("replay", LETTER.subject, LETTER.text)
    assert said.alerts == (ALERT,)
