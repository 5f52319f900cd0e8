"""The agent against a broker as a town runs it: TLS and a password. Wrong ones are told in words."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
import time

import pytest

from deploy.demo.broker import HOST, find_mosquitto, free_port
from edge.backoff import Backoff
from edge.config import Broker, Tls
from edge.mqtt import Link, Message

TOPIC = "esplanade/v1/square/east/status"


def run(line, cwd):
    subprocess.run(shlex.split(line), cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory, require_part):
    """An authority of our own, a certificate for 127.0.0.1, and another authority that signed nothing here."""
    require_part("openssl", shutil.which("openssl"), "apt-get install openssl")
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("town", "stranger"):
        run(
            f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem",
            folder,
        )
    (folder / "extra").write_text(f"subjectAltName=IP:{HOST}\n")
    run("openssl req -newkey rsa:2048 -nodes -subj /CN=broker -keyout broker.key -out broker.csr", folder)
    run(
        "openssl x509 -req -in broker.csr -CA town.pem -CAkey town.key -CAcreateserial -days 2 "
        "-extfile extra -out broker.pem",
        folder,
    )
    return folder


@pytest.fixture
def broker(tmp_path, certificates, require_part):
    """A Mosquitto that speaks TLS only and knows one user. Gives its port."""
    require_part("mosquitto", find_mosquitto(), "apt-get install mosquitto")
    require_part("mosquitto_passwd", shutil.which("mosquitto_passwd"), "apt-get install mosquitto")
    port = free_port()
    users = tmp_path / "users"
    run(f"mosquitto_passwd -b -c {users} east s3cret", tmp_path)
    for path in (tmp_path, *tmp_path.iterdir()):
        path.chmod(0o755)
    config = tmp_path / "mosquitto.conf"
    config.write_text(
        f"listener {port} {HOST}\nallow_anonymous false\npassword_file {users}\nuser root\n"
        f"cafile {certificates}/town.pem\ncertfile {certificates}/broker.pem\nkeyfile {certificates}/broker.key\n"
    )
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([str(find_mosquitto()), "-c", str(config)], stdout=log, stderr=log)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                break
        time.sleep(0.05)
    yield port
    server.terminate()
    server.wait()


def link(port, *, password="s3cret", tls=None, up=None):
    return Link(
        broker=Broker(host=HOST, port=port, username="east", tls=tls),
        password=password,
        client_id="esplanade-square-east",
        subscription="esplanade/v1/square/hub/ack/east",
        will=lambda: Message(TOPIC, b"{}", 1, True),
        on_up=up or (lambda: None),
        on_message=lambda body: None,
        on_room=lambda: None,
        backoff=Backoff(first_s=0.1, most_s=0.2, draw=lambda: 0.5),
    )


def until(done):
    deadline = time.monotonic() + 15
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_tls_and_password(broker, certificates):
    one = link(broker, tls=Tls(ca_file=str(certificates / "town.pem")))
    one.start()
    try:
        until(lambda: one.up)
        assert one.problem is None
        assert one.publish(Message(TOPIC, json.dumps({"state": "online"}).encode(), 1, True))
        until(lambda: one.idle)
    finally:
        one.stop()


def test_a_broker_signed_by_a_stranger_is_not_spoken_to(broker, certificates):
    one = link(broker, tls=Tls(ca_file=str(certificates / "stranger.pem")))
    one.start()
    try:
        until(lambda: "certificate" in (one.problem or "").lower() and "no connection" in one.problem)
        assert not one.up
        assert not one.publish(Message(TOPIC, b"{}", 1, True))
    finally:
        one.stop()


def test_a_wrong_password_is_told_and_not_repeated_in_the_log(broker, certificates, caplog):
    one = link(broker, password="wr0ng", tls=Tls(ca_file=str(certificates / "town.pem")))
    one.start()
    try:
        until(lambda: "refused us" in (one.problem or ""))
        time.sleep(1.0)
        assert "check username, password and its access list" in one.problem
        assert "wr0ng" not in caplog.text
        assert caplog.text.count("refused us") == 1, "told once, tried again and again"
    finally:
        one.stop()
