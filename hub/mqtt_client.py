"""paho's client with a read-ahead buffer, whole handfuls of messages at a time, and acknowledgements alike.

paho asks the system for every byte of a packet's header, selects before every packet, and takes a dozen locks and
objects for each message. Beside a thread that computes, each call of the system can lose the interpreter. Here a
message that lies whole in the buffer is cut out of it and nothing else; all other packets, and those cut by the
buffer's end, go through paho. What a message costs so stands in docs/performance.md: it is what lets one hub keep up
with a town.

Parts of paho that are not of its documented interface are leaned on. They are looked for when this module is imported
and when a client is made, and tests/broker runs over two brokers.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode

from contract.topics import KEPT_LENGTH

# Each call may lose the interpreter for 5 ms to a thread that computes: 90 messages of a camera a call.
READ_BYTES = 262_144
_PUBLISH, _PUBACK, _KIND = 0x30, 0x40, 0xF0
_RETAIN, _DUP = 0x01, 0x08
_LENGTH_BYTES_MAX = 4
_LEANED_ON = ("_sock_recv", "_packet_read", "_packet_queue", "_loop_rc_handle", "_handle_publish")
_LEANED_ON_INSIDE = ("_sock", "_in_packet", "_msgtime_mutex", "_last_bytes_received")
_OTHER_PAHO = "this paho-mqtt has no {}; install the version in requirements/hub.txt"

for _name in _LEANED_ON:
    if not callable(getattr(mqtt.Client, _name, None)):
        raise ImportError(_OTHER_PAHO.format(_name))


class Received(NamedTuple):
    """One message. `topic` is empty where it is not UTF-8; `again`: retained, or delivered before."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    again: bool


class ReadAheadClient(mqtt.Client):
    """A paho client for MQTT 3.1.1, QoS up to 1, `manual_ack` and one network thread (`loop_start`).

    Messages go to `on_received`, in the order they come, instead of paho's `on_message`. Every read leaves the buffer
    empty, so select is true.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """As paho's. Raises ImportError for a version of paho that is made otherwise."""
        super().__init__(*args, **options)
        for name in _LEANED_ON_INSIDE:
            if not hasattr(self, name):
                raise ImportError(_OTHER_PAHO.format(name))
        self.on_received: Callable[[list[Received]], None] = lambda _: None
        self._ahead = b""
        self._ahead_at = 0

    def reconnect(self) -> MQTTErrorCode:
        self._ahead, self._ahead_at = b"", 0
        return super().reconnect()

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._ahead_at == len(self._ahead):
            self._read_ahead()
        at = self._ahead_at
        data = self._ahead[at : at + bufsize]
        self._ahead_at = at + len(data)
        return data

    def _read_ahead(self) -> None:
        self._ahead, self._ahead_at = b"", 0
        self._ahead = super()._sock_recv(READ_BYTES)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Reads until nothing is left. `max_packets` is paho's own and, as in paho, not kept to."""
        while self._sock is not None:
            if self._in_packet["command"] == 0:
                if not self._hand_over():
                    return MQTTErrorCode.MQTT_ERR_SUCCESS
                # acknowledgements and pings get their turn in a long stretch of reading
                if self.want_write() and (code := self.loop_write()):
                    return code
            code = self._packet_read()
            if code == MQTTErrorCode.MQTT_ERR_AGAIN:
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            if code > 0:
                return self._loop_rc_handle(code)
            if self._ahead_at == len(self._ahead):
                return MQTTErrorCode.MQTT_ERR_SUCCESS
        return MQTTErrorCode.MQTT_ERR_NO_CONN

    def _hand_over(self) -> bool:
        """Hands over every message that stands whole at the buffer's head; says whether paho has something to read."""
        if self._ahead_at == len(self._ahead):
            try:
                self._read_ahead()
            except BlockingIOError:
                return False
            except OSError:
                return True  # paho meets it again, and knows what it means
        found, self._ahead_at = _whole(self._ahead, self._ahead_at)
        if not found:
            return True
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        self.on_received(found)
        return self._ahead_at < len(self._ahead)

    def _handle_publish(self) -> MQTTErrorCode:
        packet = self._in_packet
        one = _received(packet["command"], bytes(packet["packet"]), 0, len(packet["packet"]))
        if one is None:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        self.on_received([one])
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def acknowledge(self, mids: Sequence[int]) -> None:
        """PUBACK for QoS 1 messages, in one write."""
        if mids:
            packets = b"".join([struct.pack("!BBH", _PUBACK, 2, mid) for mid in mids])
            self._packet_queue(_PUBACK, packets, mids[-1], 1)


def _whole(data: bytes, at: int) -> tuple[list[Received], int]:
    """The messages that stand whole in `data` from `at` on, and where something else begins (MQTT 3.1.1, 2.2, 3.3)."""
    found: list[Received] = []
    end = len(data)
    while at + 1 < end and data[at] & _KIND == _PUBLISH:
        body, shift = at + 2, 7
        length = data[at + 1]
        if length > 127:
            length &= 127
            while body < end:
                byte = data[body]
                body += 1
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128 or shift >= 7 * _LENGTH_BYTES_MAX:
                    break
            if data[body - 1] > 127:
                break
        stop = body + length
        if stop > end:
            break
        one = _received(data[at], data, body, stop)
        if one is None:
            break
        found.append(one)
        at = stop
    return found, at


def _received(first: int, data: bytes, body: int, stop: int) -> Received | None:
    """The message in data[body:stop], whose packet began with the byte `first`; None where that is none.

    No broker may send QoS 2: the hub asks for no more than 1.
    """
    qos = first >> 1 & 3
    at = body + 2
    if at > stop or qos > 1:
        return None
    topic_end = at + (data[body] << 8 | data[body + 1])
    payload_at = topic_end + 2 * qos
    if payload_at > stop or topic_end == at:
        return None
    mid = data[topic_end] << 8 | data[topic_end + 1] if qos else 0
    return Received(_text(data[at:topic_end]), data[payload_at:stop], mid, qos, first & (_RETAIN | _DUP) != 0)


def _decoded(topic: bytes) -> str:
    try:
        return topic.decode()
    except UnicodeDecodeError:
        return ""


_kept = lru_cache(maxsize=4096)(_decoded)


def _text(topic: bytes) -> str:
    return _kept(topic) if len(topic) <= KEPT_LENGTH else _decoded(topic)
