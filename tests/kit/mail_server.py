"""A real SMTP server on loopback that keeps what it takes, and answers as the test wants."""

from __future__ import annotations

import email
import email.policy
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from deploy.demo.broker import HOST, free_port


class MailServer:
    """`rcpt(address)` and `data(n)` give the answer to a recipient and to the n-th message; None takes it.

    `security`: none, starttls or tls. `password`: of user "hub"; None asks for no login.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        security: str = "none",
        certificate: tuple[Path, Path] | None = None,
        password: str | None = None,
        sender: Callable[[str], str | None] = lambda _: None,
        rcpt: Callable[[str], str | None] = lambda _: None,
        data: Callable[[int], str | None] = lambda _: None,
    ) -> None:
        self.port = port or free_port()
        self.taken: list[EmailMessage] = []
        self.offered = 0
        self.in_the_clear: list[bool] = []
        self._sender, self._rcpt, self._data = sender, rcpt, data
        self._password = password
        context = None
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*certificate)
        options: dict[str, Any] = {}
        if password is not None:
            options = {
                "authenticator": self._login,
                "auth_required": True,
                "auth_require_tls": security != "none",
            }
        if security == "tls":
            # the connection is under TLS from its first byte, which aiosmtpd itself does not see
            options |= {"ssl_context": context} | ({"auth_require_tls": False} if password else {})
        elif security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        self._controller = Controller(self, hostname=HOST, port=self.port, **options)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def _login(self, _server: SMTP, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            b"hub",
            (self._password or "").encode(),
        )
        return AuthResult(success=right, handled=not right and False)

    async def handle_MAIL(
        self, _server: SMTP, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        answer = self._sender(address)
        if answer is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer or "250 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        answer = self._rcpt(address)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        answer = self._data(self.offered)
        self.offered += 1
        if answer is None or answer == "taken, then silent":
            found = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(found, EmailMessage)
            self.taken.append(found)
            self.in_the_clear.append(session.ssl is None and self._controller.ssl_context is None)
        if answer == "taken, then silent":
            # as when a line is cut after the message was stored: no answer ever comes
            assert server.transport is not None
            server.transport.abort()
        return answer or "250 taken"
