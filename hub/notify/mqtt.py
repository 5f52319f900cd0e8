"""A message as an MQTT publish, QoS 1, not retained, on `{site}/hub/notification/{channel}` of this or another broker.

A connection for each message: a broker that was away is met anew each time, and none is held open for the rare alert.
"""

from __future__ import annotations

import ssl
import threading
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from contract import limits, topics
from contract.instants import from_ms
from contract.messages import Notification
from hub.notify.channel import Attempt, Letter, Outcome, error_text

TIMEOUT_S = 10.0
# CONNACK codes that another try does not change (MQTT 3.1.1, 3.2.2.3): protocol, identifier, password, not authorised.
_LASTING = frozenset({1, 2, 4, 5})


class MqttNotices:
    """One broker. Raises nothing for what it does."""

    kind = "mqtt"
    to_people = False

    def __init__(
        self,
        *,
        name: str,
        site: str,
        host: str,
        port: int,
        username: str | None = None,
        password: str | None = None,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        self.name = name
        self.topic = topics.NOTIFICATION.address(site=site, channel=name)
        self._host, self._port = host, port
        self._login = (username, password) if username is not None else None
        self._tls = None if ca is None else (ca, certificate, key)
        self._client_id = f"esplanade-hub-{site}-{name}"
        self._closing = threading.Event()
        self._done = threading.Event()

    def send(self, letter: Letter) -> Attempt:
        if self._closing.is_set():
            return Attempt(Outcome.RETRY, "the hub is stopping")
        return _Publish(self._new_client(), self._done).run(
            self._host, self._port, self.topic, msgspec.json.encode(notification(letter, channel=self.name))
        )

    def close(self) -> None:
        self._closing.set()
        self._done.set()

    def _new_client(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = TIMEOUT_S
        if self._login is not None:
            client.username_pw_set(*self._login)
        if self._tls is not None:
            ca, certificate, key = self._tls
            client.tls_set(
                ca_certs=str(ca),
                certfile=None if certificate is None else str(certificate),
                keyfile=None if key is None else str(key),
                tls_version=ssl.PROTOCOL_TLS_CLIENT,
            )
        return client


class _Publish:
    """Connect, publish, wait for the acknowledgement, disconnect."""

    def __init__(self, client: paho.Client, done: threading.Event) -> None:
        self._client, self._done = client, done
        self._result: Attempt | None = None
        self._published = False

    def run(self, host: str, port: int, topic: str, payload: bytes) -> Attempt:
        self._done.clear()
        self._topic, self._payload = topic, payload
        self._where = f"broker {host}:{port}"
        client = self._client
        client.on_connect = self._connected
        client.on_publish = self._acknowledged
        client.on_disconnect = self._disconnected
        try:
            client.connect(host, port, keepalive=30)
        except ssl.SSLCertVerificationError as error:
            return Attempt(Outcome.RETRY, error_text(f"{self._where}: {error.verify_message}; see tls.ca"))
        except (OSError, ValueError) as error:
            return Attempt(Outcome.RETRY, error_text(f"{self._where}: {error}"))
        client.loop_start()
        try:
            self._done.wait(TIMEOUT_S)
            published, result = self._published, self._result
            client.disconnect()
        finally:
            client.loop_stop()
        return result or Attempt(
            Outcome.RETRY, f"{self._where}: no answer within {TIMEOUT_S:g} s", unsure=published
        )

    def _end(self, attempt: Attempt) -> None:
        if self._result is None:
            self._result = attempt
        self._done.set()

    def _connected(self, client: paho.Client, _data: object, _flags: Any, code: Any, _p: object) -> None:
        if code.is_failure:
            lasting = _connack(code) in _LASTING
            self._end(
                Attempt(
                    Outcome.CLOSED if lasting else Outcome.RETRY,
                    error_text(f"{self._where} refuses the channel: {code}; check its user and password"),
                )
            )
            return
        self._published = True
        client.publish(self._topic, self._payload, qos=1, retain=False)

    def _acknowledged(self, *_: Any) -> None:
        self._end(Attempt(Outcome.DELIVERED))

    def _disconnected(self, _c: paho.Client, _data: object, _flags: Any, code: Any, _p: object) -> None:
        self._end(
            Attempt(Outcome.RETRY, error_text(f"{self._where} hung up: {code}"), unsure=self._published)
        )


# paho gives MQTT 5 reason codes for the five of 3.1.1
_CODES = {"Unsupported protocol version": 1, "Client identifier not valid": 2, "Bad user name or password": 4,
          "Not authorized": 5}  # fmt: skip


def _connack(code: Any) -> int:
    return _CODES.get(str(code), 0)


def notification(letter: Letter, *, channel: str) -> Notification:
    """What is said on the wire."""
    return Notification(
        schema=limits.SCHEMA,
        site=letter.site,
        channel=channel,
        delivery=letter.delivery,
        key=letter.key,
        attempt=letter.attempt,
        repeat=letter.repeat,
        sent_at=from_ms(letter.sent_ms),
        mode=letter.mode,
        purpose=letter.purpose.value,
        recipient=letter.recipient,
        language=letter.language,
        subject=letter.subject,
        text=letter.text,
        alerts=letter.alerts,
    )
