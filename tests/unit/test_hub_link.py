"""The hub's end of the connection, where paho writes from the thread that acknowledges."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from hub.ingest import Arrival
from hub.mqtt import BrokerAddress, Link


class Gone:
    """Stands in for a socket whose other end has gone."""

    def send(self, _data: bytes) -> int:
        raise BrokenPipeError

    def close(self) -> None:
        pass


def test_a_connection_lost_while_acknowledging_holds_nobody_up() -> None:
    """Once paho's network thread has ended, it writes, and tells of the loss, in the thread that acknowledges."""
    link = Link(
        address=BrokerAddress(), site="town", inbox=SimpleQueue(), clock=lambda: 0, on_connected=lambda: None
    )
    link._connection = link._connections = 1
    link._client._sock = Gone()
    arrival = Arrival("topic", b"", 0, False, 7, 1, 1)
    judge = threading.Thread(target=link.acknowledge, args=([arrival],), daemon=True)
    judge.start()
    judge.join(5.0)
    assert not judge.is_alive()
    assert link._connection == 0
