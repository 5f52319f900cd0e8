"""What is answered to bytes that are no request: with the same headers and in the same shape as every other answer."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from http import HTTPStatus

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from hub.api.answers import Problem

_DO = {
    HTTPStatus.BAD_REQUEST: "send HTTP/1.1; over TLS where this address has a certificate",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "send fewer or shorter headers; clear this site's cookies",
}


def protocol(headers: Mapping[str, str]) -> type[H11Protocol]:
    """uvicorn's HTTP/1.1 protocol, whose own refusals carry `headers`."""
    always = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    class Refusing(H11Protocol):
        def send_400_response(self, msg: str) -> None:
            fault = sys.exc_info()[1]
            hint = fault.error_status_hint if isinstance(fault, h11.RemoteProtocolError) else 400
            status = HTTPStatus(hint) if hint in {one.value for one in _DO} else HTTPStatus.BAD_REQUEST
            body = msgspec.json.encode(Problem(error=msg, do=_DO[status]))
            head = [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                (b"cache-control", b"no-store"),
                (b"connection", b"close"),
                *always,
            ]
            for event in (
                h11.Response(status_code=status.value, headers=head, reason=status.phrase.encode()),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

    return Refusing
