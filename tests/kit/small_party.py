"""What the small agent and the small hub have in common: a stored MQTT session and a thread of their own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from deploy.demo.broker import HOST


class SmallParty(ABC):
    """Connected, also again, while in its `with` block; calls `_tick` every `every_s` there."""

    def __init__(self, client_id: str, port: int, *, every_s: float, again_s: tuple[int, int]) -> None:
        self.guard = threading.Lock()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
        self.client.reconnect_delay_set(*again_s)
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message
        self._port, self._every_s = port, every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self.client.connect_async(HOST, self._port)
        self.client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self.client.disconnect()
        self.client.loop_stop()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            self._tick()

    @abstractmethod
    def _tick(self) -> None: ...

    @abstractmethod
    def _on_connect(self, client: mqtt.Client, *_: Any) -> None: ...

    @abstractmethod
    def _on_message(self, client: mqtt.Client, data: Any, message: mqtt.MQTTMessage) -> None: ...
