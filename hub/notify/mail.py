"""A message as an e-mail, by the town's own mail server (SMTP, RFC 5321; TLS by RFC 8314 or STARTTLS, RFC 3207).

Message-ID is the message's key, so a mail that comes twice is one mail; References names the alert's thread (RFC 5322,
3.6.4). Auto-Submitted (RFC 3834) keeps absence notes from answering.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

from hub.notify.channel import Attempt, Letter, Outcome, error_text

TIMEOUT_S = 15.0
Security = Literal["starttls", "tls", "none"]
_PRIORITY = {"high": ("1", "high"), "medium": ("3", "normal"), "low": ("5", "low")}


class Mail:
    """One mail server and the address that mail comes from. A connection for each message."""

    kind = "email"
    to_people = True

    def __init__(
        self,
        *,
        name: str,
        host: str,
        port: int,
        sender: str,
        sender_name: str = "Esplanade",
        security: Security = "starttls",
        username: str | None = None,
        password: str | None = None,
        ca: Path | None = None,
    ) -> None:
        """`ca`: certificates to trust instead of the system's. Raises ValueError for an address that is none."""
        self.name = name
        self._host, self._port, self._security = host, port, security
        self._login = (username, password) if username is not None and password is not None else None
        self._sender = parsed_address(sender, sender_name)
        self._context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        self._guard = threading.Lock()
        self._open: smtplib.SMTP | None = None

    def send(self, letter: Letter) -> Attempt:
        try:
            to = parsed_address(letter.address or "", "")
        except ValueError as error:
            return Attempt(Outcome.REFUSED, error_text(str(error)))
        message = self.message(letter, to)
        sent = False
        try:
            with closing(self._connected()) as server:
                if self._login is not None:
                    server.login(*self._login)
                sent = True
                server.send_message(message, self._sender.addr_spec, [to.addr_spec])
                # taken is taken, however the server says goodbye
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()
        except smtplib.SMTPException as error:
            return _judged(error, sent=sent)
        except ssl.SSLCertVerificationError as error:
            return Attempt(
                Outcome.RETRY,
                error_text(
                    f"{self._host}: certificate not trusted: {error.verify_message}; see `ca` of the channel"
                ),
            )
        except (OSError, ValueError) as error:
            return Attempt(
                Outcome.RETRY,
                error_text(f"{self._host}:{self._port}: {type(error).__name__}: {error}"),
                unsure=sent,
            )
        finally:
            with self._guard:
                self._open = None
        return Attempt(Outcome.DELIVERED)

    def close(self) -> None:
        with self._guard:
            server, self._open = self._open, None
        if server is not None and server.sock is not None:
            with suppress(OSError):
                server.sock.shutdown(socket.SHUT_RDWR)

    def _connected(self) -> smtplib.SMTP:
        server: smtplib.SMTP
        if self._security == "tls":
            server = smtplib.SMTP_SSL(timeout=TIMEOUT_S, context=self._context)
        else:
            server = smtplib.SMTP(timeout=TIMEOUT_S)
        # not given to the constructor: `close` must find it while it waits for the greeting
        with self._guard:
            self._open = server
        server._host = self._host  # type: ignore[attr-defined] # what smtplib holds the certificate against
        try:
            code, said = server.connect(self._host, self._port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, said)
            if self._security == "starttls":
                # raises where the server does not offer it: nothing is ever sent in the clear instead
                server.starttls(context=self._context)
                server.ehlo()
        except BaseException:
            server.close()
            raise
        return server

    def message(self, letter: Letter, to: Address) -> EmailMessage:
        domain = self._sender.domain
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = to
        message["Subject"] = " ".join(letter.subject.split())
        message["Date"] = format_datetime(datetime.fromtimestamp(letter.sent_ms / 1000, UTC))
        message["Message-ID"] = f"<{letter.key}@{domain}>"
        message["References"] = f"<{letter.thread}@{domain}>"
        message["In-Reply-To"] = f"<{letter.thread}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message["X-Esplanade-Delivery"] = f"{letter.delivery}; attempt={letter.attempt}"
        message["X-Esplanade-Mode"] = letter.mode
        if letter.repeat:
            message["X-Esplanade-Repeat"] = "may have come before"
        if letter.severity is not None:
            message["X-Priority"], message["Importance"] = _PRIORITY[letter.severity]
        # every server takes 7 bits
        message.set_content(letter.text, cte="quoted-printable")
        message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
        message["Content-Language"] = letter.language
        return message


def parsed_address(address: str, name: str) -> Address:
    """Raises ValueError for what is no e-mail address."""
    try:
        found = Address(name, addr_spec=address)
    except (ValueError, IndexError, TypeError, MessageError):
        raise ValueError(f"{address!r} is no e-mail address") from None
    if not found.domain or not found.username:
        raise ValueError(f"{address!r} is no e-mail address")
    return found


def _judged(error: smtplib.SMTPException, *, sent: bool) -> Attempt:
    """RFC 5321, 4.2.1: 4yz another try can change, 5yz none can."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return _by_code(
            error.smtp_code, error.smtp_error, Outcome.CLOSED, "check the user and password of the channel"
        )
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        return _by_code(code, said, Outcome.REFUSED, "check the person's address")
    if isinstance(error, smtplib.SMTPSenderRefused):
        return _by_code(
            error.smtp_code, error.smtp_error, Outcome.CLOSED, "check `from` and the login of the channel"
        )
    if isinstance(error, smtplib.SMTPDataError):
        return _by_code(
            error.smtp_code, error.smtp_error, Outcome.REFUSED, "the server does not take this message"
        )
    if isinstance(error, smtplib.SMTPResponseException):
        return _by_code(error.smtp_code, error.smtp_error, Outcome.CLOSED, "check host, port and security")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Attempt(Outcome.RETRY, error_text(f"{error}; check `security` and the login of the channel"))
    # the connection ended: after the message was on its way it may have been taken
    return Attempt(Outcome.RETRY, error_text(f"{type(error).__name__}: {error}"), unsure=sent)


def _by_code(code: int, said: bytes | str, lasting: Outcome, do: str) -> Attempt:
    words = said.decode("utf-8", errors="replace") if isinstance(said, bytes) else said
    text = error_text(f"SMTP {code} {words}")
    if code >= 500:
        return Attempt(lasting, error_text(f"{text}; {do}"))
    return Attempt(Outcome.RETRY, text, unsure=code < 0)
