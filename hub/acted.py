"""What a person did to an alert or a place, as an entry of the audit log."""

from __future__ import annotations

from contract.instants import from_ms
from hub.actions import Acknowledge, Action, Close, OutOfService, Shelve, Unshelve
from hub.audit import AuditEntry
from hub.permits import TimedPermit

VERBS: dict[type[Action], str] = {
    Acknowledge: "alert.acknowledge",
    Shelve: "alert.shelve",
    Unshelve: "alert.unshelve",
    Close: "alert.close",
    OutOfService: "rule.out_of_service",
}


def acted(action: Action, *, via: str, at_ms: int) -> AuditEntry:
    """The entry for an action that was allowed. `at_ms` is wall time."""
    if isinstance(action, OutOfService):
        subject = f"{action.rule} {action.subject}"
        detail: dict[str, object] = {
            "rule": action.rule,
            "subject": action.subject,
            "until": from_ms(action.until_ms),
            "reason": action.reason,
        }
    else:
        subject, detail = action.alert, {}
    if isinstance(action, Shelve):
        detail = {"reason": action.reason, "minutes": action.minutes}
    if isinstance(action, Close):
        detail = {"disposition": action.disposition, "cause": action.cause}
    return AuditEntry(
        at_ms=at_ms, actor=action.by, via=via, action=VERBS[type(action)], subject=subject, detail=detail
    )


def granted(permit: TimedPermit, *, via: str, at_ms: int) -> AuditEntry:
    """The entry for a permit that was granted."""
    return AuditEntry(
        at_ms=at_ms,
        actor=permit.by,
        via=via,
        action="permit.grant",
        subject=permit.place,
        detail={"kinds": list(permit.kinds), "until": from_ms(permit.until_ms), "reason": permit.reason},
    )
