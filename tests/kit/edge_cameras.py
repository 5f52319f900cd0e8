"""Cameras to test against: a real RTSP server with a publisher, and an HTTP server that sends motion JPEG."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
import threading
import time
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np

from deploy.demo.broker import HOST, free_port
from tests.kit import edge_scene as scene

RTSP_SERVER = "rtsp-server-perl"
FRAMES_PER_S = 10


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
    """Sends numbered pictures, ten a second, to everyone who asks; wants a password when given one."""

    name = "mjpeg"
    clock = "arrival"

    def __init__(self):
        self.port = free_port()
        self.paused = threading.Event()
        self._pictures = [jpeg(scene.numbered(i)) for i in range(40)]
        self._server = None
        self._stopping = threading.Event()

    def source(self):
        return {"mjpeg": f"http://{HOST}:{self.port}/video.mjpg?user=viewer&pwd=hunter2"}

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
                            body = camera._pictures[number % 40]
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
    """A real RTSP server and a publisher that sends numbered pictures in H.264, with RTCP sender reports."""

    name = "rtsp"
    clock = "rtcp"

    def __init__(self, folder):
        self.port, self._in_port, self._rtp_port = free_port(), free_port(), _even_ports()
        self._log = folder / "rtsp.log"
        self.paused = threading.Event()
        self._server = None
        self._stopping = threading.Event()

    @staticmethod
    def found():
        return shutil.which(RTSP_SERVER)

    def source(self):
        return {"rtsp": f"rtsp://viewer:hunter2@{HOST}:{self.port}/cam", "transport": "udp"}

    def start(self):
        self._stopping.clear()
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                [
                    RTSP_SERVER, "--clientport", str(self.port), "--serverport", str(self._in_port),
                    "--rtp_start_port", str(self._rtp_port), "--client_listen_address", HOST,
                    "--source_listen_address", HOST,
                ],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._thread.start()

    def _publish(self):
        while not self._stopping.is_set():
            try:
                self._publish_once()
            except OSError:
                time.sleep(0.1)

    def _publish_once(self):
        options = {"rtsp_transport": "udp"}
        address = f"rtsp://{HOST}:{self._in_port}/cam"
        container = av.open(address, "w", format="rtsp", options=options)
        try:
            stream = container.add_stream("libx264", rate=FRAMES_PER_S)
            stream.height, stream.width, stream.pix_fmt = 240, 320, "yuv420p"
            stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "5"}
            stream.time_base = Fraction(1, 90_000)
            began = time.monotonic()
            number = 0
            while not self._stopping.is_set():
                if not self.paused.is_set():
                    image = av.VideoFrame.from_ndarray(scene.numbered(number % 40), format="bgr24")
                    image.pts, image.time_base = number * 90_000 // FRAMES_PER_S, stream.time_base
                    container.mux(stream.encode(image))
                number += 1
                time.sleep(max(0.0, began + number / FRAMES_PER_S - time.monotonic()))
        finally:
            with contextlib.suppress(OSError):  # the server may have gone first
                container.close()

    def stop(self):
        self._stopping.set()
        self._thread.join(timeout=5)
        self._server.terminate()
        self._server.wait()


def _even_ports():
    """A start for RTP and RTCP port pairs."""
    return free_port() & ~1
