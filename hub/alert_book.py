"""Every open alert: what a finding or a person's action does to it, by the tables in hub.alerts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec

from contract.instants import from_ms
from contract.messages import Alert, AlertCondition, AlertHandling, Severity
from contract.phrase import Phrase, english, say, say_many
from hub.actions import (
    Acknowledge,
    Action,
    Close,
    IllegalAction,
    OutOfService,
    Shelve,
    UnknownAlert,
    Unshelve,
)
from hub.advice import advice
from hub.alert_record import Outage, Record, StoredBook, as_alert
from hub.alerts import (
    OUT_OF_SERVICE_MAX_MS,
    SHELVE_MAX_MINUTES,
    Event,
    after,
    disposition_text,
    may_close,
    may_return,
)
from hub.assessment import Assessment
from hub.delays import Delay
from hub.escalation import Escalation
from hub.finding import Finding
from hub.reasons import Why
from hub.rules import SEVERITIES, Effective, Family, Rule, effective, family_of, steps_of
from hub.step import Transition
from hub.terms import HANDLING_WORDS

_ADVICE_MAX = 6
_TEXT_MAX = 400
_CAVEATS = frozenset({Why.ZONE_HELD.value, Why.ZONE_PARTLY_SEEN.value})


class AlertBook:
    """Open alerts of one site. `run` tells live ids from those of a replay."""

    def __init__(
        self,
        *,
        site: str,
        run: str,
        assessment: Assessment | None,
        stored: StoredBook | None = None,
        escalation: Escalation | None = None,
    ) -> None:
        self._escalation = escalation or Escalation()
        self._site = site
        self._run = run
        self._assessment = assessment
        self._effective: dict[tuple[Family, int, str | None], Effective] = {}
        stored = stored or StoredBook()
        self._records = {_key(one.family, one.subject): one for one in stored.records}
        self._delays = {key: list(delays) for key, delays in stored.delays.items()}
        self._outages = list(stored.outages)

    def store(self) -> StoredBook:
        return StoredBook(
            records=tuple(self._records[key] for key in sorted(self._records)),
            delays={key: tuple(self._delays[key]) for key in sorted(self._delays)},
            outages=tuple(self._outages),
        )

    def effective(self, rule: Rule, step: int, zone: str | None) -> Effective:
        """The step's delays and severity there, after the static score."""
        key = (rule.family, step, zone)
        if key not in self._effective:
            self._effective[key] = effective(rule, zone, self._assessment)
        return self._effective[key]

    def active_step(self, family: Family, subject: str) -> int:
        """The highest step of the family that is active after its delays; 0 for none."""
        delays = self._delays.get(_key(family, subject), [])
        return max((i for i, delay in enumerate(delays, 1) if delay.active), default=0)

    def active_rules(self, zone: str) -> frozenset[str]:
        """Ids of rules now active in a zone or in an area of it."""
        found: set[str] = set()
        for key, record in self._records.items():
            if record.zone == zone:
                steps = steps_of(record.family)
                found |= {rule.id for rule, d in zip(steps, self._delays[key], strict=True) if d.active}
        return frozenset(found)

    def idle(self, family: Family, subject: str) -> bool:
        """No clock runs for it and nothing is kept of it: a finding without an ON would change nothing."""
        key = _key(family, subject)
        return key not in self._records and not any(d.running for d in self._delays.get(key, ()))

    def judge(self, finding: Finding, now_ms: int, look: Callable[[Finding], str | None]) -> list[Transition]:
        """Takes one finding in: moves the delays, then the alert. `look` gives the video link for it."""
        key = _key(finding.family, finding.subject)
        record = self._records.get(key)
        steps = steps_of(finding.family)
        delays = self._delays.get(key)
        if record is None and not finding.on and not any(delay.running for delay in delays or ()):
            return []  # no clock runs, and nothing starts one
        if delays is None or len(delays) != len(steps):
            delays = self._delays[key] = [Delay() for _ in steps]
        for i, (rule, delay, verdict) in enumerate(zip(steps, delays, finding.verdicts, strict=True), 1):
            was = delay.active
            works = self.effective(rule, i, finding.zone)
            delay.advance(
                verdict,
                finding.at_ms,
                on_after_ms=works.on_after_ms if finding.on_after_ms is None else finding.on_after_ms,
                off_after_ms=works.off_after_ms,
                samples_min=works.samples_min if finding.on_after_ms is None else 1,
            )
            if delay.active and not was:
                for milder in delays[: i - 1]:
                    milder.imply()
        step = max((i for i, delay in enumerate(delays, 1) if delay.active), default=0)
        if record is None:
            if not any(delay.running for delay in delays):
                return []
            record = Record(
                family=finding.family, subject=finding.subject, zone=finding.zone, condition=_pending()
            )
            self._records[key] = record
        if record.condition == "pending":
            return self._pending(key, record, finding, step, delays, now_ms, look)
        return self._open(key, record, finding, step, now_ms, look)

    def rest(self, *, forget: bool = False) -> None:
        """Nobody judged for a while: that time counts for no delay. `forget`: and what was judged lies ahead of now."""
        for delay in (delay for delays in self._delays.values() for delay in delays):
            delay.at_ms = None
            if forget:
                delay.newest_ms = None

    def tick(self, now_ms: int) -> list[Transition]:
        """What time alone does: shelves and outages run out, unacknowledged alerts escalate."""
        found: list[Transition] = []
        self._outages = [one for one in self._outages if one.until_ms > now_ms]
        for key in sorted(self._records):
            record = self._records[key]
            if record.condition == "pending":
                continue
            if record.handling == "shelved" and (record.shelved_until_ms or 0) <= now_ms:
                found.append(self._move(record, Event.SHELF_EXPIRED, now_ms))
            if record.handling == "out_of_service" and self._outage(record) is None:
                found.append(self._move(record, Event.BACK_IN_SERVICE, now_ms))
            found += self._close_if_over(key, record, now_ms)
            wait_ms = self._escalation.ladder(record.severity).due_after_ms(record.escalation)
            due = wait_ms is not None and now_ms - record.unacknowledged_ms >= wait_ms
            if due and record.closed_ms is None and record.handling == "unacknowledged":
                record.escalation += 1
                found.append(self._move(record, Event.ESCALATE, now_ms))
        return found

    def act(self, action: Action, now_ms: int) -> tuple[Transition, ...]:
        """Does what a person asks, or raises IllegalAction and changes nothing."""
        if not action.by.strip():
            raise IllegalAction(say("nobody is named"), say("say who does it"))
        if isinstance(action, OutOfService):
            return tuple(self._take_out(action, now_ms))
        key, record = self._find(action.alert)
        if isinstance(action, Acknowledge):
            if record.handling != "unacknowledged":
                raise IllegalAction(
                    _handled(record),
                    say("unshelve it first")
                    if record.handling == "shelved"
                    else say("nothing more is needed"),
                )
            record.acknowledged_by, record.acknowledged_ms = action.by, now_ms
            moved = [self._move(record, Event.ACKNOWLEDGE, now_ms, action.by)]
            return (*moved, *self._close_if_over(key, record, now_ms))
        if isinstance(action, Shelve):
            return (self._shelve(record, action, now_ms),)
        if isinstance(action, Unshelve):
            if record.handling != "shelved":
                raise IllegalAction(say("the alert is not shelved"), say("nothing needs to be done"))
            record.shelved_until_ms = None
            moved = [self._move(record, Event.UNSHELVE, now_ms, action.by)]
            return (*moved, *self._close_if_over(key, record, now_ms))
        return (self._close(key, record, action, now_ms),)

    def open_alerts(self) -> tuple[Alert, ...]:
        """All but the pending ones: high first, unacknowledged first, oldest first."""
        shown = [record for record in self._records.values() if record.condition != "pending"]
        shown.sort(
            key=lambda r: (
                -SEVERITIES.index(r.severity),
                r.handling != "unacknowledged",
                r.opened_ms,
                r.alert,
            )
        )
        return tuple(as_alert(record, self._site) for record in shown)

    def _pending(
        self,
        key: str,
        record: Record,
        finding: Finding,
        step: int,
        delays: Sequence[Delay],
        now_ms: int,
        look: Callable[[Finding], str | None],
    ) -> list[Transition]:
        if step == 0:
            if not any(delay.running for delay in delays):
                after(record.condition, record.handling, Event.CANCEL)
                del self._records[key]
            return []
        record.zone = finding.zone
        record.opened_ms = min(finding.at_ms, now_ms)
        record.unacknowledged_ms = now_ms
        self._set_step(record, finding, step)
        record.alert = self._id(record)
        self._describe(record, finding, look)
        condition, _ = after(record.condition, record.handling, Event.OPEN)
        record.condition = condition or "active"
        record.changed_ms = now_ms
        if self._outage(record) is not None:
            record.handling = "out_of_service"
        return [
            Transition(
                at=from_ms(now_ms),
                alert=as_alert(record, self._site),
                from_condition="pending",
                from_handling=None,
                event=Event.OPEN.value,
            )
        ]

    def _open(
        self,
        key: str,
        record: Record,
        finding: Finding,
        step: int,
        now_ms: int,
        look: Callable[[Finding], str | None],
    ) -> list[Transition]:
        found: list[Transition] = []
        severity = self._severity(record, finding, step) if step else record.severity
        worse = step > record.step or SEVERITIES.index(severity) > SEVERITIES.index(record.severity)
        if worse:
            self._set_step(record, finding, max(step, record.step))
        if finding.on or worse:
            self._describe(record, finding, look)
        if record.condition == "unknown" and not finding.unknown:
            _limit(record, finding)
            found.append(self._move(record, Event.REGAIN, now_ms))
        if record.condition == "active" and finding.unknown:
            _limit(record, finding)
            found.append(self._move(record, Event.LOSE, now_ms))
        elif record.condition == "active" and step == 0 and may_return(record.handling, record.latched):
            record.cleared_ms = min(finding.at_ms, now_ms)
            found.append(self._move(record, Event.RETURN, now_ms))
        elif record.condition == "returned" and step > 0:
            record.cleared_ms = None
            record.unacknowledged_ms, record.escalation = now_ms, 0
            found.append(self._move(record, Event.RISE_AGAIN, now_ms))
        if worse:
            record.unacknowledged_ms, record.escalation = now_ms, 0
            record.shelved_until_ms = None
            found.append(self._move(record, Event.WORSEN, now_ms))
        return found + self._close_if_over(key, record, now_ms)

    def _severity(self, record: Record, finding: Finding, step: int) -> Severity:
        rule = steps_of(record.family)[step - 1]
        return finding.severity or self.effective(rule, step, record.zone).severity

    def _set_step(self, record: Record, finding: Finding, step: int) -> None:
        rule = steps_of(record.family)[step - 1]
        severity = self._severity(record, finding, step)
        if SEVERITIES.index(severity) >= SEVERITIES.index(record.severity):
            record.severity = severity
        record.step, record.rule = step, rule.id
        record.title_phrase = say("{title}: {name}", title=rule.title, name=finding.name)
        record.title = english(record.title_phrase)
        record.latched = record.latched or rule.latched

    def _describe(self, record: Record, finding: Finding, look: Callable[[Finding], str | None]) -> None:
        """Reasons, place and advice as the finding has them now."""
        rule = steps_of(record.family)[record.step - 1]
        reasons = finding.explain(record.step)
        if not reasons:
            return
        record.reasons = (*reasons, *self.effective(rule, record.step, record.zone).reasons)
        record.position_m = finding.position_m
        record.cameras = finding.cameras
        record.vms_url = look(finding)
        _say_certainty(record, finding)
        threats = finding.threats or rule.threats
        ours: tuple[Phrase | str, ...] = ()
        if self._assessment is not None and record.family is not Family.SENSOR_SILENT:
            ours = self._assessment.advice(record.zone, threats)
        # what to do now stands before what the town still has to build
        lines = (*advice(rule.id), *ours)[:_ADVICE_MAX]
        record.advice = tuple(str(line) for line in lines)
        record.advice_phrases = tuple(line if isinstance(line, Phrase) else None for line in lines)

    def _outage(self, record: Record) -> Outage | None:
        return next((one for one in self._outages if one.covers(record)), None)

    def _move(self, record: Record, event: Event, now_ms: int, by: str | None = None) -> Transition:
        condition, handling = record.condition, record.handling
        new_condition, new_handling = after(condition, handling, event)
        record.condition = new_condition or condition
        record.handling = new_handling
        record.changed_ms = now_ms
        if new_handling == "unacknowledged" and handling != "unacknowledged":
            record.unacknowledged_ms, record.escalation = now_ms, 0
            record.acknowledged_by = record.acknowledged_ms = record.shelved_until_ms = None
        return Transition(
            at=from_ms(now_ms),
            alert=as_alert(record, self._site),
            from_condition=condition,
            from_handling=handling,
            event=event.value,
            by=by,
        )

    def _close_if_over(self, key: str, record: Record, now_ms: int) -> list[Transition]:
        if record.closed_ms is not None or not may_close(record.condition, record.handling, record.severity):
            return []
        return [self._closed(key, record, now_ms, record.handling, None)]

    def _closed(
        self, key: str, record: Record, now_ms: int, from_handling: AlertHandling, by: str | None
    ) -> Transition:
        record.closed_ms = record.changed_ms = now_ms
        del self._records[key]
        return Transition(
            at=from_ms(now_ms),
            alert=as_alert(record, self._site),
            from_condition=record.condition,
            from_handling=from_handling,
            event=Event.CLOSE.value,
            by=by,
        )

    def _find(self, alert: str) -> tuple[str, Record]:
        for key, record in self._records.items():
            if record.alert == alert and record.condition != "pending":
                return key, record
        raise UnknownAlert(
            say("no open alert {alert}", alert=alert[:40]), say("reload the page; it may have closed")
        )

    def _shelve(self, record: Record, action: Shelve, now_ms: int) -> Transition:
        if not action.reason.strip():
            raise IllegalAction(say("shelving needs a reason"), say("say why it can wait"))
        if not 1 <= action.minutes <= SHELVE_MAX_MINUTES:
            raise IllegalAction(
                say_many("{count} minute is not possible", "{count} minutes is not possible", action.minutes),
                say("shelve for 1 to {most} minutes", most=SHELVE_MAX_MINUTES),
            )
        if record.severity == "high":
            raise IllegalAction(say("a high alert cannot be shelved"), say("acknowledge it and deal with it"))
        if record.handling not in ("unacknowledged", "acknowledged"):
            raise IllegalAction(
                say("the alert is {handling} already", handling=HANDLING_WORDS[record.handling]),
                say("unshelve it first to shelve it anew"),
            )
        record.shelved_until_ms = now_ms + action.minutes * 60_000
        return self._move(record, Event.SHELVE, now_ms, action.by)

    def _close(self, key: str, record: Record, action: Close, now_ms: int) -> Transition:
        if record.condition == "unknown":
            raise IllegalAction(
                say("nobody sees now whether it is over"),
                say("bring the camera back, or look on the spot and wait for it"),
            )
        if record.condition != "returned":
            raise IllegalAction(
                say("its cause is still there"),
                say(
                    "acknowledge it; it closes by itself when the cause is gone. Shelve it, give a vehicle a timed "
                    "permit, or take the rule out of service if it is wrong"
                ),
            )
        handling = record.handling
        record.disposition = disposition_text(action.disposition, action.cause)
        if record.acknowledged_by is None:
            record.acknowledged_by, record.acknowledged_ms = action.by, now_ms
            record.handling = "acknowledged"
        return self._closed(key, record, now_ms, handling, action.by)

    def _take_out(self, action: OutOfService, now_ms: int) -> list[Transition]:
        family = family_of(action.rule)
        if family is None:
            raise IllegalAction(
                say("there is no rule {rule}", rule=action.rule[:60]), say("take one of the listed rules")
            )
        if not action.reason.strip():
            raise IllegalAction(say("out of service needs a reason"), say("say what is being worked on"))
        if not now_ms < action.until_ms <= now_ms + OUT_OF_SERVICE_MAX_MS:
            raise IllegalAction(
                say("it must end within seven days from now"), say("choose a time in that range")
            )
        same = (action.rule, action.subject)
        self._outages = [one for one in self._outages if (one.rule, one.subject) != same]
        self._outages.append(
            Outage(
                family=family,
                rule=action.rule,
                subject=action.subject,
                until_ms=action.until_ms,
                by=action.by,
                reason=action.reason,
            )
        )
        key = _key(family, action.subject)
        record = self._records.get(key)
        if record is None or record.condition == "pending" or record.handling == "out_of_service":
            return []
        if self._outage(record) is None:
            return []  # what is open now is another rule of the family
        moved = self._move(record, Event.OUT_OF_SERVICE, now_ms, action.by)
        return [moved, *self._close_if_over(key, record, now_ms)]

    def _id(self, record: Record) -> str:
        """20 hex of SHA-256 over (run, site, rule, subject, opened at)."""
        parts = (self._run, self._site, record.rule, record.subject, record.opened_ms)
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:20]


@lru_cache(maxsize=4096)
def _key(family: Family, subject: str) -> str:
    return f"{family.value}|{subject}"


def _limit(record: Record, finding: Finding) -> None:
    """What limits the numbers now stands among the alert's reasons, in place of what limited them before."""
    kept = tuple(one for one in record.reasons if one.reason not in _CAVEATS)
    record.reasons = (*kept, *finding.caveats())
    _say_certainty(record, finding)


def _say_certainty(record: Record, finding: Finding) -> None:
    record.certainty_phrase = finding.certainty()
    record.certainty = english(record.certainty_phrase)[:_TEXT_MAX]


def _handled(record: Record) -> Phrase:
    """What has been done about it, and by whom and when, for whoever comes second."""
    if record.handling != "acknowledged" or record.acknowledged_ms is None:
        return say("the alert is {handling}", handling=HANDLING_WORDS[record.handling])
    return say(
        "the alert is acknowledged by {name} at {at:moment}",
        name=record.acknowledged_by or "",
        at=from_ms(record.acknowledged_ms),
    )


def _pending() -> AlertCondition:
    condition, _ = after(None, "unacknowledged", Event.ONSET)
    return condition or "pending"
