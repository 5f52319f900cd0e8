"""Fetching: only the pinned file arrives, and nothing is left of any other."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from models import __main__ as command
from models.fetch import FetchFailed, fetch
from models.manifest import manifest
from models.store import ModelMissing, WrongContent, place

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def model(monkeypatch, tmp_path):
    monkeypatch.setenv("ESPLANADE_MODEL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ESPLANADE_MODEL_MIRROR", raising=False)
    return msgspec.structs.replace(
        manifest().named("yolox-nano"), size_bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest()
    )


@contextmanager
def web(content, *, promised=None, status=200):
    """A web server on loopback that answers every request with `content`."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(promised or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/models/", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def left(model):
    folder = place(model).parent
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_mirror_address(model):
    arrived = []
    with web(CONTENT) as (address, asked):
        path = fetch(model, mirror=address, progress=arrived.append)
    assert path.read_bytes() == CONTENT
    assert asked == ["/models/yolox_nano.onnx"]
    assert sum(arrived) == len(CONTENT)
    assert len(arrived) > 1
    assert left(model) == ["yolox_nano.onnx"]


def test_mirror_folder_from_the_environment(model, monkeypatch, tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / model.file).write_bytes(CONTENT)
    monkeypatch.setenv("ESPLANADE_MODEL_MIRROR", str(tmp_path / "mirror"))
    assert fetch(model).read_bytes() == CONTENT
    assert place(model).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "content", [CONTENT[:-1] + b"\x00", CONTENT + b"more", CONTENT[:100], b"<html>not here</html>"]
)
def test_another_file_is_refused_and_nothing_is_left(model, content):
    with web(content) as (address, _), pytest.raises(WrongContent, match="refused"):
        fetch(model, mirror=address)
    assert left(model) == []


def test_a_broken_transfer_leaves_nothing(model):
    with (
        web(CONTENT[:5000], promised=len(CONTENT)) as (address, _),
        pytest.raises((WrongContent, FetchFailed)),
    ):
        fetch(model, mirror=address)
    assert left(model) == []


@contextmanager
def stalling_web():
    """A web server that sends half of the content, then waits until it is told to go on."""
    go_on, half_sent = threading.Event(), threading.Event()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
            half_sent.set()
            go_on.wait(20)
            with suppress(OSError):  # a client that was killed hears no more
                self.wfile.write(CONTENT[len(CONTENT) // 2 :])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", half_sent, go_on
    finally:
        go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_a_killed_fetch_left_is_deleted_by_the_next(model):
    with stalling_web() as (slow, half_sent, _):
        fetching = subprocess.Popen(
            [sys.executable, "-m", "models", "fetch", model.name, "--mirror", slow], stdout=subprocess.DEVNULL
        )
        assert half_sent.wait(20)
        while not left(model):
            time.sleep(0.01)
        fetching.kill()
        fetching.wait()
    assert len(left(model)) == 1
    with web(CONTENT) as (address, _):
        fetch(model, mirror=address)
    assert left(model) == [model.file]


def test_a_fetch_that_is_still_going_on_is_left_alone(model):
    with stalling_web() as (slow, half_sent, go_on), web(CONTENT) as (address, _):
        first = threading.Thread(target=fetch, args=(model,), kwargs={"mirror": slow})
        first.start()
        assert half_sent.wait(20)
        fetch(model, mirror=address)
        assert len(left(model)) == 2
        go_on.set()
        first.join()
    assert left(model) == [model.file]
    assert place(model).read_bytes() == CONTENT


def test_absent_and_unreachable_sources_are_named(model, tmp_path):
    with web(b"", status=404) as (address, _), pytest.raises(FetchFailed, match="404"):
        fetch(model, mirror=address)
    with pytest.raises(FetchFailed, match="ESPLANADE_MODEL_MIRROR"):
        fetch(model, mirror=str(tmp_path / "nowhere"))
    with pytest.raises(FetchFailed, match="only http and https"):
        fetch(model, mirror="ftp://127.0.0.1/x")
    assert left(model) == []


def test_the_next_address_is_tried(model):
    with web(b"other") as (bad, _), web(CONTENT) as (good, _):
        two = msgspec.structs.replace(model, addresses=(bad, good))
        assert fetch(two).read_bytes() == CONTENT
    assert left(model) == ["yolox_nano.onnx"]


def test_a_right_file_is_left_alone_and_a_damaged_one_replaced(model):
    place(model).parent.mkdir(parents=True)
    place(model).write_bytes(CONTENT)
    before = place(model).stat().st_mtime_ns
    with web(CONTENT) as (address, asked):
        fetch(model, mirror=address)
        assert asked == []
        assert place(model).stat().st_mtime_ns == before
        place(model).write_bytes(b"damaged")
        assert fetch(model, mirror=address).read_bytes() == CONTENT


def test_a_damaged_file_outlives_a_failed_fetch(model, tmp_path):
    place(model).parent.mkdir(parents=True)
    place(model).write_bytes(b"damaged")
    with pytest.raises(FetchFailed):
        fetch(model, mirror=str(tmp_path))
    assert left(model) == ["yolox_nano.onnx"]


def test_a_shipped_model_is_never_fetched(tmp_path):
    shipped = manifest().named(manifest().default)
    assert fetch(shipped, mirror=str(tmp_path)) == place(shipped)
    with pytest.raises(ModelMissing, match="reinstall"):
        fetch(msgspec.structs.replace(shipped, file="gone.onnx"), mirror=str(tmp_path))


def test_command_refuses_a_wrong_file(model, tmp_path, capsys):
    (tmp_path / model.file).write_bytes(b"not it")
    assert command.main(["fetch", "yolox-nano", "--mirror", str(tmp_path)]) == 1
    assert "refused" in capsys.readouterr().err
    assert left(model) == []


def test_command_lists_and_verifies(model, capsys):
    assert command.main(["list"]) == 0
    assert "ssdlite-mobilenet-v2" in capsys.readouterr().out
    assert command.main(["verify"]) == 0
    said = capsys.readouterr().out
    assert "ssdlite-mobilenet-v2: " in said
    assert "yolox-nano: not fetched" in said
    assert command.main(["verify", "yolox-nano"]) == 1
    place(model).parent.mkdir(parents=True)
    place(model).write_bytes(b"damaged")
    assert command.main(["verify"]) == 1
    assert command.main(["fetch", "nosuch"]) == 1
    assert "nosuch" in capsys.readouterr().err


def test_command_measures_time(capsys):
    assert command.main(["bench", "ssdlite-mobilenet-v2", "--input-size", "192x256", "--repeats", "3"]) == 0
    said = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in said if line.startswith("ssdlite")]
    assert [row[:3] for row in rows] == [["ssdlite-mobilenet-v2", has, "192x256"] for has in ("no", "yes")]
    for row in rows:
        assert all(float(number) > 0 for number in row[3:])
    assert any(line.strip().startswith("1 pictures a second: ssdlite-mobilenet-v2 192x256") for line in said)


def test_command_refuses_a_share_that_is_none(capsys):
    assert command.main(["bench", "--cpu-share", "1.5"]) == 1
    assert "--cpu-share 1.5" in capsys.readouterr().err
    assert command.main(["bench", "--repeats", "1", "ssdlite-mobilenet-v2"]) == 1
    assert "at least 2" in capsys.readouterr().err


def test_what_is_no_web_server_is_named(model):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:

        def nonsense():
            client, _ = server.accept()
            with client:
                client.recv(4096)
                client.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=nonsense)
        thread.start()
        with pytest.raises(FetchFailed, match="220 mail"):
            fetch(model, mirror=f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    with pytest.raises(FetchFailed, match="control characters"):
        fetch(model, mirror="http://127.0.0.1/a folder")
    assert left(model) == []


def test_a_wrong_size_is_said_in_one_line(capsys):
    assert command.main(["bench", manifest().default, "--input-size", "8x8"]) == 1
    assert "input_size (8, 8) must lie between" in capsys.readouterr().err


def test_bench_without_the_edge_extra_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.delitem(sys.modules, "models.bench", raising=False)
    monkeypatch.delattr("models.bench", raising=False)
    assert command.main(["bench"]) == 1
    assert "install esplanade[edge]" in capsys.readouterr().err
