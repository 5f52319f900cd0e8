"""`esplanade-hub`: run a hub, replay recorded readings, check the files."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import msgspec

from contract.homography import NotFittable
from contract.yaml_file import FileError
from hub import cap_commands, notice_start, notify_commands, record_commands, users_command
from hub.anchors import AnchorError
from hub.app import CannotListen, create_app, version
from hub.assessment import read_assessment
from hub.backup import BackupError
from hub.config import (
    HTTP_PORT,
    IN_VAULT,
    MQTT_PORT,
    Config,
    ConfigError,
    Settings,
    WebhookPart,
    read_cap,
    read_config,
    read_notifications,
    settings,
)
from hub.exports import command as export_command
from hub.exports.export import Exports
from hub.exports.parquet_file import NoPyArrow
from hub.exports.stored import NothingStored, Stored
from hub.exports.tables import NotOnEarth
from hub.exports.times import NoTime
from hub.memory import UnusableMemory
from hub.migrate import SchemaTooNew
from hub.notices.write import NoPdf
from hub.oidc.trouble import SignInFailed
from hub.people.refused import Refused
from hub.replay import ReplayError, read_readings, replay
from hub.site import read_site
from hub.store import StoreError
from hub.truth import read_truth
from hub.vault import VaultError
from hub.vault_start import assessment_of

FAILED = 2
# Each says in its text what to do; anything else is our own failure and keeps its traceback.
EXPECTED = (
    FileError,
    ConfigError,
    StoreError,
    CannotListen,
    ReplayError,
    NotFittable,
    UnusableMemory,
    AnchorError,
    NothingStored,
    NoPyArrow,
    NotOnEarth,
    NoTime,
    export_command.NotExported,
    NoPdf,
    notice_start.NotWritten,
    VaultError,
    Refused,
    SchemaTooNew,
    BackupError,
    SignInFailed,
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="esplanade-hub", description="Judges what edge agents see, and shows it to a control room."
    )
    parser.add_argument("--version", action="version", version=f"esplanade-hub {version()}")
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="run the hub until it is told to stop")
    _add_settings(run)
    run.add_argument("--quiet", action="store_true", help="log warnings only")

    check = commands.add_parser(
        "check", help="read configuration, site and assessment, and say what is wrong"
    )
    _add_settings(check)

    again = commands.add_parser("replay", help="judge recorded readings on media time")
    again.add_argument("readings", type=Path, metavar="READINGS.jsonl")
    again.add_argument("--site", type=Path, required=True)
    again.add_argument("--assessment", type=Path)
    again.add_argument("--config", type=Path, metavar="CONFIG.yaml", help="whose steps of escalation count")
    again.add_argument("--out", type=Path, required=True, metavar="ALERTS.jsonl")
    again.add_argument(
        "--zones", type=Path, metavar="ZONES.jsonl", help="also write every zone's state each second"
    )
    record_commands.add(commands)
    notify_commands.add(commands)

    out = commands.add_parser("export", help="readings, minutes or alerts as a file, small counts suppressed")
    export_command.add(out)
    _add_settings(out)
    users_command.add_parser(commands)
    cap_commands.add(commands)
    for name, what in (
        ("notice", "write the public notice from the configuration"),
        ("dpia", "write the data-protection impact assessment from the configuration"),
    ):
        written = commands.add_parser(name, help=what)
        notice_start.add(written)
        _add_settings(written)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config", type=Path, nargs="?", metavar="CONFIG.yaml", help="flags overrule what is in it"
    )
    parser.add_argument("--site", type=Path)
    parser.add_argument("--assessment", type=Path)
    parser.add_argument("--database", type=Path)
    parser.add_argument("--clock", choices=("wall", "media"))
    parser.add_argument("--broker", metavar="HOST:PORT", help=f"default 127.0.0.1:{MQTT_PORT}")
    parser.add_argument(
        "--http", metavar="HOST:PORT", help=f"where to serve the page; default 127.0.0.1:{HTTP_PORT}"
    )
    parser.add_argument(
        "--login", choices=("people", "none"), help="none: nobody logs in; for demos and replays on loopback"
    )
    parser.add_argument(
        "--webhook", action="append", default=[], metavar="URL", help="may be given several times"
    )


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    try:
        if "records" in asked:
            return record_commands.run(asked)
        if "notify" in asked:
            return notify_commands.run(asked)
        if "cap" in asked:
            return cap_commands.run(asked)
        if asked.command == "replay":
            return _replay(asked)
        if asked.command == "users":
            return users_command.run(asked)
        found = _settings(asked)
        if asked.command == "export":
            return _export(asked, found)
        if asked.command in ("notice", "dpia"):
            return notice_start.run(
                asked, notice_start.notices_of(found, read_site(found.site), version=version())
            )
        return _check(found) if asked.command == "check" else _run(found, quiet=asked.quiet)
    except EXPECTED as error:
        print(f"esplanade-hub: {error}", file=sys.stderr)
        return FAILED


def _settings(asked: argparse.Namespace) -> Settings:
    if asked.config is not None:
        config, folder = read_config(asked.config), asked.config.resolve().parent
    elif asked.site is not None:
        config, folder = Config(site=str(asked.site)), Path.cwd()
    else:
        raise ConfigError("name a configuration file, or at least --site")
    # paths given on the command line are relative to where it is typed
    for name in ("site", "assessment", "database"):
        value: Path | None = getattr(asked, name)
        if value is not None:
            named = name == "assessment" and str(value).startswith(IN_VAULT)
            setattr(config, name, str(value) if named else str(value.resolve()))
    if asked.clock is not None:
        config.clock = asked.clock
    if asked.broker is not None:
        config.broker.host, config.broker.port = _address(asked.broker, "--broker", MQTT_PORT)
    if asked.http is not None:
        config.http.host, config.http.port = _address(asked.http, "--http", HTTP_PORT)
    if asked.login is not None:
        config.http.login = asked.login
    if asked.webhook:
        config.webhooks = (*config.webhooks, *(WebhookPart(url=url) for url in asked.webhook))
    return settings(config, folder=folder, file=asked.config)


def _address(text: str, flag: str, port: int) -> tuple[str, int]:
    """HOST:PORT, HOST, :PORT or [IPV6]:PORT."""
    host, colon, number = text.rpartition(":")
    if not colon or text.endswith("]"):
        return text.strip("[]"), port
    if not number.isdigit() or not 0 < int(number) < 65_536:
        raise ConfigError(f"{flag} {text}: {number!r} is no port; write HOST:PORT, such as 127.0.0.1:{port}")
    return host.strip("[]") or "127.0.0.1", int(number)


def _run(found: Settings, *, quiet: bool) -> int:
    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for name in ("httpx", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)
    hub = create_app(found)
    link = hub.first_link()
    if link is not None:
        print(f"first administrator, within 24 hours, once: {link}", flush=True)
    print(f"page: {found.listen.url}/", flush=True)
    hub.run()
    return 0


def _check(found: Settings) -> int:
    site = read_site(found.site)
    print(f"site {site.site}: {len(site.zones)} zones, {len(site.cameras)} cameras")
    if found.assessment is not None:
        assessment = read_assessment(found.assessment, site)
    elif found.assessment_in_vault is not None:
        assessment = assessment_of(found, site)[0]
    else:
        assessment = None
    if assessment is not None:
        print(f"assessment {assessment.name}: {len(assessment.risks)} scores, {assessment.file.status}")
        for warning in assessment.warnings:
            print(f"  note: {warning}")
    notify = read_notifications(found, site)
    policy = notify.policy
    print(
        f"notifications: {len(policy.channels)} channels, {len(policy.routes)} routes, marked as {notify.mode}"
    )
    cap = read_cap(found, site, assessment)
    if cap is not None:
        print(f"CAP: {cap.status}, {cap.scope}, from {cap.sender}, in {', '.join(cap.languages)}")
    if found.truth is not None:
        truth = read_truth(found.truth, site)
        print(f"truth of {truth.film}, {truth.loop_s:g} s a pass: for demos and exercises only")
    print(
        f"page on {found.listen.url}/, {'nobody logs in (loopback only)' if found.open else 'people log in'}"
    )
    return 0


def _export(asked: argparse.Namespace, found: Settings) -> int:
    site = read_site(found.site)
    exports = Exports(site, Stored(found.database), small_count=found.small_count)
    export_command.run(asked, site, exports, found.database)
    return 0


def _replay(asked: argparse.Namespace) -> int:
    site = read_site(asked.site)
    assessment = read_assessment(asked.assessment, site) if asked.assessment else None
    escalation = None
    if asked.config is not None:
        steps = settings(read_config(asked.config), folder=asked.config.resolve().parent, file=asked.config)
        escalation = read_notifications(steps, site).policy.escalation
    try:
        observations = read_readings(asked.readings, site)
        with asked.out.open("wb") as out:
            if asked.zones is None:
                found = replay(
                    observations, site=site, assessment=assessment, alerts_out=out, escalation=escalation
                )
            else:
                with asked.zones.open("wb") as zones:
                    found = replay(
                        observations,
                        site=site,
                        assessment=assessment,
                        alerts_out=out,
                        zones_out=zones,
                        escalation=escalation,
                    )
    except OSError as error:
        print(f"esplanade-hub: {error.filename}: {error.strerror}", file=sys.stderr)
        return FAILED
    print(
        msgspec.json.encode(
            {
                "run": found.run,
                "readings": found.readings,
                "duplicates": found.duplicates,
                "media_s": found.media_s,
                "zones": found.zones,
                "alerts": [
                    {
                        "rule": alert.rule,
                        "zone": alert.zone,
                        "severity": alert.severity,
                        "opened_at": alert.opened_at,
                        "cleared_at": alert.cleared_at,
                        "reasons": alert.reasons,
                    }
                    for alert in found.alerts.values()
                ],
            }
        ).decode()
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
