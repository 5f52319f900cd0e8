"""An RTSP camera made of GStreamer's RTSP server. Runs under the system's Python, which has GStreamer; imports nothing
of ours. Sends the coded pictures of a file again and again, on 127.0.0.1 only.

    python3 rtsp_server.py '{"port": 8554, "coded": "FILE", "codec": "h264", "frames_per_s": 10, ...}'

The file: for each picture its length in bytes (uint32, little-endian) and its bytes, Annex B, the first a key frame.
Says "ready" when it listens. Reads commands, one a line: `pause` and `go`; ends when its standard input does.
"""

from __future__ import annotations

import json
import struct
import sys
import threading
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - the versions come first

HOST = "127.0.0.1"
ROLE = "viewer"


def coded_pictures(path: str) -> list[bytes]:
    content = Path(path).read_bytes()
    found, at = [], 0
    while at < len(content):
        (length,) = struct.unpack_from("<I", content, at)
        found.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    return found


class Tape:
    """Feeds one media's appsrc with a picture at each tick, until nobody looks any more."""

    def __init__(self, pictures: list[bytes], paused: threading.Event, frames_per_s: int) -> None:
        self._pictures, self._paused = pictures, paused
        self._every_ms = 1000 // frames_per_s
        self._number = 0

    def configure(self, _factory: object, media: GstRtspServer.RTSPMedia) -> None:
        source = media.get_element().get_by_name_recurse_up("source")
        ticking = GLib.timeout_add(self._every_ms, self._push, source)
        media.connect("unprepared", lambda _media: GLib.source_remove(ticking) and None)

    def _push(self, source: Gst.Element) -> bool:
        if not self._paused.is_set():
            coded = self._pictures[self._number % len(self._pictures)]
            source.emit("push-buffer", Gst.Buffer.new_wrapped(coded))
        self._number += 1
        return True


def factory_of(asked: dict, tape: Tape) -> GstRtspServer.RTSPMediaFactory:
    codec = asked["codec"]
    made = GstRtspServer.RTSPMediaFactory()
    made.set_launch(
        f"( appsrc name=source is-live=true do-timestamp=true format=time "
        f"caps=video/x-{codec},stream-format=byte-stream,alignment=au "
        f"! {codec}parse config-interval=-1 ! rtp{codec}pay name=pay0 pt=96 )"
    )
    made.set_shared(True)
    transports = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}
    offered = GstRtsp.RTSPLowerTrans(0)
    for name in asked["transports"]:
        offered |= transports[name]
    made.set_protocols(offered)
    ports = GstRtspServer.RTSPAddressPool()
    first, last = asked["udp_ports"]
    if not ports.add_range(HOST, HOST, first, last, 0):
        raise SystemExit(f"no UDP ports {first} to {last}")
    made.set_address_pool(ports)
    allowed = GstRtspServer.RTSPPermissions()
    for right in ("media.factory.access", "media.factory.construct"):
        allowed.add_permission_for_role(ROLE, right, True)
    made.set_permissions(allowed)
    made.connect("media-configure", tape.configure)
    return made


def auth_of(asked: dict) -> GstRtspServer.RTSPAuth:
    """Asks for the user and password by digest or basic; nobody else gets in."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", ROLE)
    user, password = asked["user"], asked["password"]
    if asked["scheme"] == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    return auth


def main() -> None:
    asked = json.loads(sys.argv[1])
    Gst.init(None)
    paused = threading.Event()
    tape = Tape(coded_pictures(asked["coded"]), paused, asked["frames_per_s"])
    server = GstRtspServer.RTSPServer()
    server.set_address(HOST)
    server.set_service(str(asked["port"]))
    server.set_auth(auth_of(asked))
    server.get_mount_points().add_factory("/cam", factory_of(asked, tape))
    loop = GLib.MainLoop()
    if server.attach(None) == 0:
        raise SystemExit(f"port {asked['port']} is taken")

    def commands() -> None:
        for line in sys.stdin:
            (paused.set if line.strip() == "pause" else paused.clear)()
        GLib.idle_add(loop.quit)

    threading.Thread(target=commands, daemon=True).start()
    print("ready", flush=True)
    loop.run()


main()
