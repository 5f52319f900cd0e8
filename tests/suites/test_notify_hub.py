"""The hub's side of a channel that closes: it is disabled, seen, and enabled by a person or a test that arrives."""

from __future__ import annotations

import http.server
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.demo.broker import HOST
from hub.__main__ import main
from hub.notify.settings import NotificationsPart
from tests.kit.hub_inside import START_MS, HubInside
from tests.kit.mail_server import MailServer


class Door:
    """A receiver whose answer the test sets."""

    def __init__(self) -> None:
        self.status = 200
        self.requests = 0
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                door.requests += 1
                self.send_response(door.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        self.server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self.server.server_port}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def door() -> Iterator[Door]:
    with closing(Door()) as one:
        yield one


def notifications(**parts: Any) -> NotificationsPart:
    return msgspec.convert(parts, NotificationsPart)


def hooked(door: Door, **more: Any) -> NotificationsPart:
    return notifications(
        channels=[{"name": "duty", "kind": "webhook", "url": door.url}],
        routes=[{"name": "machines", "to": ["channel:duty"]}],
        **more,
    )


def get(inside: HubInside, path: str) -> Any:
    with inside.client() as client:
        answer = client.get(f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()


def post(inside: HubInside, path: str, body: Any, status: int = 200) -> Any:
    with inside.client() as client:
        answer = client.post(f"/api/v1{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


def deliveries(inside: HubInside, alert: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = get(inside, f"/alerts/{alert}")["deliveries"]
    return found


def audited(folder: Path) -> list[tuple[str, str, str, str]]:
    with closing(sqlite3.connect(folder / "hub.sqlite3")) as db:
        return db.execute(
            "SELECT actor, via, action, subject FROM audit WHERE action LIKE 'channel.%' ORDER BY seq"
        ).fetchall()


def test_a_closed_channel_is_seen_everywhere_and_works_again_after_a_test(
    door: Door, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    door.status = 410
    with HubInside(tmp_path, notifications=hooked(door)) as inside:
        alert = inside.car_alert()
        down = inside.until(lambda: get(inside, "/state")["hub"]["channels_down"])
        assert [(one["channel"], one["waiting"]) for one in down] == [("duty", 1)]
        assert "HTTP 410" in down[0]["reason"]
        (row,) = deliveries(inside, alert)
        assert (row["state"], row["disabled"], row["attempts"]) == ("waiting", True, 1)
        (channel,) = get(inside, "/channels")["channels"]
        assert (channel["disabled"], channel["waiting"], channel["changed_by"]) == (True, 1, "hub")
        assert "duty is disabled" in caplog.text
        # nothing goes out by itself, and a test that fails changes nothing
        failed = post(inside, "/channels/duty/test", {"by": "Ana"})
        assert (failed["delivered"], failed["waiting"]) == (False, 1)
        assert "HTTP 410" in failed["error"]
        assert door.requests == 2
        door.status = 200
        worked = post(inside, "/channels/duty/test", {"by": "Ana"})
        assert worked["delivered"] is True
        inside.until(lambda: deliveries(inside, alert)[0]["state"] == "delivered")
        inside.until(lambda: get(inside, "/state")["hub"]["channels_down"] == [])
    assert audited(tmp_path) == [
        ("hub", "hub", "channel.disable", "duty"),
        ("Ana", "open", "channel.test", "duty"),
        ("Ana", "open", "channel.test", "duty"),
        ("Ana", "hub", "channel.enable", "duty"),
    ]


def test_a_named_person_enables_it_and_a_restart_does_not(door: Door, tmp_path: Path) -> None:
    door.status = 401
    with HubInside(tmp_path, notifications=hooked(door)) as inside:
        alert = inside.car_alert()
        inside.until(lambda: get(inside, "/state")["hub"]["channels_down"])
    door.status = 200
    with HubInside(tmp_path, notifications=hooked(door)) as inside:
        assert get(inside, "/channels")["channels"][0]["disabled"] is True
        assert deliveries(inside, alert)[0]["state"] == "waiting"
        assert post(inside, "/channels/duty/enable", {"by": "Ana"})["disabled"] is False
        inside.until(lambda: deliveries(inside, alert)[0]["state"] == "delivered")
        assert post(inside, "/channels/nothing/enable", {"by": "Ana"}, 404)["do"] == "ask for one of: duty"
        post(inside, "/channels/duty/enable", {}, 422)
    assert ("Ana", "open", "channel.enable", "duty") in audited(tmp_path)


def test_from_the_command_line(door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    door.status = 403
    with HubInside(tmp_path, notifications=hooked(door)) as inside:
        alert = inside.car_alert()
        inside.until(lambda: get(inside, "/state")["hub"]["channels_down"])
        config = tmp_path / "hub.yaml"
        config.write_bytes(msgspec.json.encode(inside._config))
        assert main(["notify", "status", "--config", str(config)]) == 1
        assert "duty: DISABLED since" in capsys.readouterr().out
        assert main(["notify", "test", "duty", "--by", "Ana", "--config", str(config)]) == 2
        assert "HTTP 403" in capsys.readouterr().out
        door.status = 200
        assert main(["notify", "test", "duty", "--by", "Ana", "--config", str(config)]) == 0
        assert capsys.readouterr().out == (
            "duty: the test message arrived; it was disabled and works again. 1 message waits for it.\n"
        )
        # the running hub hears of it by itself
        inside.until(lambda: deliveries(inside, alert)[0]["state"] == "delivered")
        assert main(["notify", "status", "--config", str(config)]) == 0
        assert "duty: works; 1 delivered" in capsys.readouterr().out
        assert main(["notify", "enable", "duty", "--config", str(config)]) == 0
        assert "is not disabled" in capsys.readouterr().out
        assert main(["notify", "test", "fax", "--config", str(config)]) == 2
        assert "there is no channel fax; there is duty" in capsys.readouterr().err
    assert ("Ana", "command", "channel.enable", "duty") in audited(tmp_path)


def test_one_poison_message_does_not_stop_the_others(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from hub.notify.letter import Writer

    write = Writer.write
    poisoned: list[int] = []

    def sometimes(self: Writer, draft: Any, *, now_ms: int) -> Any:
        if draft.delivery == 1:
            poisoned.append(draft.attempt)
            raise RuntimeError("no such letter")
        return write(self, draft, now_ms=now_ms)

    monkeypatch.setattr(Writer, "write", sometimes)
    caplog.set_level(logging.CRITICAL, "hub.dispatch")
    with HubInside(tmp_path, notifications=hooked(door)) as inside:
        first = inside.car_alert()
        inside.until(lambda: poisoned)
        inside.pass_time(20, people_per_m2=5.0)  # crowded now: other alerts
        others = inside.until(
            lambda: [one["alert"] for one in get(inside, "/alerts")["alerts"] if one["alert"] != first]
        )
        inside.until(lambda: all(row["state"] == "delivered" for row in deliveries(inside, others[0])))
        assert deliveries(inside, first)[0]["state"] == "waiting"
        assert "the hub failed on this message" in deliveries(inside, first)[0]["last_error"]


def test_quiet_hours_and_escalation_over_a_restart(tmp_path: Path) -> None:
    """What is held is on disk: the hub is started again in the middle of the night, and the digest comes at six."""
    night = {"name": "evening", "windows": [{"from": "20:00", "to": "21:05"}]}  # media time begins at 21:00
    with MailServer() as mail:
        part = notifications(
            channels=[
                {
                    "name": "mail",
                    "kind": "email",
                    "host": HOST,
                    "port": mail.port,
                    "security": "none",
                    "from": "e@t.example",
                }
            ],
            people=[
                {"name": "ana", "display": "Ana Pop", "roles": ["operator"], "email": "ana@t.example"},
                {"name": "eva", "roles": ["supervisor"], "email": "eva@t.example", "shifts": ["never"]},
            ],
            shifts=[{"name": "never", "windows": [{"from": "03:00", "to": "03:01", "days": ["mon"]}]}],
            quiet_hours=[night],
            routes=[{"name": "control-room", "to": ["role:operator", "role:supervisor"]}],
            escalation={"medium": {"steps": [{"after_s": 60, "roles": ["supervisor"]}], "repeat_s": 0}},
        )
        assert START_MS == 1_781_978_400_000  # 2026-06-20 18:00 UTC, 21:00 there
        with HubInside(tmp_path, notifications=part) as inside:
            alert = inside.car_alert()
            rows = deliveries(inside, alert)
            assert {(row["recipient"], row["state"], row["why"]) for row in rows} == {
                ("person:ana", "held", "quiet"),
                ("person:eva", "skipped", "off_shift"),
            }
            held = next(row for row in rows if row["state"] == "held")
            assert (held["held_until"], held["name"]) == ("2026-06-20T18:05:00.000Z", "Ana Pop")
            now_ms, seq = inside.now_ms, inside.seq
        with HubInside(tmp_path, notifications=part) as inside:
            inside.now_ms, inside.seq = now_ms, seq
            inside.pass_time(70, car=True)
            escalated = [row for row in deliveries(inside, alert) if row["purpose"] == "escalation"]
            assert {(row["recipient"], row["why"]) for row in escalated} == {
                ("person:eva", "off_shift"),
                ("nobody", "nobody"),
            }
            assert mail.taken == []
            inside.pass_time(300 - 6 - 70, car=True)
            inside.until(lambda: len(mail.taken) == 1)
            rows = deliveries(inside, alert)
            digest = next(row for row in rows if row["purpose"] == "digest")
            inside.until(lambda: deliveries(inside, alert)[-1]["state"] == "delivered")
            assert {row["state"] for row in rows if row["digest"] == digest["id"]} == {"digested"}
    assert mail.taken[0]["Subject"] == "[REPLAY] Quiet hours are over: 1 alert is still open"
    assert mail.taken[0]["To"] == "ana@t.example"
