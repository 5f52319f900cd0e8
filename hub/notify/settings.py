"""The part `notifications` of the configuration: channels, people, hours, routes, escalation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct

from contract.messages import Severity
from hub.escalation import DEFAULT_LADDERS, Escalation, Ladder, Step
from hub.notify.channel import Channel, Mode
from hub.notify.directory import Directory, ListedPeople, Person
from hub.notify.hours import DAYS, Day, Holidays, Hours, OnHolidays, Window
from hub.notify.mail import Mail, Security, parsed_address
from hub.notify.messenger import Messenger
from hub.notify.mqtt import MqttNotices
from hub.notify.routing import ChannelFacts, Policy, Quiet, Route, Tell
from hub.notify.webhook import Webhook
from hub.rights import Role
from hub.rules import Family, family_of
from hub.site import Site

Name = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}$(?!\n)")]
PersonName = Annotated[str, Meta(pattern=r"^[a-z0-9._@-]{1,80}$(?!\n)")]
WallTime = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$(?!\n)|^24:00$(?!\n)")]
Language = Literal["en", "ro", "nl", "es", "el", "lt"]
Port = Annotated[int, Meta(ge=1, le=65_535)]
Seconds = Annotated[float, Meta(gt=0, le=7 * 86_400)]
Key = tuple[str | int, ...]

MAIL_PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}


class WrongSetting(ValueError):
    """A setting that cannot be used. `key` is where it stands in the file."""

    def __init__(self, problem: str, *key: str | int) -> None:
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")
        super().__init__(f"{where}: {problem}")
        self.problem = problem
        self.key: Key = key


class _Part(Struct, kw_only=True, forbid_unknown_fields=True):
    """A key that is not known is an error, since it is most often misspelt."""


class TlsPart(_Part):
    """Certificates to trust instead of the system's, and our own where the other side asks for one."""

    ca: str
    certificate: str | None = None
    key: str | None = None


class WebhookChannel(_Part, tag_field="kind", tag="webhook"):
    name: Name
    url: str
    secret_file: str | None = None
    language: Language | None = None


class EmailChannel(
    _Part, tag_field="kind", tag="email", rename={"sender": "from", "sender_name": "from_name"}
):
    """`security: none` sends in the clear: on loopback only."""

    name: Name
    host: str
    sender: str
    port: Port | None = None
    security: Security = "starttls"
    username: str | None = None
    password_file: str | None = None
    ca: str | None = None
    sender_name: str = "Esplanade"


class MqttChannel(_Part, tag_field="kind", tag="mqtt"):
    """Without `host`, the hub's own broker, with the hub's own user."""

    name: Name
    host: str | None = None
    port: Port = 1883
    username: str | None = None
    password_file: str | None = None
    tls: TlsPart | None = None
    language: Language | None = None


class MessengerChannel(_Part, tag_field="kind", tag="messenger"):
    """`url_file`: one address as Apprise writes them; it holds a token."""

    name: Name
    url_file: str
    language: Language | None = None


ChannelPart = WebhookChannel | EmailChannel | MqttChannel | MessengerChannel


class WindowPart(_Part, rename={"start": "from", "end": "to"}):
    """`to` not after `from` runs over midnight; the window belongs to the day it starts on."""

    start: WallTime
    end: WallTime
    days: Annotated[tuple[Day, ...], Meta(min_length=1)] = DAYS
    on_holidays: OnHolidays = "keep"


class ShiftPart(_Part):
    name: Name
    windows: Annotated[tuple[WindowPart, ...], Meta(min_length=1)]
    time_zone: str | None = None


class QuietPart(_Part):
    """`to` empty: all people. `holds: high` needs `high_held_by`, the name of who answers for it."""

    name: Name
    windows: Annotated[tuple[WindowPart, ...], Meta(min_length=1)]
    time_zone: str | None = None
    to: tuple[str, ...] = ()
    holds: Severity = "medium"
    high_held_by: str | None = None
    escalations_break_through: bool = False


class PersonPart(_Part):
    """`channels`: those that reach this person and nobody else. Without `shifts` always on duty."""

    name: PersonName
    display: str = ""
    roles: tuple[Role, ...] = ()
    sites: tuple[str, ...] | None = None
    language: Language | None = None
    email: str | None = None
    channels: tuple[str, ...] = ()
    shifts: tuple[str, ...] = ()


class GroupPart(_Part):
    name: Name
    members: Annotated[tuple[str, ...], Meta(min_length=1)]


class RoutePart(_Part):
    name: Name
    to: Annotated[tuple[str, ...], Meta(min_length=1)]
    via: tuple[str, ...] = ()
    min_severity: Severity = "low"
    sites: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    hours: tuple[str, ...] = ()
    tell: Tell | None = None


class StepPart(_Part):
    after_s: Seconds
    roles: tuple[Role, ...] = ()
    to: tuple[str, ...] = ()
    via: tuple[str, ...] = ()


class LadderPart(_Part):
    """The last step is told again every `repeat_s`, without end; 0: never again."""

    steps: Annotated[tuple[StepPart, ...], Meta(min_length=1, max_length=20)]
    repeat_s: Annotated[float, Meta(ge=0, le=86_400)] = 600.0


class EscalationPart(_Part):
    low: LadderPart | None = None
    medium: LadderPart | None = None
    high: LadderPart | None = None


class NotificationsPart(_Part):
    """`mode: exercise` or `test` marks every message; what is judged on media time is always marked as a replay."""

    page: str | None = None
    mode: Literal["live", "exercise", "test"] = "live"
    language: Language = "en"
    time_zone: str | None = None
    holidays: tuple[str, ...] = ()
    channels: tuple[ChannelPart, ...] = ()
    shifts: tuple[ShiftPart, ...] = ()
    quiet_hours: tuple[QuietPart, ...] = ()
    people: tuple[PersonPart, ...] = ()
    groups: tuple[GroupPart, ...] = ()
    routes: tuple[RoutePart, ...] = ()
    escalation: EscalationPart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBroker:
    """How the hub itself gets to its broker: what an MQTT channel without a host uses."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    """All that sending needs, checked, with the secrets read. A channel is opened by calling its maker."""

    policy: Policy
    people: Directory
    mode: Mode
    page: str | None
    makers: dict[str, Callable[[], Channel]]

    def channels(self) -> tuple[Channel, ...]:
        return tuple(make() for make in self.makers.values())

    def display(self, recipient: str) -> str:
        """How a recipient is called on the page."""
        kind, _, name = recipient.partition(":")
        person = self.people.person(name) if kind == "person" else None
        return (person.display if person is not None else "") or name


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A webhook of the key `webhooks`: everything of an alert's life from a severity on."""

    name: str
    url: str
    min_severity: Severity
    secret: str | None


def notifications(
    part: NotificationsPart,
    *,
    site: Site,
    broker: OwnBroker,
    media: bool,
    webhooks: Sequence[Plain],
    page: str | None,
    secret: Callable[[str, str], str],
    file: Callable[[str, str], Path],
) -> Notifications:
    """Checks what the types cannot say. Raises WrongSetting.

    `page`: how people reach the hub, where the part does not say. `secret`, `file`: read a secret, or find a file, of
    that name; the second text is the key, for errors.
    """
    return _Reader(part, site, broker, secret, file).read(webhooks, media=media, page=page)


class _Reader:
    def __init__(
        self,
        part: NotificationsPart,
        site: Site,
        broker: OwnBroker,
        secret: Callable[[str, str], str],
        file: Callable[[str, str], Path],
    ) -> None:
        self._part = part
        self._site = site
        self._broker = broker
        self._secret = secret
        self._file = file
        self._holidays = self._read_holidays()

    def read(self, webhooks: Sequence[Plain], *, media: bool, page: str | None) -> Notifications:
        part = self._part
        if part.page is not None and urlsplit(part.page).scheme not in ("http", "https"):
            raise WrongSetting(f"{part.page!r} is no http or https address", *_at("page"))
        self._unique("channels", [one.name for one in part.channels], also=[one.name for one in webhooks])
        self._unique("shifts", [one.name for one in part.shifts])
        self._unique("quiet_hours", [one.name for one in part.quiet_hours])
        self._unique("people", [one.name for one in part.people])
        self._unique("groups", [one.name for one in part.groups])
        self._unique("routes", [one.name for one in part.routes])
        self._facts = {one.name: ChannelFacts(name=one.name) for one in webhooks} | {
            one.name: ChannelFacts(
                name=one.name,
                to_people=isinstance(one, EmailChannel),
                language=None if isinstance(one, EmailChannel) else one.language,
            )
            for one in part.channels
        }
        shifts = {
            one.name: self._hours(one.name, one.windows, one.time_zone, "shifts", i)
            for i, one in enumerate(part.shifts)
        }
        self._check_groups()
        makers: dict[str, Callable[[], Channel]] = {
            one.name: _webhook(one.name, one.url, one.secret) for one in webhooks
        }
        for i, channel in enumerate(part.channels):
            makers[channel.name] = self._maker(channel, i)
        routes = tuple(
            Route(name=f"webhooks.{one.name}", to=(f"channel:{one.name}",), min_severity=one.min_severity,
                  tell=Tell.EVERYTHING) for one in webhooks
        )  # fmt: skip
        return Notifications(
            policy=Policy(
                routes=routes + tuple(self._route(one, i) for i, one in enumerate(part.routes)),
                quiets=tuple(self._quiet(one, i) for i, one in enumerate(part.quiet_hours)),
                shifts=shifts,
                groups={one.name: one.members for one in part.groups},
                channels=self._facts,
                escalation=self._escalation(),
                language=part.language,
            ),
            people=ListedPeople([self._person(one, i) for i, one in enumerate(part.people)]),
            mode="replay" if media else part.mode,
            page=part.page or page,
            makers=makers,
        )

    # --- parts ---------------------------------------------------------------------------------------------

    def _unique(self, key: str, names: Sequence[str], also: Sequence[str] = ()) -> None:
        seen = set(also)
        for i, name in enumerate(names):
            if name in seen:
                raise WrongSetting(f"{name} stands twice; names are unique", *_at(key, i, "name"))
            seen.add(name)

    def _maker(self, part: ChannelPart, i: int) -> Callable[[], Channel]:
        key = f"notifications.channels[{i}]"

        def secret(name: str | None, field: str) -> str | None:
            return None if name is None else self._secret(name, f"{key}.{field}")

        if isinstance(part, WebhookChannel):
            make: Callable[[], Channel] = _webhook(
                part.name, part.url, secret(part.secret_file, "secret_file")
            )
            url = urlsplit(part.url)
            if url.scheme not in ("http", "https") or not url.hostname:
                raise WrongSetting(f"{part.url!r} is no http or https address", *_at("channels", i, "url"))
            return make
        if isinstance(part, EmailChannel):
            return self._mail(part, i, secret(part.password_file, "password_file"))
        if isinstance(part, MqttChannel):
            return self._mqtt(part, i, secret(part.password_file, "password_file"))
        url_text = secret(part.url_file, "url_file") or ""
        if not url_text or len(url_text.splitlines()) != 1:
            raise WrongSetting(
                "the file holds one Apprise address, on one line", *_at("channels", i, "url_file")
            )
        try:
            Messenger(name=part.name, url=url_text)
        except ValueError as error:
            raise WrongSetting(str(error), *_at("channels", i, "url_file")) from None
        return lambda: Messenger(name=part.name, url=url_text)

    def _mail(self, part: EmailChannel, i: int, password: str | None) -> Callable[[], Channel]:
        at = _at("channels", i)
        try:
            parsed_address(part.sender, part.sender_name)
        except ValueError as error:
            raise WrongSetting(str(error), *at, "from") from None
        if part.security == "none" and part.host not in ("127.0.0.1", "::1", "localhost"):
            raise WrongSetting(
                f"{part.host} would get alerts and names in the clear; use starttls or tls", *at, "security"
            )
        if (part.username is None) != (part.password_file is None):
            raise WrongSetting("username and password_file belong together", *at, "username")
        ca = None if part.ca is None else self._file(part.ca, f"notifications.channels[{i}].ca")
        return lambda: Mail(
            name=part.name,
            host=part.host,
            port=part.port or MAIL_PORTS[part.security],
            sender=part.sender,
            sender_name=part.sender_name,
            security=part.security,
            username=part.username,
            password=password,
            ca=ca,
        )

    def _mqtt(self, part: MqttChannel, i: int, password: str | None) -> Callable[[], Channel]:
        own = self._broker
        if part.host is None:
            for name, value in (("username", part.username), ("tls", part.tls)):
                if value is not None:
                    raise WrongSetting(
                        "belongs to `host`; without it the hub's own broker is used as `broker` says",
                        *_at("channels", i, name),
                    )
            return lambda: MqttNotices(
                name=part.name,
                site=self._site.site,
                host=own.host,
                port=own.port,
                username=own.username,
                password=own.password,
                ca=own.ca,
                certificate=own.certificate,
                key=own.key,
            )
        host = part.host

        def found(name: str | None, field: str) -> Path | None:
            return None if name is None else self._file(name, f"notifications.channels[{i}].tls.{field}")

        tls = part.tls
        ca = found(tls.ca, "ca") if tls else None
        certificate = found(tls.certificate, "certificate") if tls else None
        key = found(tls.key, "key") if tls else None
        return lambda: MqttNotices(
            name=part.name,
            site=self._site.site,
            host=host,
            port=part.port,
            username=part.username,
            password=password,
            ca=ca,
            certificate=certificate,
            key=key,
        )

    def _read_holidays(self) -> Holidays:
        dates: set[date] = set()
        yearly: set[tuple[int, int]] = set()
        for i, text in enumerate(self._part.holidays):
            try:
                if len(text) == 5:
                    found = date.fromisoformat(f"2024-{text}")  # a leap year: 02-29 is a day
                    yearly.add((found.month, found.day))
                else:
                    dates.add(date.fromisoformat(text))
            except ValueError:
                raise WrongSetting(
                    f"{text!r} is no day; write 2026-12-25, or 12-25 for every year", *_at("holidays", i)
                ) from None
        return Holidays(frozenset(dates), frozenset(yearly))

    def _hours(
        self, name: str, windows: Sequence[WindowPart], time_zone: str | None, key: str, i: int
    ) -> Hours:
        zone_name = time_zone or self._part.time_zone or self._site.time_zone
        try:
            zone = ZoneInfo(zone_name)
        except (ZoneInfoNotFoundError, ValueError):
            at = _at(key, i, "time_zone") if time_zone else _at("time_zone")
            raise WrongSetting(
                f"{zone_name!r} is no IANA time zone; write one like Europe/Bucharest", *at
            ) from None
        for j, window in enumerate(windows):
            if window.on_holidays == "only" and not self._part.holidays:
                raise WrongSetting(
                    "is `only`, and `holidays` lists none", *_at(key, i, "windows", j, "on_holidays")
                )
        return Hours(
            name,
            zone,
            tuple(
                Window(frozenset(one.days), _minutes(one.start), _minutes(one.end), one.on_holidays)
                for one in windows
            ),
            self._holidays,
        )

    def _check_groups(self) -> None:
        groups = {one.name: one.members for one in self._part.groups}
        for i, group in enumerate(self._part.groups):
            for j, member in enumerate(group.members):
                self._check_recipient(member, "groups", i, "members", j)
                if member.startswith("channel:"):
                    raise WrongSetting(
                        "a group holds people, roles and groups", *_at("groups", i, "members", j)
                    )
            inner, seen = [group.name], set()
            while inner:
                name = inner.pop()
                for member in groups[name]:
                    if member == f"group:{group.name}":
                        raise WrongSetting(
                            f"group {group.name} is a member of itself", *_at("groups", i, "members")
                        )
                    if member.startswith("group:") and member not in seen:
                        seen.add(member)
                        inner.append(member.removeprefix("group:"))

    def _check_recipient(self, token: str, *key: str | int) -> None:
        kind, colon, name = token.partition(":")
        part = self._part
        known: Iterable[str]
        if kind == "role":
            known = [role.value for role in Role]
        elif kind == "group":
            known = [one.name for one in part.groups]
        elif kind == "channel":
            known = [name for name, facts in self._facts.items() if not facts.to_people]
        elif kind == "person":
            # users of the hub are people, too: who they are is asked when there is something to tell
            if not name:
                raise WrongSetting("names nobody; write person:ana", *_at(*key))
            return
        else:
            known, colon = (), ""
        if not colon:
            raise WrongSetting(
                f"{token!r} is no recipient; write role:NAME, person:NAME, group:NAME or channel:NAME",
                *_at(*key),
            )
        if name not in known:
            mail = " (an e-mail channel needs people: use it in `via`)" if name in self._facts else ""
            raise WrongSetting(f"there is no {token}{mail}; there is {_or_none(known)}", *_at(*key))

    def _check_via(self, via: Sequence[str], *key: str | int) -> None:
        for j, name in enumerate(via):
            if name not in self._facts:
                raise WrongSetting(
                    f"there is no channel {name}; there is {_or_none(self._facts)}", *_at(*key, j)
                )

    def _check_shifts(self, names: Sequence[str], *key: str | int) -> None:
        known = [one.name for one in self._part.shifts]
        for j, name in enumerate(names):
            if name not in known:
                raise WrongSetting(f"there is no shift {name}; there is {_or_none(known)}", *_at(*key, j))

    def _person(self, one: PersonPart, i: int) -> Person:
        if one.email is not None:
            try:
                parsed_address(one.email, "")
            except ValueError as error:
                raise WrongSetting(str(error), *_at("people", i, "email")) from None
        for j, name in enumerate(one.channels):
            facts = self._facts.get(name)
            if facts is None or facts.to_people:
                known = [name for name, facts in self._facts.items() if not facts.to_people]
                raise WrongSetting(
                    f"{name} is no channel of one person; there is {_or_none(known)}",
                    *_at("people", i, "channels", j),
                )
        self._check_shifts(one.shifts, "people", i, "shifts")
        return Person(
            name=one.name,
            display=one.display,
            roles=frozenset(role.value for role in one.roles),
            sites=None if one.sites is None else frozenset(one.sites),
            language=one.language,
            email=one.email,
            channels=one.channels,
            shifts=one.shifts,
        )

    def _route(self, one: RoutePart, i: int) -> Route:
        for j, token in enumerate(one.to):
            self._check_recipient(token, "routes", i, "to", j)
        self._check_via(one.via, "routes", i, "via")
        self._check_shifts(one.hours, "routes", i, "hours")
        for j, zone in enumerate(one.zones):
            if zone not in self._site.zone_ids:
                raise WrongSetting(
                    f"there is no zone {zone}; there is {_or_none(self._site.zone_ids)}",
                    *_at("routes", i, "zones", j),
                )
        families = []
        for j, rule in enumerate(one.rules):
            family = family_of(rule)
            if family is None:
                known = [one.value for one in Family]
                raise WrongSetting(
                    f"there is no rule {rule}; there is {_or_none(known)}", *_at("routes", i, "rules", j)
                )
            families.append(family.value)
        return Route(
            name=one.name,
            to=one.to,
            via=one.via,
            min_severity=one.min_severity,
            sites=frozenset(one.sites),
            zones=frozenset(one.zones),
            rules=frozenset(families),
            hours=one.hours,
            # a machine wants all of it, a person what they can act on
            tell=one.tell or (Tell.EVERYTHING if self._machines(one.to) else Tell.LIFE),
        )

    def _machines(self, to: Sequence[str]) -> bool:
        machines = {one.name for one in self._part.channels if isinstance(one, WebhookChannel | MqttChannel)}
        return all(
            token.removeprefix("channel:") in machines for token in to if token.startswith("channel:")
        ) and all(token.startswith("channel:") for token in to)

    def _quiet(self, one: QuietPart, i: int) -> Quiet:
        for j, token in enumerate(one.to):
            self._check_recipient(token, "quiet_hours", i, "to", j)
        try:
            return Quiet(
                hours=self._hours(one.name, one.windows, one.time_zone, "quiet_hours", i),
                to=one.to,
                holds=one.holds,
                high_held_by=one.high_held_by,
                escalations_break_through=one.escalations_break_through,
            )
        except WrongSetting:
            raise
        except ValueError as error:
            raise WrongSetting(str(error), *_at("quiet_hours", i, "holds")) from None

    def _escalation(self) -> Escalation:
        part = self._part.escalation
        if part is None:
            return Escalation()
        found = dict(DEFAULT_LADDERS)
        severities: tuple[Severity, ...] = ("low", "medium", "high")
        for severity in severities:
            ladder: LadderPart | None = getattr(part, severity)
            if ladder is not None:
                found[severity] = self._ladder(ladder, severity)
        return Escalation(found)

    def _ladder(self, part: LadderPart, severity: str) -> Ladder:
        steps = []
        for i, step in enumerate(part.steps):
            key = ("escalation", severity, "steps", i)
            to = tuple(f"role:{role.value}" for role in step.roles) + step.to
            if not to:
                raise WrongSetting("tells nobody; name roles or `to`", *_at(*key))
            for j, token in enumerate(step.to):
                self._check_recipient(token, *key, "to", j)
            self._check_via(step.via, *key, "via")
            steps.append(Step(round(step.after_s * 1000), to, step.via))
        try:
            return Ladder(tuple(steps), round(part.repeat_s * 1000) or None)
        except ValueError as error:
            raise WrongSetting(str(error), *_at("escalation", severity)) from None


def _webhook(name: str, url: str, secret: str | None) -> Callable[[], Channel]:
    return lambda: Webhook(name=name, url=url, secret=secret)


def _at(*key: str | int) -> Key:
    return ("notifications", *key)


def _minutes(wall: str) -> int:
    return int(wall[:2]) * 60 + int(wall[3:])


def _or_none(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
