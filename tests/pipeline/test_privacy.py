"""What a whole run says and keeps is captured byte by byte: no picture in it, and no track id twice."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as mqtt

from deploy.demo.broker import HOST
from deploy.demo.parts import Town

# How files of pictures and films begin, and their base64. Four bytes and more, so that chance does not find them.
SIGNATURES = {
    "JPEG": b"\xff\xd8\xff\xe0",
    "JPEG with Exif": b"\xff\xd8\xff\xe1",
    "JPEG, bare": b"\xff\xd8\xff\xdb",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "GIF": b"GIF89a",
    "WebP": b"WEBPVP8",
    "MP4": b"ftypisom",
    "H.264 start of a sequence": b"\x00\x00\x00\x01\x67",
    "AVIF": b"ftypavif",
}
LONGEST_TEXT = (
    8 * 1024
)  # a picture of 64 x 48 pixels in grey does not fit into 3 kB; a grid of this site does
API = (
    "/api/v1/site",
    "/api/v1/state",
    "/api/v1/alerts?limit=1000",
    "/api/v1/devices",
    "/api/v1/figures",
    "/api/v1/zones/square/history?minutes=60",
)


class Listener:
    """Keeps every byte that goes over the broker."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.connected = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="privacy-listener")
        self.client.on_connect = self._subscribe
        self.client.on_message = lambda _client, _data, message: self.messages.append(
            (message.topic, bytes(message.payload))
        )
        self.client.connect(HOST, port)
        self.client.loop_start()

    def _subscribe(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe("#", qos=1)
        self.connected.set()

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def pictures_in(data: bytes) -> list[str]:
    """Names of the signatures in `data`, raw or in base64 that it carries."""
    found = [name for name, start in SIGNATURES.items() if start in data]
    for text in re.findall(rb"[A-Za-z0-9+/]{64,}={0,2}", data):
        decoded = base64.b64decode(text + b"=" * (-len(text) % 4))
        found += [f"{name} in base64" for name, start in SIGNATURES.items() if start in decoded]
        if len(text) > LONGEST_TEXT:
            found.append(f"base64 of {len(text)} characters")
    return found


def vehicle_ids(messages: list[tuple[str, bytes]]) -> dict[str, set[str]]:
    """Boot to the ids of its vehicle tracks."""
    ids: dict[str, set[str]] = {}
    for topic, payload in messages:
        if topic.endswith("/reading"):
            reading = json.loads(payload)
            ids.setdefault(reading["boot"], set()).update(v["id"] for v in reading["vehicles"])
    return ids


def test_no_picture_leaves_and_no_track_id_is_used_again(town: Callable[..., Town]) -> None:
    one = town()
    one.broker.start()
    listener = Listener(one.broker.port)
    assert listener.connected.wait(10)
    one.start_hub()
    one.agent.start()
    said: list[bytes] = []

    def sees_vehicles(boots: int) -> bool:
        ids = vehicle_ids(listener.messages)
        return len(ids) >= boots and all(ids.values())

    one.wait(lambda: sees_vehicles(1), one.agent, "no vehicle was seen", 60)
    one.agent.stop()
    one.agent.start()
    one.wait(lambda: sees_vehicles(2), one.agent, "no vehicle was seen after the restart", 60)
    time.sleep(3)
    for path in API:
        answer = one.get(path)
        assert answer is not None, path
        said.append(json.dumps(answer).encode())
    one.stop()
    listener.stop()

    assert len(listener.messages) > 20
    for topic, payload in listener.messages:
        assert pictures_in(payload) == [], topic
    for answer in said:
        assert pictures_in(answer) == []
    files = [file for file in Path(one.folder).iterdir() if file.is_file()]
    assert any(file.name == "hub.sqlite" for file in files)
    for file in files:
        data = file.read_bytes()
        assert [name for name, start in SIGNATURES.items() if start in data] == [], file.name

    first, second = vehicle_ids(listener.messages).values()
    assert first
    assert second
    assert first.isdisjoint(second)


def test_the_search_for_pictures_finds_them() -> None:
    jpeg = b"\xff\xd8\xff\xe0" + bytes(range(200))
    assert pictures_in(jpeg)
    assert pictures_in(b'{"still": "' + base64.b64encode(jpeg) + b'"}')
    assert pictures_in(b'{"raw": "' + base64.b64encode(bytes(20_000)) + b'"}')
    assert not pictures_in(b'{"people": 3}')
