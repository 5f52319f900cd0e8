"""Who is told of what, when, and why: a pure function of the policy, the directory, the transition and its time.

A transition of an alert becomes Decisions: one for each recipient and channel that is told, is held until its quiet
hours end, or is left out, with the reason. Recipients are written `person:NAME`, `role:NAME`, `group:NAME` and
`channel:NAME`; roles and groups come out as people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from contract.instants import from_ms, to_ms
from contract.messages import Severity
from hub.alerts import Event
from hub.escalation import Escalation
from hub.notify.directory import Directory, Person
from hub.notify.hours import Hours, until_all_end_ms
from hub.rules import SEVERITIES, family_of
from hub.step import Transition


class Purpose(StrEnum):
    """What a message is for."""

    ALERT = "alert"  # somebody has to look
    ESCALATION = "escalation"  # nobody did
    NEWS = "news"  # what became of it
    END = "end"
    DIGEST = "digest"  # what quiet hours held back
    TEST = "test"


class Tell(StrEnum):
    """How much of an alert's life a route tells. `life` and `asks` tell an end only to whom the begin was told."""

    ASKS = "asks"
    LIFE = "life"
    EVERYTHING = "everything"


class Verdict(StrEnum):
    TELL = "tell"
    HOLD = "hold"
    SKIP = "skip"


class Why(StrEnum):
    """Stored with each message, shown on the alert, printed by `notify explain`."""

    ROUTE = "route"
    STEP = "escalation.step"
    TOLD_BEFORE = "told_before"
    QUIET = "quiet"
    PENDING = "pending"
    SEVERITY = "severity"
    SITE = "site"
    ZONE = "zone"
    RULE = "rule"
    HOURS = "hours"
    EVENT = "event"
    OFF_SHIFT = "off_shift"
    NO_ADDRESS = "no_address"
    NOBODY = "nobody"
    OTHER_SITE = "other_site"


# Those that the alert keeps: a person, or a whole role, who should have been told and was not.
KEPT_SKIPS = frozenset({Why.OFF_SHIFT, Why.NO_ADDRESS, Why.NOBODY, Why.OTHER_SITE})

# What asks somebody to look. An escalation is told by its ladder.
_ASKS = frozenset(
    {Event.OPEN, Event.WORSEN, Event.RISE_AGAIN, Event.UNSHELVE, Event.SHELF_EXPIRED, Event.BACK_IN_SERVICE}
)
_LIFE = frozenset(
    {Event.LOSE, Event.ACKNOWLEDGE, Event.SHELVE, Event.OUT_OF_SERVICE, Event.CLOSE, Event.DISPOSE}
)
_ENDS = frozenset({Event.CLOSE, Event.DISPOSE})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """What routing must know of a channel. `to_people`: it needs a person's address (e-mail)."""

    name: str
    to_people: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Whom to tell of which alerts. `sites`, `zones`, `rules`, `via` empty: all. `hours`: only while they run."""

    name: str
    to: tuple[str, ...]
    via: tuple[str, ...] = ()
    min_severity: Severity = "low"
    sites: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()  # families
    hours: tuple[str, ...] = ()
    tell: Tell = Tell.LIFE


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Hours in which what is not grave enough waits. `to` empty: all people; channels only where they are named.

    `holds`: the gravest severity that waits. High waits only where `high_held_by` names who answers for it.
    """

    hours: Hours
    to: tuple[str, ...] = ()
    holds: Severity = "medium"
    high_held_by: str | None = None
    escalations_break_through: bool = False

    def __post_init__(self) -> None:
        if self.holds == "high" and not (self.high_held_by or "").strip():
            raise ValueError("holding high alerts back needs high_held_by, the name of who answers for it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything the town has decided about telling people."""

    routes: tuple[Route, ...] = ()
    quiets: tuple[Quiet, ...] = ()
    shifts: Mapping[str, Hours] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    channels: Mapping[str, ChannelFacts] = field(default_factory=dict)
    escalation: Escalation = field(default_factory=Escalation)
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One recipient by one channel. `channel` is empty where none was found; `until_ms` where it is held."""

    verdict: Verdict
    recipient: str
    channel: str
    purpose: Purpose
    why: Why
    text: str
    language: str
    until_ms: int | None = None

    @property
    def kept(self) -> bool:
        return self.verdict is not Verdict.SKIP or self.why in KEPT_SKIPS


Told = frozenset[tuple[str, str]]  # (recipient, channel)
NOBODY: Told = frozenset()


def plan(
    policy: Policy, directory: Directory, transition: Transition, *, told: Told = NOBODY
) -> tuple[Decision, ...]:
    """Every recipient in order of name, with what becomes of this transition for them and why.

    `told`: who was told of this alert before, or is going to be. Routes that do not match come out as skips, too.
    """
    return _Plan(policy, directory, transition, told).made()


def rank(severity: Severity) -> int:
    return SEVERITIES.index(severity)


def purpose_of(event: Event) -> Purpose:
    if event in _ASKS:
        return Purpose.ALERT
    if event is Event.ESCALATE:
        return Purpose.ESCALATION
    return Purpose.END if event in _ENDS else Purpose.NEWS


class _Plan:
    def __init__(self, policy: Policy, directory: Directory, transition: Transition, told: Told) -> None:
        self._policy = policy
        self._directory = directory
        self._alert = transition.alert
        self._event = Event(transition.event)
        self._purpose = purpose_of(self._event)
        self._told = told
        self._now_ms = to_ms(transition.at)
        self._found: dict[tuple[str, str], Decision] = {}
        self._skipped: list[Decision] = []

    def made(self) -> tuple[Decision, ...]:
        if self._alert.condition == "pending":
            return ()
        if self._event is Event.ESCALATE:
            self._climb()
        for route in self._policy.routes:
            self._follow(route)
        if self._event in _ASKS or self._event in _LIFE:
            for recipient, channel in sorted(self._told):
                self._again(recipient, channel)
        told = {recipient for recipient, _ in self._found}
        # who is told in one way is not listed as left out in another
        left_out = {
            (one.recipient, one.why, one.text): one for one in self._skipped if one.recipient not in told
        }
        every = [*self._found.values(), *left_out.values()]
        return tuple(sorted(every, key=lambda one: (one.recipient, one.channel, one.why, one.text)))

    # --- where candidates come from ------------------------------------------------------------------------

    def _follow(self, route: Route) -> None:
        problem = self._mismatch(route)
        if problem is not None:
            why, text = problem
            for token in route.to:
                self._skip(token, why, f"route {route.name}: {text}")
            return
        for token in route.to:
            self._reach(token, route.via, Why.ROUTE, f"route {route.name}")

    def _mismatch(self, route: Route) -> tuple[Why, str] | None:
        alert, event = self._alert, self._event
        if route.sites and alert.site not in route.sites:
            return Why.SITE, f"site {alert.site} is not among {_listed(route.sites)}"
        if rank(alert.severity) < rank(route.min_severity):
            return Why.SEVERITY, f"{alert.severity} is below {route.min_severity}"
        if route.zones and alert.zone not in route.zones:
            where = f"zone {alert.zone}" if alert.zone else "an alert without a zone"
            return Why.ZONE, f"{where} is not among {_listed(route.zones)}"
        family = family_of(alert.rule)
        if route.rules and (family is None or family.value not in route.rules):
            return Why.RULE, f"rule {alert.rule} is not among {_listed(route.rules)}"
        if route.tell is not Tell.EVERYTHING and event not in _ASKS:
            # an end is told to who heard of the begin, an escalation by its ladder
            return Why.EVENT, f"{event.value} is told to those who were told before"
        if route.hours and not any(self._policy.shifts[one].on(self._now_ms) for one in route.hours):
            return Why.HOURS, f"not in the hours {_listed(route.hours)}"
        return None

    def _climb(self) -> None:
        """The step that was reached; where nobody of it can be told, the next one at once."""
        ladder = self._policy.escalation.ladder(self._alert.severity)
        reached = self._alert.escalation
        last = max(len(ladder.steps), 1)
        for number in range(min(reached, last), last + 1):
            step = ladder.step(number)
            if step is None:
                return
            before = len(self._found)
            for token in step.to:
                self._reach(token, step.via, Why.STEP, f"escalation step {number}")
            if len(self._found) > before:
                return
        if any(step.to for step in ladder.steps):
            self._skip("nobody", Why.NOBODY, "nobody of this step or a later one can be told now")

    def _again(self, recipient: str, channel: str) -> None:
        facts = self._policy.channels.get(channel)
        if facts is None or (recipient, channel) in self._found:
            return
        if recipient.startswith("channel:"):
            self._take(recipient, facts, None, Why.TOLD_BEFORE, "told of this alert before")
            return
        person = self._directory.person(recipient.removeprefix("person:"))
        if person is not None and self._on_duty(person):
            self._take(recipient, facts, person, Why.TOLD_BEFORE, "told of this alert before")

    # --- from a recipient to channels ----------------------------------------------------------------------

    def _reach(self, token: str, via: tuple[str, ...], why: Why, text: str) -> None:
        kind, _, name = token.partition(":")
        if kind == "channel":
            self._take(token, self._policy.channels[name], None, why, text)
            return
        people = list(self._people(token))
        if not people:
            self._skip(token, Why.NOBODY, f"{text}: there is nobody")
        for person in people:
            self._reach_person(person, via, why, text if kind == "person" else f"{text}, {token}")

    def _people(self, token: str) -> Iterator[Person]:
        kind, _, name = token.partition(":")
        if kind == "role":
            yield from self._directory.with_role(name, self._alert.site)
        elif kind == "group":
            for member in self._policy.groups[name]:
                yield from self._people(member)
        else:
            person = self._directory.person(name)
            if person is not None:
                yield person

    def _reach_person(self, person: Person, via: tuple[str, ...], why: Why, text: str) -> None:
        recipient = f"person:{person.name}"
        if not person.may_see(self._alert.site):
            self._skip(recipient, Why.OTHER_SITE, f"{text}: not for site {self._alert.site}", person)
            return
        if not self._on_duty(person):
            back_ms = min(
                (
                    ms
                    for one in person.shifts
                    if (ms := self._policy.shifts[one].next_ms(self._now_ms)) is not None
                ),
                default=None,
            )
            until = "" if back_ms is None else f" until {from_ms(back_ms)}"
            self._skip(
                recipient, Why.OFF_SHIFT, f"{text}: off shift{until} ({_listed(person.shifts)})", person
            )
            return
        found = [
            facts
            for name, facts in sorted(self._policy.channels.items())
            if (not via or name in via)
            and (name in person.channels or (facts.to_people and person.email is not None))
        ]
        if not found:
            ways = f" by {_listed(via)}" if via else ""
            self._skip(recipient, Why.NO_ADDRESS, f"{text}: no address to be reached{ways}", person)
        for facts in found:
            self._take(recipient, facts, person, why, text)

    def _on_duty(self, person: Person) -> bool:
        shifts = [self._policy.shifts[one] for one in person.shifts if one in self._policy.shifts]
        return not person.shifts or any(one.on(self._now_ms) for one in shifts)

    # --- now or later --------------------------------------------------------------------------------------

    def _take(self, recipient: str, facts: ChannelFacts, person: Person | None, why: Why, text: str) -> None:
        key = (recipient, facts.name)
        if key in self._found:
            return
        until_ms, held_by = self._held_until(recipient, person)
        language = (person.language if person else facts.language) or self._policy.language
        decision = Decision(
            verdict=Verdict.TELL,
            recipient=recipient,
            channel=facts.name,
            purpose=self._purpose,
            why=why,
            text=text,
            language=language,
        )
        if until_ms is not None:
            decision = replace(
                decision,
                verdict=Verdict.HOLD,
                why=Why.QUIET,
                text=f"{text}: quiet hours {held_by} until {from_ms(until_ms)}",
                until_ms=until_ms,
            )
        self._found[key] = decision

    def _held_until(self, recipient: str, person: Person | None) -> tuple[int | None, str]:
        applying = [
            quiet
            for quiet in self._policy.quiets
            if rank(self._alert.severity) <= rank(quiet.holds)
            and not (quiet.escalations_break_through and self._event is Event.ESCALATE)
            and self._is_for(quiet, recipient, person)
        ]
        until_ms = until_all_end_ms([quiet.hours for quiet in applying], self._now_ms)
        running = [quiet.hours.name for quiet in applying if quiet.hours.on(self._now_ms)]
        return until_ms, _listed(running)

    def _is_for(self, quiet: Quiet, recipient: str, person: Person | None) -> bool:
        if person is None:
            return recipient in quiet.to
        if not quiet.to or recipient in quiet.to:
            return True
        return any(
            (token.startswith("role:") and token.removeprefix("role:") in person.roles)
            or (token.startswith("group:") and any(one.name == person.name for one in self._people(token)))
            for token in quiet.to
        )

    def _skip(self, recipient: str, why: Why, text: str, person: Person | None = None) -> None:
        self._skipped.append(
            Decision(
                verdict=Verdict.SKIP,
                recipient=recipient,
                channel="",
                purpose=self._purpose,
                why=why,
                text=text,
                language=(person.language if person else None) or self._policy.language,
            )
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
