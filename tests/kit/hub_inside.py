"""A whole hub in this process, on media time, without a broker: readings are put into its inbox as if off one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from unittest import mock

import httpx
import msgspec

from contract import topics
from contract.instants import to_ms
from contract.messages import Reading
from deploy.demo.broker import HOST, free_port
from hub.api.guard import Access
from hub.app import Hub, create_app
from hub.config import BrokerPart, Config, HttpPart, settings
from hub.ingest import Arrival
from hub.people import passwords
from hub.people.actor import Actor
from hub.people.people import From
from hub.people.secret import form_token
from hub.people.users import User
from hub.rights import Role
from tests.kit.people_inside import quick
from tests.kit.square import SITE, Square

MAKER = Actor(name="test", display="test", roles=frozenset(Role), via="command")
START_MS = 1_781_978_400_000
WAIT_S = 15.0


class HubInside:
    """`hub` is running; `now_ms` is the capture time of the last reading that was fed."""

    def __init__(
        self, folder: Path, *, square: Square | None = None, http: dict[str, Any] | None = None, **config: Any
    ) -> None:
        self.square = square or Square()
        self.folder = folder
        self.port = free_port()
        self.now_ms = START_MS
        self.seq = 0
        self._config = Config(
            site=str(self.square.write(folder)),
            database=str(folder / "hub.sqlite3"),
            clock="media",
            broker=BrokerPart(port=free_port()),
            http=HttpPart(port=self.port, **{"login": "none", **(http or {})}),
            **config,
        )
        self.hub: Hub

    def __enter__(self) -> Self:
        self._threads_before = set(threading.enumerate())
        # argon2 as shipped takes a tenth of a second and more; its parameters have a test of their own
        with mock.patch.object(passwords, "PasswordHasher", quick):
            self.hub = create_app(settings(self._config, folder=self.folder))
        self.hub.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hub.stop()
        left = set(threading.enumerate()) - self._threads_before
        assert [one.name for one in left if one.name.startswith(("hub-", "paho-"))] == []

    @property
    def url(self) -> str:
        return f"{'https' if self.hub.settings.listen.tls else 'http'}://{HOST}:{self.port}"

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=15, **options)

    def user(
        self, login: str, *roles: Role, sites: tuple[str, ...] | None = None, password: str | None = None
    ) -> User:
        """A new user of a hub with `login: people`."""
        return self.hub.people.users.add(
            login, display=login.title(), roles=roles, sites=sites, password=password, by=MAKER
        )

    def client_of(self, login: str, **options: Any) -> httpx.Client:
        """A client with a session of its own, without asking for a password, that sends the form token."""
        people = self.hub.people
        entered = people.enter_as(people.users.get(login), where=From("127.0.0.1"), how="test")
        access = Access(tls=self.hub.settings.listen.tls, proxies=self.hub.settings.listen.proxies)
        headers = {
            "Cookie": f"{access.cookie}={entered.secret}",
            "X-CSRF-Token": form_token(entered.secret),
            **options.pop("headers", {}),
        }
        return self.client(headers=headers, **options)

    def put(self, topic: str, payload: bytes) -> None:
        received_ms = time.time_ns() // 1_000_000
        self.hub.judge.inbox.put(Arrival(topic, payload, received_ms, False, 1, 1, 1))

    def put_reading(self, reading: Reading) -> None:
        topic = topics.READING.address(site=SITE, agent=reading.agent, camera=reading.camera)
        self.put(topic, msgspec.json.encode(reading))

    def pass_time(self, seconds: int, *, car: bool = False, people_per_m2: float = 0.1) -> None:
        """So many captured seconds of every camera, and returns when they are judged."""
        for _ in range(seconds):
            self.now_ms += 1000
            for camera in range(self.square.cameras):
                vehicles = (
                    (self.square.vehicle(0, captured_at_ms=self.now_ms),) if car and camera == 0 else ()
                )
                self.put_reading(
                    self.square.reading(
                        camera,
                        seq=self.seq,
                        captured_to_ms=self.now_ms,
                        people_per_m2=people_per_m2,
                        vehicles=vehicles,
                    )
                )
            self.seq += 1
        self.until(lambda: (state := self.hub.live.state()) is not None and to_ms(state.at) >= self.now_ms)

    def car_alert(self) -> str:
        """An open alert about a car without a permit."""
        self.pass_time(6, car=True)
        state = self.hub.live.state()
        assert state is not None
        return next(one.alert for one in state.alerts if one.rule.startswith("vehicle."))

    def until(self, true: Callable[[], Any], timeout_s: float = WAIT_S) -> Any:
        deadline = time.monotonic() + timeout_s
        while not (found := true()):
            assert time.monotonic() < deadline, "waited too long"
            time.sleep(0.01)
        return found
