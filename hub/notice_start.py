"""`esplanade-hub notice` and `esplanade-hub dpia`, and what settings and site file say for them."""

from __future__ import annotations

import argparse
import os
import sys
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from hub.api.guard import is_loopback
from hub.config import Settings
from hub.notices.facts import Facts, Outlet, reported_models
from hub.notices.pages import Kind, Notices
from hub.notices.write import pdf
from hub.notify.settings import EmailChannel, MessengerChannel, MqttChannel
from hub.site import Site
from hub.words import LANGUAGES


class NotWritten(Exception):
    """The file was not made; the message says why."""


def facts_of(found: Settings, site: Site) -> Facts:
    return Facts(
        site=site,
        retention=found.retention,
        small_count=found.small_count,
        outlets=outlets_of(found),
        models=reported_models(found.database),
        exposure="loopback" if is_loopback(found.listen.host) else "network",
        has_login=not found.open,
        broker_is_local=is_loopback(found.broker.host),
        broker_has_tls=found.broker.ca is not None,
        has_assessment=found.assessment is not None or found.assessment_in_vault is not None,
        assessment_is_encrypted=found.assessment_in_vault is not None,
        is_exercise=found.media or found.truth is not None,
    )


def outlets_of(found: Settings) -> tuple[Outlet, ...]:
    """Where alerts go to. A messenger's address holds a token: only its file is named."""
    outlets = [Outlet(name=one.name, kind="webhook", to=_host(one.url)) for one in found.webhooks]
    for channel in found.notify.channels:
        if isinstance(channel, EmailChannel):
            outlets.append(Outlet(name=channel.name, kind="e-mail", to=channel.host))
        elif isinstance(channel, MqttChannel):
            outlets.append(Outlet(name=channel.name, kind="MQTT", to=channel.host or found.broker.host))
        elif isinstance(channel, MessengerChannel):
            outlets.append(Outlet(name=channel.name, kind="messenger", to=channel.url_file))
        else:
            outlets.append(Outlet(name=channel.name, kind="webhook", to=_host(channel.url)))
    return tuple(outlets)


def _host(url: str) -> str:
    host = urlsplit(url).hostname or "?"
    try:
        return f"[{host}]" if ip_address(host).version == 6 else host
    except ValueError:
        return host


def notices_of(found: Settings, site: Site, *, version: str) -> Notices:
    return Notices(facts=lambda: facts_of(found, site), town_file=found.town_file, version=version)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("html", "pdf"), default="html")
    parser.add_argument("--language", choices=tuple(LANGUAGES), default="en")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")


def run(asked: argparse.Namespace, notices: Notices) -> int:
    """Raises NoPdf, FileError or NotWritten. Says on standard error what the town has still to write."""
    kind = Kind(asked.command)
    page = notices.page(kind, asked.language)
    made = pdf(page) if asked.format == "pdf" else page.encode()
    try:
        if asked.out is None:
            sys.stdout.buffer.write(made)
            sys.stdout.buffer.flush()
        else:
            part = asked.out.with_name(f".{asked.out.name}.{os.getpid()}.part")
            part.write_bytes(made)
            part.replace(asked.out)
    except OSError as error:
        raise NotWritten(f"{asked.out}: cannot be written: {error.strerror}") from None
    missing = dict.fromkeys(notices.document(kind).missing)
    if missing:
        print(
            f"esplanade-hub: {len(missing)} texts of the town's are missing and marked so: {', '.join(missing)}; "
            "write them into the file that notice.town_file names (docs/notices.md)",
            file=sys.stderr,
        )
    return 0
