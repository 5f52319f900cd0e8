"""The one place that knows paho: a link to the broker that comes back by itself.

Each connection is a fresh client without a stored session. What was on its way when a connection broke is not paho's
to repeat (it would carry an old `sent_at`); `edge.delivery` sends it again from the outbox.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.backoff import Backoff
from edge.config import Broker

log = logging.getLogger("edge.mqtt")

KEEPALIVE_S: Final = 15
"""The broker speaks the Last Will after one and a half of these. [E]"""
IN_FLIGHT_MAX: Final = 100
"""Messages on their way to the broker. More than the usual 20, since a whole outbox may have to go. [E]"""
CONNECT_TIMEOUT_S: Final = 10.0
BACKOFF_MOST_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    body: bytes
    qos: int
    retain: bool


class Link:
    """A connection to one broker. Callbacks come from its threads and must not block."""

    def __init__(
        self,
        *,
        broker: Broker,
        password: str | None,
        client_id: str,
        subscription: str,
        will: Callable[[], Message],
        on_up: Callable[[], None],
        on_message: Callable[[bytes], None],
        on_room: Callable[[], None],
        backoff: Backoff | None = None,
    ) -> None:
        """`on_up` runs after each connection, once the subscription stands. `on_room` when a message was taken."""
        self._broker, self._password, self._client_id = broker, password, client_id
        self._subscription, self._will = subscription, will
        self._on_up, self._on_message, self._on_room = on_up, on_message, on_room
        self._backoff = backoff or Backoff(most_s=BACKOFF_MOST_S)
        self._lock = threading.Lock()
        self._client: paho.Client | None = None
        self._up = False
        self._under_way = 0
        self._told = False  # whether this connection's end has been explained
        self._ended = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self.problem: str | None = "not connected yet"

    @property
    def where(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"

    @property
    def up(self) -> bool:
        return self._up

    @property
    def has_room(self) -> bool:
        """Whether a message would leave at once."""
        return self._up and self._under_way < IN_FLIGHT_MAX

    @property
    def idle(self) -> bool:
        """Whether the broker has everything that was published."""
        return self._under_way <= 0

    def start(self) -> None:
        self._thread.start()

    def publish(self, message: Message) -> bool:
        """Hands one message over; False when there is no connection. It is under way until the broker has it."""
        with self._lock:
            client = self._client
            if client is None or not self._up:
                return False
            self._under_way += 1
        # Outside our lock: paho calls `_published` while it holds its own.
        if (
            client.publish(message.topic, message.body, message.qos, message.retain).rc
            == paho.MQTT_ERR_SUCCESS
        ):
            return True
        with self._lock:
            self._under_way -= 1
        return False

    def stop(self) -> None:
        """Says goodbye properly, so that no Last Will is spoken."""
        self._stop.set()
        with self._lock:
            client = self._client
        if client is not None:
            client.disconnect()
        self._ended.set()
        self._thread.join(timeout=CONNECT_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._ended.clear()
            self._told = False
            try:
                client = self._made()
                client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
            except (OSError, ValueError) as wrong:
                self._lose(f"broker {self.where}: no connection: {wrong}; check host, port and certificate")
            else:
                client.loop_start()
                self._ended.wait()
                client.loop_stop()
            with self._lock:
                self._up, self._client = False, None
                self._under_way = 0
            if not self._stop.is_set():
                self._stop.wait(self._backoff.next_s())

    def _made(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=True,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(IN_FLIGHT_MAX)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._password)
        tls = self._broker.tls
        if tls is not None:
            client.tls_set(
                ca_certs=tls.ca_file,
                certfile=tls.certificate_file,
                keyfile=tls.key_file,
                cert_reqs=ssl.CERT_REQUIRED,
            )
        will = self._will()
        client.will_set(will.topic, will.body, will.qos, will.retain)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_publish = self._published
        client.on_message = self._received
        with self._lock:
            self._client = client
        return client

    # The signatures below are paho's.

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._lose(
                f"broker {self.where}: refused us: {reason}; check username, password and its access list"
            )
            self._ended.set()
            return
        client.subscribe(self._subscription, qos=1)

    def _subscribed(
        self, _client: paho.Client, _data: Any, _mid: int, reasons: Any, _properties: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._lose(
                f"broker {self.where}: refused the subscription to {self._subscription}; check its access list"
            )
            self._ended.set()
            return
        log.info("broker %s: connected", self.where)
        self.problem = None
        self._backoff.succeeded()
        self._up = True
        self._on_up()

    def _disconnected(
        self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        was_up, self._up = self._up, False
        if was_up and not self._stop.is_set():
            self._lose(f"broker {self.where}: connection lost: {reason}; readings wait in the outbox")
        elif not self._told and not self._stop.is_set():
            self._lose(
                f"broker {self.where}: closed the connection without an answer: {reason}; "
                "check that this is its MQTT port, and whether it wants TLS"
            )
        self._ended.set()

    def _published(self, client: paho.Client, _data: Any, _mid: int, _reason: Any, _properties: Any) -> None:
        with self._lock:
            if client is self._client:
                self._under_way -= 1
        self._on_room()

    def _received(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self._on_message(bytes(message.payload))

    def _lose(self, problem: str) -> None:
        self._told = True
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem
