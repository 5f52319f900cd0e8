"""`esplanade-hub notify explain | test | status | enable`: who is told and why, and the ways out of the hub."""

from __future__ import annotations

import argparse
import getpass
import sqlite3
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from contract import limits
from contract.instants import from_ms
from contract.messages import Alert, Severity
from hub import audit, migrate
from hub.alerts import Event
from hub.audit import AuditEntry
from hub.config import ConfigError, Settings, read_config, read_notifications, settings
from hub.dispatch import changed
from hub.duty import with_users
from hub.immediate import immediate
from hub.notify import outbox
from hub.notify.channel import Outcome
from hub.notify.directory import address_in
from hub.notify.letter import AskedBody, Draft, Writer
from hub.notify.outbox import ChannelChange, Counted
from hub.notify.routing import Decision, Policy, Purpose, Verdict, plan
from hub.notify.settings import Notifications
from hub.people.people import People
from hub.rules import family_of, listing
from hub.site import Site, read_site
from hub.step import Transition

FAILED = 2
BUSY_TIMEOUT_MS = 5_000
CONFIG = Path("hub.yaml")
# A test from the command line is no row of the outbox; its number is no delivery's.
TEST_NUMBER = 0


@dataclass(frozen=True, slots=True)
class Place:
    settings: Settings
    site: Site
    notify: Notifications


def add(commands: Any) -> None:
    """Adds the commands to the parser; each sets `notify`, which does it."""
    notify = commands.add_parser("notify", help="who is told of what, and the channels that tell them")
    parts = notify.add_subparsers(dest="part", required=True)
    explain = parts.add_parser(
        "explain", help="who would be told of an alert, when, and why; and why not the others"
    )
    explain.add_argument(
        "--at",
        required=True,
        metavar="TIME",
        help="on the site's clock, such as 2026-06-20T23:30; or with an offset",
    )
    explain.add_argument("--severity", required=True, choices=("low", "medium", "high"))
    explain.add_argument("--zone", help="a zone of the site file")
    explain.add_argument("--rule", default="density.warning", help="default: density.warning")
    _add_config(explain)
    explain.set_defaults(notify=_explain)
    test = parts.add_parser(
        "test", help="send a test message; a channel that was disabled works again if it arrives"
    )
    test.add_argument("channel")
    test.add_argument("--to", metavar="PERSON", help="whom an e-mail goes to")
    test.add_argument(
        "--by", default=None, metavar="NAME", help="who asks; default: the user of this machine"
    )
    _add_config(test)
    test.set_defaults(notify=_test)
    status = parts.add_parser("status", help="how each channel does, and what waits")
    _add_config(status)
    status.set_defaults(notify=_status)
    enable = parts.add_parser("enable", help="let a disabled channel send again")
    enable.add_argument("channel")
    enable.add_argument(
        "--by", default=None, metavar="NAME", help="who does it; default: the user of this machine"
    )
    _add_config(enable)
    enable.set_defaults(notify=_enable)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=CONFIG, metavar="FILE", help=f"default: {CONFIG}")


def run(asked: argparse.Namespace) -> int:
    """Raises FileError or ConfigError."""
    found = settings(read_config(asked.config), folder=asked.config.resolve().parent, file=asked.config)
    site = read_site(found.site)
    notify = read_notifications(found, site)
    with ExitStack() as opened:
        if not found.open and found.database.is_file():
            _database(found.database).close()
            people = opened.enter_context(People(found.database, clock=_now_ms))
            notify = with_users(notify, people)
        done: int = asked.notify(asked, Place(found, site, notify))
    return done


# --- explain ---------------------------------------------------------------------------------------------------


def _explain(asked: argparse.Namespace, place: Place) -> int:
    site, policy = place.site, place.notify.policy
    zone = ZoneInfo(site.time_zone)
    at_ms = _instant_ms(asked.at, zone)
    if asked.zone is not None and asked.zone not in site.zone_ids:
        raise ConfigError(f"--zone {asked.zone}: there is no such zone; there is {', '.join(site.zone_ids)}")
    if family_of(asked.rule) is None:
        known = ", ".join(one.id for one in listing())
        raise ConfigError(f"--rule {asked.rule}: there is no such rule; there is {known}")
    opened = _opened(site, asked.rule, asked.severity, asked.zone, at_ms)
    where = f"zone {asked.zone}" if asked.zone else "no zone"
    print(f"{_local(at_ms, zone)} ({site.time_zone}), {asked.severity}, {where}, {asked.rule}")
    decisions = plan(policy, place.notify.people, opened)
    _print_decisions(decisions, place.notify, zone)
    ladder = policy.escalation.ladder(asked.severity)
    if not any(step.to for step in ladder.steps):
        print("if nobody acknowledges it: no escalation tells anybody")
        return 0
    print("if nobody acknowledges it:")
    told = frozenset((one.recipient, one.channel) for one in decisions if one.verdict is not Verdict.SKIP)
    for number, step in enumerate(ladder.steps, start=1):
        then_ms = at_ms + step.after_ms
        print(f"  step {number}, after {step.after_ms / 1000:g} s, {_local(then_ms, zone)}:")
        found = plan(policy, place.notify.people, _escalated(opened, number, then_ms), told=told)
        _print_decisions([one for one in found if one.kept], place.notify, zone, indent="    ")
    if ladder.repeat_ms is not None:
        print(f"  then the last step again every {ladder.repeat_ms / 1000:g} s")
    return 0


def _print_decisions(
    decisions: Sequence[Decision], notify: Notifications, zone: ZoneInfo, indent: str = ""
) -> None:
    for verdict, words in (
        (Verdict.TELL, "told at once"),
        (Verdict.HOLD, "held back"),
        (Verdict.SKIP, "not told"),
    ):
        found = [one for one in decisions if one.verdict is verdict]
        if not found and verdict is not Verdict.TELL:
            continue
        print(f"{indent}{words}:{'' if found else ' nobody'}")
        for one in found:
            by = f" by {one.channel} ({one.language})" if one.channel else ""
            until = f", until {_local(one.until_ms, zone)}" if one.until_ms is not None else ""
            print(f"{indent}  {_who(one.recipient, notify)}{by}{until}: {one.text}")


def _who(recipient: str, notify: Notifications) -> str:
    kind, _, name = recipient.partition(":")
    if kind in ("role", "group"):
        return recipient
    display = notify.display(recipient)
    return display if display in (name, recipient) else f"{display} ({name})"


def _instant_ms(text: str, zone: ZoneInfo) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--at {text}: is no time; write 2026-06-20T23:30") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
    return round(found.timestamp() * 1000)


def _local(at_ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).isoformat(" ", "seconds")


def _opened(site: Site, rule: str, severity: Severity, zone: str | None, at_ms: int) -> Transition:
    alert = Alert(
        schema=limits.SCHEMA,
        site=site.site,
        alert="explained",
        rule=rule,
        title=rule,
        subject=zone or site.site,
        zone=zone,
        severity=severity,
        condition="active",
        handling="unacknowledged",
        latched=False,
        opened_at=from_ms(at_ms),
        changed_at=from_ms(at_ms),
        cleared_at=None,
        closed_at=None,
        acknowledged_by=None,
        acknowledged_at=None,
        shelved_until=None,
        escalation=0,
        position_m=None,
        cameras=(),
        vms_url=None,
        reasons=(),
        advice=(),
        certainty="",
    )
    return Transition(
        at=from_ms(at_ms), alert=alert, from_condition="pending", from_handling=None, event=Event.OPEN.value
    )


def _escalated(opened: Transition, step: int, at_ms: int) -> Transition:
    alert = msgspec.structs.replace(opened.alert, escalation=step)
    return msgspec.structs.replace(
        opened, at=from_ms(at_ms), alert=alert, from_condition="active", event=Event.ESCALATE.value
    )


# --- the channels ----------------------------------------------------------------------------------------------


def _test(asked: argparse.Namespace, place: Place) -> int:
    """Sends from this process, whether a hub runs or not. Says how many messages wait for the channel."""
    name, by = asked.channel, asked.by or getpass.getuser()
    policy = place.notify.policy
    _known(name, policy)
    recipient, address = f"channel:{name}", None
    if policy.channels[name].to_people:
        if asked.to is None:
            raise ConfigError(f"channel {name} writes to people: say to whom with --to PERSON")
        recipient = f"person:{asked.to}"
        address = address_in(place.notify.people)(recipient)
        if address is None:
            raise ConfigError(f"--to {asked.to}: nobody of that name has an e-mail address")
    now_ms = _now_ms()
    writer = Writer(site=place.site, run=f"test-{now_ms}", mode="test", page=place.notify.page)
    letter = writer.write(
        Draft(
            delivery=TEST_NUMBER,
            attempt=1,
            repeat=False,
            purpose=Purpose.TEST,
            recipient=recipient,
            channel=name,
            address=address,
            language=policy.language,
            made_ms=now_ms,
            body=msgspec.json.encode(AskedBody(by=by)),
        ),
        now_ms=now_ms,
    )
    channel = place.notify.makers[name]()
    try:
        attempt = channel.send(letter)
    finally:
        channel.close()
    arrived = attempt.outcome is Outcome.DELIVERED
    with closing(_database(place.settings.database)) as db:
        asked_for = AuditEntry(
            at_ms=now_ms,
            actor=by,
            via="command",
            action="channel.test",
            subject=name,
            detail={"to": recipient, "delivered": arrived, "error": attempt.error},
        )
        row = outbox.channel_rows(db).get(name)
        was_disabled = row is not None and row.disabled_ms is not None
        changes = []
        if arrived and was_disabled:
            changes.append(_enabled(name, by, "a test message arrived"))
        _write(db, changes, [asked_for])
        waiting = outbox.counted(db).get(name, Counted()).waiting
    if not arrived:
        print(f"{name}: the test message did not arrive: {attempt.error}")
        return FAILED
    again = "; it was disabled and works again" if was_disabled else ""
    print(f"{name}: the test message arrived{again}. {_messages(waiting)} for it.")
    return 0


def _enable(asked: argparse.Namespace, place: Place) -> int:
    name, by = asked.channel, asked.by or getpass.getuser()
    _known(name, place.notify.policy)
    with closing(_database(place.settings.database)) as db:
        row = outbox.channel_rows(db).get(name)
        if row is None or row.disabled_ms is None:
            print(f"{name}: is not disabled")
            return 0
        _write(db, [_enabled(name, by, f"enabled by {by}")], [])
        waiting = outbox.counted(db).get(name, Counted()).waiting
    print(f"{name}: enabled. {_messages(waiting)} for it.")
    return 0


def _status(asked: argparse.Namespace, place: Place) -> int:
    """Exit code 1 where a channel is disabled, for a watchdog's sake."""
    del asked
    with closing(_database(place.settings.database)) as db:
        rows, counts = outbox.channel_rows(db), outbox.counted(db)
    wrong = 0
    names = sorted({*place.notify.policy.channels, *(name for name, one in counts.items() if one.waiting)})
    for name in names:
        row, count = rows.get(name), counts.get(name, Counted())
        numbers = (
            f"{count.delivered} delivered, {count.waiting} waiting, {count.held} held, {count.failed} failed"
        )
        if name not in place.notify.policy.channels:
            print(f"{name}: not in the configuration any more; {numbers}")
        elif row is not None and row.disabled_ms is not None:
            wrong = 1
            print(f"{name}: DISABLED since {from_ms(row.disabled_ms)}: {row.reason}; {numbers}")
        else:
            print(f"{name}: works; {numbers}")
    if not names:
        print("no channels are configured: nobody is told of anything (docs/notifications.md)")
    return wrong


def _messages(waiting: int) -> str:
    return "1 message waits" if waiting == 1 else f"{waiting} messages wait"


def _known(name: str, policy: Policy) -> None:
    if name not in policy.channels:
        raise ConfigError(
            f"there is no channel {name}; there is {', '.join(sorted(policy.channels)) or 'none'}"
        )


def _enabled(name: str, by: str, reason: str) -> ChannelChange:
    return ChannelChange(name=name, disabled_ms=None, reason=reason, changed_ms=_now_ms(), by=by)


def _write(db: sqlite3.Connection, changes: Sequence[ChannelChange], entries: Sequence[AuditEntry]) -> None:
    with immediate(db):
        outbox.change_channels(db, changes)
        for entry in (*entries, *(changed(one, via="command") for one in changes)):
            audit.append(db, entry)


def _database(path: Path) -> sqlite3.Connection:
    """A connection beside the running hub's. Raises ConfigError where there is no database of this version."""
    if not path.is_file():
        raise ConfigError(f"database {path}: there is none yet; start the hub once")
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    known = migrate.scripts()[-1][0]
    if migrate.version(db) != known:
        found = migrate.version(db)
        db.close()
        raise ConfigError(
            f"database {path}: has schema {found}, this command knows {known}; start the hub once"
        )
    return db


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
