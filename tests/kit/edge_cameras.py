"""Cameras to test against: GStreamer's RTSP server, and an HTTP server that sends motion JPEG."""

from __future__ import annotations

import functools
import io
import json
import struct
import subprocess
import threading
import time
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import msgspec
import numpy as np

from deploy.demo.broker import HOST, free_port
from edge.backoff import Backoff
from edge.camera import CameraReader
from edge.config import CameraChoice
from tests.kit import edge_scene as scene

START = "2026-06-20T18:00:00.000Z"
FRAMES_PER_S = 10
PICTURES = 40
USER, PASSWORD = "viewer", "hunter2"
SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_SERVER = Path(__file__).with_name("rtsp_server.py")
RTSP_HOW = "apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi"
UDP_PORTS = 20
END_S = 5.0


def wall_ms():
    return time.time_ns() // 1_000_000


def reader(source, arrived=lambda: None, frames_per_s=60.0, clock=wall_ms, backoff=None):
    """A camera's reader, not yet started; it tries again soon."""
    choice = msgspec.convert({"id": "gate", "source": source, "frames_per_s": frames_per_s}, CameraChoice)
    return CameraReader(
        choice,
        replay_start=START,
        arrived=arrived,
        wall_ms=clock,
        backoff=backoff or Backoff(first_s=0.1, most_s=0.3, draw=lambda: 0.5),
    )


def jpeg(picture) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuvj420p"
        container.mux(
            stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24"))
        )
        container.mux(stream.encode())
    return out.getvalue()


class MjpegCamera:
    """Sends numbered pictures, ten a second, to everyone who asks."""

    name = "mjpeg"
    clock = "arrival"

    def __init__(self):
        self.port = free_port()
        self.paused = threading.Event()
        self._pictures = [jpeg(scene.numbered(i)) for i in range(PICTURES)]
        self._server = None
        self._stopping = threading.Event()

    def source(self):
        return {"mjpeg": f"http://{HOST}:{self.port}/video.mjpg?user={USER}&pwd={PASSWORD}"}

    def start(self):
        camera = self
        self._stopping.clear()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                began = time.monotonic()
                number = 0
                try:
                    while not camera._stopping.is_set():
                        if not camera.paused.is_set():
                            body = camera._pictures[number % PICTURES]
                            head = (
                                f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
                            )
                            self.wfile.write(head.encode() + body + b"\r\n")
                        number += 1
                        time.sleep(max(0.0, began + number / FRAMES_PER_S - time.monotonic()))
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer((HOST, self.port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self):
        self._stopping.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None


class RtspCamera:
    """GStreamer's RTSP server: numbered pictures, with RTCP sender reports, to whoever knows the password."""

    def __init__(
        self,
        folder,
        *,
        transport="tcp",
        codec="h264",
        scheme="digest",
        offered=("tcp", "udp"),
        password=PASSWORD,
    ):
        """`transport` and `password` are what `source()` tells the agent; the server's password is PASSWORD."""
        self.name, self.clock = f"rtsp-{transport}", "rtcp"
        self.port = free_port()
        self.paused = _Switch(self._say)
        self._folder = folder
        self._transport, self._password = transport, password
        self._asked = {
            "port": self.port,
            "codec": codec,
            "coded": str(folder / f"{codec}.coded"),
            "frames_per_s": FRAMES_PER_S,
            "transports": offered,
            "scheme": scheme,
            "user": USER,
            "password": PASSWORD,
        }
        Path(self._asked["coded"]).write_bytes(_coded(codec))
        self._server = None

    @staticmethod
    @functools.cache
    def found():
        """Whether the system's Python has GStreamer's RTSP server."""
        asks = (
            "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
        )
        try:
            return (
                subprocess.run([SYSTEM_PYTHON, "-c", asks], capture_output=True, check=False).returncode == 0
            )
        except FileNotFoundError:
            return False

    def source(self):
        address = f"rtsp://{USER}:{self._password}@{HOST}:{self.port}/cam"
        return {"rtsp": address, "transport": self._transport}

    def start(self):
        first = free_port() & ~1  # RTP on even ports, RTCP on the next
        asked = self._asked | {"udp_ports": [first, min(first + UDP_PORTS, 65_535)]}
        with (self._folder / "rtsp.log").open("ab") as log:
            self._server = subprocess.Popen(
                [SYSTEM_PYTHON, "-u", str(RTSP_SERVER), json.dumps(asked)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        said = self._server.stdout.readline()
        assert said == "ready\n", (self._folder / "rtsp.log").read_text()

    def _say(self, command):
        self._server.stdin.write(f"{command}\n")
        self._server.stdin.flush()

    def stop(self):
        """As a power cut: no goodbye to anyone."""
        if self._server is not None:
            self._server.kill()
            self._server.communicate(timeout=END_S)
            self._server = None


class _Switch:
    """`set` and `clear` as a threading.Event has them, told to the server."""

    def __init__(self, say):
        self._say = say

    def set(self):
        self._say("pause")

    def clear(self):
        self._say("go")


@functools.cache
def _coded(codec) -> bytes:
    """The numbered pictures as tests/kit/rtsp_server.py wants them: length and Annex B bytes, key frames often."""
    name, of_codec = {"h264": ("libx264", "x264-params"), "h265": ("libx265", "x265-params")}[codec]
    encoder = av.CodecContext.create(name, "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 240, "yuv420p"
    encoder.framerate = Fraction(FRAMES_PER_S)
    encoder.time_base = 1 / encoder.framerate
    keys = "keyint=5:min-keyint=5:scenecut=0:annexb=1:repeat-headers=1"
    quiet = ":log-level=error" if codec == "h265" else ""
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", of_codec: keys + quiet}
    packets = []
    for number in range(PICTURES):
        image = av.VideoFrame.from_ndarray(scene.numbered(number), format="bgr24")
        image.pts = number
        packets += encoder.encode(image)
    packets += encoder.encode(None)
    assert len(packets) == PICTURES
    return b"".join(struct.pack("<I", packet.size) + bytes(packet) for packet in packets)
