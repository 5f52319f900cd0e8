"""paho's client with a read-ahead buffer and acknowledgements by the handful.

paho asks the system for every byte of a packet's header and selects before every packet. Beside a thread that
computes, each of those calls can lose the interpreter. With a buffer a received message costs 20 us instead of 48
(2-core x86-64, paho 2.2, 2.9 KB messages), which is what lets one hub keep up with a town.

Three methods of paho that are not part of its documented interface are leaned on: `_sock_recv`, `_packet_read` and
`_packet_queue`. They are looked for when this module is imported, and tests/broker runs over two brokers.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode

READ_BYTES = 65_536
WRITE_AFTER_PACKETS = 64  # acknowledgements and pings get their turn in a long stretch of reading
_PUBACK = 0x40
_LEANED_ON = ("_sock_recv", "_packet_read", "_packet_queue", "_loop_rc_handle")

for _name in _LEANED_ON:
    if not callable(getattr(mqtt.Client, _name, None)):
        raise ImportError(f"this paho-mqtt has no {_name}; install the version in requirements/hub.txt")


class ReadAheadClient(mqtt.Client):
    """A paho client for one network thread (`loop_start`). Every read leaves the buffer empty, so select is true."""

    _ahead = b""
    _ahead_at = 0

    def reconnect(self) -> MQTTErrorCode:
        self._ahead, self._ahead_at = b"", 0
        return super().reconnect()

    def _sock_recv(self, bufsize: int) -> bytes:
        at = self._ahead_at
        if at == len(self._ahead):
            self._ahead, self._ahead_at, at = b"", 0, 0
            self._ahead = super()._sock_recv(READ_BYTES)
        data = self._ahead[at : at + bufsize]
        self._ahead_at = at + len(data)
        return data

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Reads until nothing is left. `max_packets` is paho's own and, as in paho, not kept to."""
        packets = 0
        while self._sock is not None:
            code = self._packet_read()
            if code == MQTTErrorCode.MQTT_ERR_AGAIN:
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            if code > 0:
                return self._loop_rc_handle(code)
            if self._ahead_at == len(self._ahead):
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            packets += 1
            if packets % WRITE_AFTER_PACKETS == 0 and self.want_write():
                code = self.loop_write()
                if code:
                    return code
        return MQTTErrorCode.MQTT_ERR_NO_CONN

    def acknowledge(self, mids: Sequence[int]) -> None:
        """PUBACK for QoS 1 messages, in one write."""
        if mids:
            packets = b"".join(struct.pack("!BBH", _PUBACK, 2, mid) for mid in mids)
            self._packet_queue(_PUBACK, packets, mids[-1], 1)
