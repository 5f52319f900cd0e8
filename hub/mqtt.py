"""The seam to MQTT: one paho client with a stored session, acknowledging by hand.

The network thread only stamps messages and puts them into the inbox. `acknowledge` may be called once they are in the
database. After a lost connection a message id means another message, so what came on an older connection is not
acknowledged any more: the broker delivers it again, and the database knows it.
"""

from __future__ import annotations

import logging
import random
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from contract import topics
from contract.phrase import Phrase, Said, say
from hub.ingest import Arrival
from hub.mqtt_client import ReadAheadClient, Received

log = logging.getLogger("hub.mqtt")

KEEPALIVE_S = 20
CONNECT_TIMEOUT_S = 5.0
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.5, 15.0
STOP_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is and how to get in. `ca` switches TLS on; `own_site_only` leaves other sites unheard."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    client_id: str | None = None
    own_site_only: bool = False


@dataclass(frozen=True, slots=True)
class LinkState:
    connected: bool
    since_ms: int
    problem: Phrase | None


class Link:
    """The hub's connection to the broker. It keeps trying, with jittered backoff, until it is stopped."""

    def __init__(
        self,
        *,
        address: BrokerAddress,
        site: str,
        inbox: SimpleQueue[Any],
        clock: Callable[[], int],
        on_connected: Callable[[], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._address = address
        self._site = site
        self._inbox = inbox
        self._clock = clock
        self._on_connected = on_connected
        self._jitter = jitter
        # entered twice by one thread: without its own, paho writes, and may find the connection lost, in `acknowledge`
        self._guard = threading.RLock()
        self._connection = 0  # 0 while there is none
        self._connections = 0
        self._stopping = threading.Event()
        self._lost = threading.Event()
        self._welcomed = False
        self._state = LinkState(False, clock(), say("no connection to {host}:{port} yet", **self._named))
        self._client = self._new_client()
        self._thread = threading.Thread(target=self._keep_connected, name="hub-mqtt", daemon=True)

    def _new_client(self) -> ReadAheadClient:
        address = self._address
        client = ReadAheadClient(
            CallbackAPIVersion.VERSION2,
            client_id=address.client_id or f"esplanade-hub-{self._site}",
            clean_session=False,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        if address.ca is not None:
            client.tls_set(
                ca_certs=str(address.ca),
                certfile=None if address.certificate is None else str(address.certificate),
                keyfile=None if address.key is None else str(address.key),
                tls_version=ssl.PROTOCOL_TLS_CLIENT,
            )
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_pre_connect = lambda _client, _data: self._forget_connection()
        client.on_received = self._received
        return client

    @property
    def state(self) -> LinkState:
        return self._state

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Says goodbye to the broker; the session and its queue stay there."""
        self._stopping.set()
        self._lost.set()
        self._client.disconnect()
        self._thread.join(STOP_TIMEOUT_S)

    def restart(self) -> None:
        """Ends this connection and makes a new one, so that the broker delivers again what is not acknowledged."""
        self._client.disconnect()

    def acknowledge(self, arrivals: Iterable[Arrival]) -> None:
        """Tells the broker that these are safe here. Those of an older connection are left to be delivered again."""
        with self._guard:
            connection = self._connection
            self._client.acknowledge(
                [one.mid for one in arrivals if one.qos and one.connection == connection]
            )

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> mqtt.MQTTMessageInfo | None:
        """Queues a QoS 1 message; None while there is no connection: what is retained is said again after it."""
        if not self._state.connected:
            return None
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        return info if info.rc == mqtt.MQTT_ERR_SUCCESS else None

    # --- the thread that keeps the connection -------------------------------------------------------------

    def _keep_connected(self) -> None:
        wait_s = BACKOFF_MIN_S
        while not self._stopping.is_set():
            self._lost.clear()
            self._welcomed = False
            try:
                self._client.connect(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
            except (OSError, ValueError) as error:
                self._say_lost(
                    say(
                        "broker {host}:{port}: {error}; check that it runs and that broker.host and broker.port are "
                        "right",
                        **self._named,
                        error=str(error),
                    )
                )
            else:
                self._client.loop_start()
                self._lost.wait()
                self._client.loop_stop()
            # only a connection that the broker welcomed starts the backoff anew
            wait_s = BACKOFF_MIN_S if self._welcomed else min(BACKOFF_MAX_S, 2 * wait_s)
            self._stopping.wait(wait_s * (0.5 + self._jitter()))

    @property
    def _named(self) -> dict[str, Said]:
        return {"host": self._address.host, "port": str(self._address.port)}

    def _say_lost(self, problem: Phrase) -> None:
        if self._state.connected or self._state.problem != problem:
            since_ms = self._clock() if self._state.connected else self._state.since_ms
            self._state = LinkState(False, since_ms, problem)
            if not self._stopping.is_set():
                log.warning("%s", problem)

    def _forget_connection(self) -> None:
        with self._guard:
            self._connection = 0

    # --- callbacks, in paho's network thread --------------------------------------------------------------

    def _connected(
        self, client: mqtt.Client, _data: object, flags: Any, code: Any, _properties: object
    ) -> None:
        if code.is_failure:
            self._say_lost(say("broker {host}:{port} refuses the hub: {code}", **self._named, code=str(code)))
            self._lost.set()
            return
        with self._guard:
            self._connections += 1
            self._connection = self._connections
        self._welcomed = True
        client.subscribe([(one, 1) for one in self._filters()])
        self._state = LinkState(True, self._clock(), None)
        log.info("broker %s:%d connected", self._address.host, self._address.port)
        self._on_connected()

    def _filters(self) -> list[str]:
        names = {"site": self._site} if self._address.own_site_only else {}
        return [topic.filter(**names) for topic in topics.TOPICS if topic.sender == "edge"]

    def _disconnected(
        self, _client: mqtt.Client, _data: object, _flags: object, code: Any, _properties: object
    ) -> None:
        self._forget_connection()
        self._say_lost(say("broker {host}:{port} lost: {code}", **self._named, code=str(code)))
        self._lost.set()

    def _received(self, messages: list[Received]) -> None:
        received_ms, connection, put = self._clock(), self._connection, self._inbox.put
        for topic, payload, mid, qos, again in messages:
            put(Arrival(topic, payload, received_ms, again, mid, qos, connection))
