"""The page on which heads are marked: served on loopback to one browser, with no request beyond this process.

Who may come in: whoever first opens the address with the token that the command printed; the token then turns into a
cookie and opens nothing more. Requests for another host (a rebound name) and changes from another origin are refused.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from msgspec import Struct

from models.calibrate.marks import (
    MarksUnusable,
    checked,
    pictures_in,
    points_path,
    read_points,
    write_points,
)
from models.calibrate.workplace import Workplace

HOST: Final = "127.0.0.1"
COOKIE: Final = "esplanade-marking"
MOST_BODY: Final = 1_000_000
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ASSETS: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/marking.js": ("marking.js", "text/javascript; charset=utf-8"),
    "/marking.css": ("marking.css", "text/css; charset=utf-8"),
}


class Frame(Struct, frozen=True, kw_only=True):
    """One picture of the list that the page shows."""

    name: str
    done: bool
    points_px: list[tuple[float, float]]


class Change(Struct, frozen=True, forbid_unknown_fields=True):
    """What the page sends after every click: all points of the picture, and whether it is finished."""

    points_px: list[tuple[float, float]]
    done: bool


class Marking:
    """The pictures of a folder and their marks; every change is on disk before it is answered."""

    def __init__(self, place: Workplace) -> None:
        """Raises MarksUnusable: no picture, a damaged points file."""
        self.place = place
        self._pictures = {path.stem: path for path in pictures_in(place.folder)}
        self._lock = threading.Lock()
        for path in self._pictures.values():
            if points_path(path).is_file():
                read_points(points_path(path))

    def frames(self) -> list[Frame]:
        with self._lock:
            done = self.place.done()
            return [
                Frame(name=name, done=name in done, points_px=self._points(path))
                for name, path in self._pictures.items()
            ]

    def picture(self, name: str) -> Path | None:
        return self._pictures.get(name)

    def change(self, name: str, change: Change) -> None:
        """Raises MarksUnusable on points that are none, KeyError on an unknown picture."""
        points = checked(change.points_px, f"picture {name}")
        with self._lock:
            write_points(points_path(self._pictures[name]), points)
            done = self.place.done()
            (done.add if change.done else done.discard)(name)
            self.place.finish(done)

    @staticmethod
    def _points(path: Path) -> list[tuple[float, float]]:
        file = points_path(path)
        return [(float(x), float(y)) for x, y in read_points(file)] if file.is_file() else []


class MarkingServer(ThreadingHTTPServer):
    """Serves one `Marking` on loopback, on a free port. `address` is to be opened once."""

    daemon_threads = True

    def __init__(self, marking: Marking, port: int = 0) -> None:
        self.marking = marking
        self.token = secrets.token_urlsafe(24)
        self.cookie: str | None = None
        self.guard = threading.Lock()
        self.ended = False
        super().__init__((HOST, port), _Answer)
        self.port: int = self.server_address[1]

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}/?token={self.token}"

    def server_close(self) -> None:
        """Takes nothing more, on connections that are still open either."""
        self.ended = True
        super().server_close()

    def redeemed(self, token: str) -> str | None:
        """The cookie for the token; None where it is wrong or was used."""
        with self.guard:
            if self.cookie is not None or not hmac.compare_digest(token.encode(), self.token.encode()):
                return None
            self.cookie = secrets.token_urlsafe(24)
            return self.cookie


class _Answer(BaseHTTPRequestHandler):
    server: MarkingServer
    protocol_version = "HTTP/1.1"
    server_version = "esplanade"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        if not self._host_known():
            return
        asked = urlsplit(self.path)
        token = parse_qs(asked.query).get("token", [""])[0]
        if asked.path == "/" and token:
            self._redeem(token)
            return
        if not self._known():
            return
        if asked.path in ASSETS:
            name, kind = ASSETS[asked.path]
            content = (resources.files("models.calibrate") / "page" / name).read_bytes()
            self._send(HTTPStatus.OK, content, kind)
        elif asked.path == "/frames":
            try:
                frames = self.server.marking.frames()
            except MarksUnusable as wrong:
                self._no(HTTPStatus.INTERNAL_SERVER_ERROR, str(wrong))
            else:
                self._json(HTTPStatus.OK, frames)
        elif asked.path.startswith("/pictures/"):
            path = self.server.marking.picture(unquote(asked.path.removeprefix("/pictures/")))
            if path is None:
                self._no(HTTPStatus.NOT_FOUND, "there is no such picture")
                return
            kind = "image/png" if path.suffix.lower() == ".png" else "image/jpeg"
            self._send(HTTPStatus.OK, path.read_bytes(), kind)
        else:
            self._no(HTTPStatus.NOT_FOUND, "there is no such page")

    def do_PUT(self) -> None:
        if not self._host_known() or not self._known():
            return
        if self.headers.get("Origin") != f"http://{HOST}:{self.server.port}":
            self._no(HTTPStatus.FORBIDDEN, "changes are taken from this page alone")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BODY:
            self.close_connection = True
            self._no(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MOST_BODY} bytes are taken")
            return
        body = self.rfile.read(int(length))
        name = unquote(urlsplit(self.path).path.removeprefix("/points/"))
        if not self.path.startswith("/points/") or self.server.marking.picture(name) is None:
            self._no(HTTPStatus.NOT_FOUND, "there is no such picture")
            return
        try:
            self.server.marking.change(name, msgspec.json.decode(body, type=Change))
        except (msgspec.DecodeError, MarksUnusable) as wrong:
            self._no(HTTPStatus.BAD_REQUEST, str(wrong))
        except OSError as wrong:
            self._no(HTTPStatus.INSUFFICIENT_STORAGE, f"not saved: {wrong.strerror}")
        else:
            self._json(HTTPStatus.OK, {"saved": name})

    def _redeem(self, token: str) -> None:
        cookie = self.server.redeemed(token)
        if cookie is None:
            self._no(
                HTTPStatus.FORBIDDEN,
                "this address has been used; end the command with Ctrl-C and start it again for a new one",
            )
            return
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", "/")
        self.send_header("Set-Cookie", f"{COOKIE}={cookie}; HttpOnly; SameSite=Strict; Path=/")
        self._guarded(0, "text/plain")

    def _known(self) -> bool:
        given = dict(
            part.strip().partition("=")[::2] for part in self.headers.get("Cookie", "").split(";") if part
        ).get(COOKIE, "")
        cookie = self.server.cookie
        if cookie is not None and hmac.compare_digest(given.encode(), cookie.encode()):
            return True
        self.close_connection = True
        self._no(HTTPStatus.FORBIDDEN, "open the address that the command printed")
        return False

    def _host_known(self) -> bool:
        """A page of another name that resolves to this machine must get nothing."""
        if self.server.ended:
            self.close_connection = True
            self._no(HTTPStatus.SERVICE_UNAVAILABLE, "the command has ended; start it again")
            return False
        if self.headers.get("Host") == f"{HOST}:{self.server.port}":
            return True
        self.close_connection = True
        self._no(HTTPStatus.MISDIRECTED_REQUEST, f"this is http://{HOST}:{self.server.port}")
        return False

    def _json(self, status: HTTPStatus, value: object) -> None:
        self._send(status, msgspec.json.encode(value), "application/json")

    def _no(self, status: HTTPStatus, why: str) -> None:
        self._send(status, f"{why}\n".encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        self._guarded(len(content), kind)
        self.wfile.write(content)

    def _guarded(self, length: int, kind: str) -> None:
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: an address with its token must not end in a file."""


def still_to_do(frames: Sequence[Frame]) -> int:
    """How many pictures are not finished."""
    return sum(not one.done for one in frames)
