"""What is cut out of the read-ahead buffer is what was sent, wherever it ends; nonsense ends the connection."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from contract import topics
from hub.mqtt_client import ReadAheadClient, Received

PINGRESP = b"\xd0\x00"


class Wire:
    """Stands in for the socket: gives one piece a call, and then nothing for now. An empty piece closes it."""

    def __init__(self, pieces):
        self.pieces = list(pieces)

    def recv(self, size):
        if not self.pieces:
            raise BlockingIOError
        if not self.pieces[0]:
            return b""  # closed at the other end, and it stays so
        piece = self.pieces.pop(0)
        if len(piece) > size:
            self.pieces.insert(0, piece[size:])
        return piece[:size]

    def close(self):
        self.pieces.clear()


def packet(first, body):
    length, head = len(body), bytearray([first])
    while True:
        length, byte = divmod(length, 128)
        head.append(byte | (128 if length else 0))
        if not length:
            return bytes(head) + body


def publish(topic, payload, mid, qos, *, dup=False, retain=False):
    named = struct.pack("!H", len(topic)) + topic + (struct.pack("!H", mid) if qos else b"")
    return packet(0x30 | dup << 3 | qos << 1 | retain, named + payload)


def read(pieces):
    """(messages, what the last reading said) of a client that reads while there is something."""
    client = ReadAheadClient(CallbackAPIVersion.VERSION2, manual_ack=True)
    got = []
    client.on_received = got.extend
    wire = client._sock = Wire(pieces)
    code = MQTTErrorCode.MQTT_ERR_SUCCESS
    while wire.pieces and not code:
        code = client.loop_read()
    client._sock = None
    return got, code


messages = st.tuples(
    st.sampled_from([b"a", b"esplanade/v1/s/a/c/reading", b"\xff\xfe", b"t" * 300]),
    st.sampled_from([0, 1, 90, 127, 128, 3_000, 20_000]),
    st.integers(1, 65_535),
    st.integers(0, 1),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(messages, max_size=12), st.lists(st.integers(1, 9_000), max_size=40))
def test_messages_come_whole_and_in_order_wherever_the_stream_is_cut(sent, cuts):
    stream, expected = b"", []
    for number, (topic, size, mid, qos, dup, retain, ping) in enumerate(sent):
        payload = bytes([number]) * size
        stream += publish(topic, payload, mid, qos, dup=dup, retain=retain) + (PINGRESP if ping else b"")
        text = "" if topic[0] == 0xFF else topic.decode()
        expected.append(Received(text, payload, mid if qos else 0, qos, dup or retain))
    pieces = []
    for cut in cuts:
        pieces.append(stream[:cut])
        stream = stream[cut:]
    got, code = read([piece for piece in (*pieces, stream) if piece])
    assert got == expected
    assert code == MQTTErrorCode.MQTT_ERR_SUCCESS


GOOD = publish(b"good", b"1", 7, 1)


@pytest.mark.parametrize(
    "nonsense",
    [
        publish(b"two", b"x", 1, 2),  # QoS 2, which nobody asked for
        publish(b"three", b"x", 1, 3),
        publish(b"", b"x", 1, 1),
        packet(0x30, b""),
        packet(0x30, b"\x00"),
        packet(0x30, b"\x00\x09four"),
        packet(0x32, b"\x00\x04five\x01"),  # no room for the message id
        b"\x30\xff\xff\xff\xff\x01" + b"x" * 50,  # a length of five bytes
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_nonsense_ends_the_connection_and_what_came_before_stands(nonsense, cut):
    stream = GOOD + nonsense + GOOD
    pieces = [stream[i : i + 1] for i in range(len(stream))] if cut else [stream]
    got, code = read(pieces)
    assert [one.payload for one in got] == [b"1"]
    assert code == MQTTErrorCode.MQTT_ERR_PROTOCOL


def test_a_closed_connection_is_lost():
    got, code = read([GOOD, b""])
    assert len(got) == 1
    assert code == MQTTErrorCode.MQTT_ERR_CONN_LOST


def test_long_topics_are_read_and_not_kept():
    """4,096 of them would be half a gigabyte."""
    tracemalloc.start()
    try:
        for n in range(60):
            topic = f"{topics.PREFIX}/town/box/{n}{'c' * 60_000}/reading"
            got, code = read([publish(topic.encode(), b"{}", 1, 1)])
            assert (got[0].topic, code) == (topic, MQTTErrorCode.MQTT_ERR_SUCCESS)
            address = topics.parse(got[0].topic)
            assert address is not None and address.camera.startswith(f"{n}c")
        del topic, got, address
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
