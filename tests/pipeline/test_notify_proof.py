"""A mail server, a webhook that fails half the time and is down for an hour of media time, and a broker receive exactly
what the delivery log says, with kill -9 of the hub in between: nothing lost, duplicates marked."""

from __future__ import annotations

import http.server
import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contract import topics
from contract.instants import to_ms
from contract.messages import Notification
from deploy.demo.broker import HOST, NatsServer, free_port
from tests.kit.certificates import self_signed
from tests.kit.hub_inside import START_MS
from tests.kit.hub_on_a_clock import FileClock
from tests.kit.hub_process import HubProcess
from tests.kit.mail_server import MailServer
from tests.kit.small_agent import SmallAgent
from tests.kit.square import SITE, Square

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
CAMERAS = 3
Got = tuple[int, bool]  # attempt, repeat
Receipts = dict[int, list[Got]]  # by delivery, in order of arrival


class HalfBroken:
    """Answers in turn: taken; not taken (503); taken, and the answer is an error; taken, and the line is cut."""

    def __init__(self) -> None:
        self.port = free_port()
        self.taken: list[dict[str, Any]] = []
        self.requests = 0
        self.hold: threading.Event | None = None  # while set, a request is taken and its answer waits for it
        self.holding = threading.Event()

    @contextmanager
    def up(self) -> Iterator[None]:
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                way = receiver.requests % 8
                receiver.requests += 1
                if receiver.hold is not None:
                    receiver.taken.append(body)
                    receiver.holding.set()
                    receiver.hold.wait(60)
                    self.close_connection = True
                    return
                if way in (1, 4):
                    self.answer(503)
                    return
                receiver.taken.append(body)
                if way == 2:
                    self.answer(500)
                elif way == 6:
                    self.close_connection = True
                else:
                    self.answer(204)

            def answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        server = http.server.ThreadingHTTPServer((HOST, self.port), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class Listener:
    """Another system on the broker, with a session that is kept for it."""

    def __init__(self, port: int) -> None:
        self.taken: list[Notification] = []
        self._ready = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self.client.on_connect = lambda client, *_: client.subscribe(topics.NOTIFICATION.filter(site=SITE), 1)
        self.client.on_subscribe = self._subscribed
        self.client.on_message = self._heard
        self.client.connect(HOST, port)
        self.client.loop_start()
        assert self._ready.wait(20)

    def _subscribed(self, *_: object) -> None:
        self._ready.set()

    def _heard(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.taken.append(msgspec.json.decode(message.payload, type=Notification))

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Evening:
    """A hub on a clock, three cameras that an agent speaks for, and three receivers."""

    def __init__(
        self, folder: Path, broker: NatsServer, mail: MailServer, hook: HalfBroken, ca: Path
    ) -> None:
        self.square = Square(cameras=CAMERAS, across=CAMERAS)
        self.now_ms = START_MS
        self.seq = 0
        self.clock = FileClock(folder / "clock", start_ms=START_MS)
        password = folder / "mail-password"
        password.write_text("right")
        password.chmod(0o600)
        self.hub = HubProcess(
            folder,
            site=self.square.write(folder),
            broker_port=broker.port,
            clock="media",
            notifications={
                "page": "https://hub.town.example",
                "channels": [
                    {"name": "duty", "kind": "webhook", "url": f"http://{HOST}:{hook.port}/hook"},
                    {"name": "bus", "kind": "mqtt"},
                    {
                        "name": "mail",
                        "kind": "email",
                        "host": HOST,
                        "port": mail.port,
                        "from": "esplanade@town.example",
                        "username": "hub",
                        "password_file": "mail-password",
                        "ca": str(ca),
                    },
                ],
                "people": [
                    {"name": "ana", "roles": ["operator"], "email": "ana@town.example", "language": "ro"},
                    {"name": "eva", "roles": ["supervisor"], "email": "eva@town.example"},
                ],
                "routes": [
                    {"name": "machines", "to": ["channel:duty", "channel:bus"]},
                    {"name": "control-room", "to": ["role:operator"], "min_severity": "medium"},
                ],
                "escalation": {
                    "medium": {"steps": [{"after_s": 900, "roles": ["supervisor"]}], "repeat_s": 1800}
                },
            },
        )
        self.hub.command = ["-m", "tests.kit.hub_on_a_clock", str(self.hub.config), str(folder / "clock")]
        self.agent = SmallAgent("box-0", broker.port)

    def pass_time(self, ms: int, *, every_ms: int = 1000, cars: bool = True) -> None:
        """Readings of so much time, judged when it returns, with the hub's own clock beside them."""
        for _ in range(ms // every_ms):
            self.now_ms += every_ms
            for camera in range(CAMERAS):
                car = self.square.vehicle(camera, captured_at_ms=self.now_ms)
                self.agent.accept(
                    self.square.reading(
                        camera,
                        seq=self.seq,
                        captured_to_ms=self.now_ms,
                        period_ms=min(every_ms, MINUTE_MS),
                        vehicles=(car,) if cars else (),
                    )
                )
            self.seq += 1
            if every_ms > 1000:
                self.judged()
        self.judged()

    def judged(self) -> None:
        self.clock.set(self.now_ms)
        self.hub.until(
            lambda: (state := self.hub.state()) is not None and to_ms(state["at"]) >= self.now_ms,
            "the hub to judge",
            60,
        )

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.hub.get("/api/v1/alerts?limit=1000")["alerts"]
        return [one for one in found if one["rule"].startswith("vehicle.")]

    def acknowledge(self, alert: str) -> None:
        status, answer = self.hub.request(f"/api/v1/alerts/{alert}/acknowledge", {"by": "Ana"})
        assert status == 200, answer

    def kill9_and_start(self) -> None:
        self.hub.kill9()
        self.hub.start()

    def waiting(self) -> int:
        with closing(sqlite3.connect(f"{self.hub.database.as_uri()}?mode=ro", uri=True)) as db:
            found: int = db.execute("SELECT count(*) FROM deliveries WHERE state = 'waiting'").fetchone()[0]
            return found


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return self_signed(tmp_path)


@pytest.mark.timeout(400)  # a quarter of a minute on a quiet machine, two minutes on a very busy one
def test_nothing_is_lost_and_what_came_twice_is_marked(
    tmp_path: Path, nats_server: NatsServer, certificate: tuple[Path, Path]
) -> None:
    hook = HalfBroken()
    mail = MailServer(
        security="starttls",
        certificate=certificate,
        password="right",
        data={1: "451 later", 3: "taken, then silent", 6: "452 disk full"}.get,
    )
    listener = Listener(nats_server.port)
    evening = Evening(tmp_path, nats_server, mail, hook, certificate[0])
    with mail, closing(listener), evening.agent, evening.hub as hub:
        with hook.up():
            # a request is taken by the receiver, and the hub is killed before it hears of that
            hook.hold = threading.Event()
            evening.pass_time(6_000)
            assert len(evening.alerts()) == CAMERAS
            assert hook.holding.wait(30)
            evening.kill9_and_start()
            hook.hold.set()
            hook.hold = None
            evening.pass_time(4_000)
            first, second, _ = sorted(one["alert"] for one in evening.alerts())
            evening.acknowledge(first)
            hub.until(lambda: len(mail.taken) >= 2, "two mails", 60)
        # the receiver is gone for an hour; the supervisor is told; the hub is killed once more
        for minutes in range(0, 60, 2):
            evening.pass_time(2 * MINUTE_MS, every_ms=2 * MINUTE_MS)
            if minutes == 30:
                evening.acknowledge(second)
                evening.kill9_and_start()
        assert evening.waiting() >= CAMERAS
        with hook.up():
            evening.pass_time(2 * MINUTE_MS, every_ms=2 * MINUTE_MS, cars=False)
            while evening.waiting():
                evening.pass_time(2 * MINUTE_MS, every_ms=2 * MINUTE_MS, cars=False)
                assert evening.now_ms < START_MS + 3 * HOUR_MS, "messages still wait"
        details = [hub.get(f"/api/v1/alerts/{one['alert']}") for one in evening.alerts()]
    rows = read(evening.hub.database)
    compare(rows["duty"], receipts((one["delivery"], one["attempt"], one["repeat"]) for one in hook.taken))
    compare(rows["mail"], receipts(mailed(mail)))
    compare(rows["bus"], receipts((one.delivery, one.attempt, one.repeat) for one in listener.taken))
    # every change of every alert is at the machines, in order, and the API says the same as the log
    for detail in details:
        told = [one for one in detail["transitions"] if one["alert"]["condition"] != "pending"]
        came = dict.fromkeys(
            json.dumps(one["transition"], sort_keys=True)
            for one in hook.taken
            if one["transition"]["alert"]["alert"] == detail["alert"]["alert"]
        )
        assert list(came) == [json.dumps(one, sort_keys=True) for one in told]
        assert {one["state"] for one in detail["deliveries"]} == {"delivered"}
    # the request that was under way at the first kill -9, and what the receivers took without saying so
    assert sum(row["unsure"] for row in rows["duty"]) >= 3
    assert sum(row["unsure"] for row in rows["mail"]) >= 1
    assert any(
        len(one) > 1
        for one in receipts((m["delivery"], m["attempt"], m["repeat"]) for m in hook.taken).values()
    )
    # escalated to the supervisor, in English, while the operator read Romanian; and nothing looks real
    assert {"ana@town.example", "eva@town.example"} == {str(one["To"]) for one in mail.taken}
    assert {str(one["Content-Language"]) for one in mail.taken} == {"ro", "en"}
    assert all(str(one["X-Esplanade-Mode"]) == "replay" for one in mail.taken)
    assert all(one["mode"] == "replay" and one["subject"].startswith("[REPLAY]") for one in hook.taken)
    assert mail.in_the_clear == [False] * len(mail.taken)


def read(database: Path) -> dict[str, list[dict[str, Any]]]:
    """The delivery log, by channel, in order."""
    with closing(sqlite3.connect(database)) as db:
        db.row_factory = sqlite3.Row
        found = defaultdict(list)
        for row in db.execute("SELECT * FROM deliveries ORDER BY id"):
            found[row["channel"]].append(dict(row))
    return found


def receipts(came: Any) -> Receipts:
    found: Receipts = defaultdict(list)
    for delivery, attempt, repeat in came:
        found[delivery].append((attempt, repeat))
    return found


def mailed(mail: MailServer) -> Iterator[tuple[int, int, bool]]:
    for one in mail.taken:
        number, _, attempt = str(one["X-Esplanade-Delivery"]).partition("; attempt=")
        assert str(one["Message-ID"]).split("@")[0].endswith(f"-{number}")
        yield int(number), int(attempt), one["X-Esplanade-Repeat"] is not None


def compare(rows: list[dict[str, Any]], came: Receipts) -> None:
    """Exactly what the log says: each message arrived, no more often than it says it may have; repeats are marked."""
    assert rows
    assert {row["state"] for row in rows} == {"delivered"}
    assert set(came) == {row["id"] for row in rows}
    for row in rows:
        got = came[row["id"]]
        assert 1 <= len(got) <= 1 + row["unsure"], row
        assert [attempt for attempt, _ in got] == sorted({attempt for attempt, _ in got}), row
        assert got[-1][0] == row["attempts"], row
        assert all(repeat for _, repeat in got[1:]), row
        if row["unsure"] == 0:
            assert not got[0][1], row
    # within one alert and recipient they came in order
    order = list(came)
    for alert, recipient in {(row["alert"], row["recipient"]) for row in rows}:
        ids = [row["id"] for row in rows if (row["alert"], row["recipient"]) == (alert, recipient)]
        assert [one for one in order if one in ids] == ids
