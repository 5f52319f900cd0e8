"""One alert as the hub keeps it, and as it tells of it."""

from __future__ import annotations

from msgspec import Struct

from contract import limits
from contract.instants import from_ms
from contract.messages import Alert, AlertCondition, AlertHandling, Reason, Severity
from contract.phrase import Phrase
from hub.delays import Delay
from hub.rules import Family


class Record(Struct, kw_only=True, omit_defaults=True):
    """One alert as it is kept. Times in Unix milliseconds; `unacknowledged_ms` drives escalation."""

    family: Family
    subject: str
    zone: str | None
    condition: AlertCondition
    handling: AlertHandling = "unacknowledged"
    step: int = 0
    alert: str = ""
    rule: str = ""
    title: str = ""
    severity: Severity = "low"
    latched: bool = False
    opened_ms: int = 0
    changed_ms: int = 0
    cleared_ms: int | None = None
    closed_ms: int | None = None
    acknowledged_by: str | None = None
    acknowledged_ms: int | None = None
    shelved_until_ms: int | None = None
    unacknowledged_ms: int = 0
    escalation: int = 0
    position_m: tuple[float, float] | None = None
    cameras: tuple[str, ...] = ()
    vms_url: str | None = None
    reasons: tuple[Reason, ...] = ()
    advice: tuple[str, ...] = ()
    certainty: str = ""
    disposition: str | None = None
    title_phrase: Phrase | None = None
    advice_phrases: tuple[Phrase | None, ...] = ()
    certainty_phrase: Phrase | None = None


class Outage(Struct, frozen=True, kw_only=True):
    """A rule that a technician has taken out of service on one subject, until a moment.

    `rule` is one rule's id, and then the graver ones of its family still sound, or the family's name for all of them.
    """

    family: Family
    rule: str
    subject: str
    until_ms: int
    by: str
    reason: str

    def covers(self, record: Record) -> bool:
        return (self.family, self.subject) == (record.family, record.subject) and self.rule in (
            record.rule,
            record.family.value,
        )


class StoredBook(Struct, kw_only=True, omit_defaults=True):
    records: tuple[Record, ...] = ()
    delays: dict[str, tuple[Delay, ...]] = {}
    outages: tuple[Outage, ...] = ()


def as_alert(r: Record, site: str) -> Alert:
    """The alert as everyone is told of it."""
    return Alert(
        schema=limits.SCHEMA,
        site=site,
        alert=r.alert,
        rule=r.rule,
        title=r.title,
        subject=r.subject,
        zone=r.zone,
        severity=r.severity,
        condition=r.condition,
        handling=r.handling,
        latched=r.latched,
        opened_at=from_ms(r.opened_ms),
        changed_at=from_ms(r.changed_ms),
        cleared_at=_instant(r.cleared_ms),
        closed_at=_instant(r.closed_ms),
        acknowledged_by=r.acknowledged_by,
        acknowledged_at=_instant(r.acknowledged_ms),
        shelved_until=_instant(r.shelved_until_ms),
        escalation=r.escalation,
        position_m=r.position_m,
        cameras=r.cameras,
        vms_url=r.vms_url,
        reasons=r.reasons,
        advice=r.advice,
        certainty=r.certainty,
        disposition=r.disposition,
        title_phrase=r.title_phrase,
        advice_phrases=r.advice_phrases,
        certainty_phrase=r.certainty_phrase,
    )


def _instant(ms: int | None) -> str | None:
    return None if ms is None else from_ms(ms)
