"""Alerts and transitions made up for tests of what is told about them."""

from __future__ import annotations

import msgspec

from contract.instants import from_ms
from contract.messages import Alert, Reason
from hub.step import Transition

ALERT = Alert(
    schema=1,
    site="plaza",
    alert="a" * 20,
    rule="density.warning",
    title="Crowded: Market square",
    subject="square",
    zone="square",
    severity="medium",
    condition="active",
    handling="unacknowledged",
    latched=False,
    opened_at="2026-06-20T18:00:00.000Z",
    changed_at="2026-06-20T18:00:00.000Z",
    cleared_at=None,
    closed_at=None,
    acknowledged_by=None,
    acknowledged_at=None,
    shelved_until=None,
    escalation=0,
    position_m=(12.0, 34.0),
    cameras=("north",),
    vms_url="https://vms.example/live/1?a=1&b=2",
    reasons=(
        Reason(
            reason="density.patch",
            text="3.9 people per m2 in the densest patch",
            value=3.9,
            threshold=3.5,
            unit="/m2",
        ),
        Reason(reason="zone.partly_seen", text="part of the zone is not seen"),
    ),
    advice=("Hold the north gate.",),
    certainty="one camera, calibrated",
)


def happened(at_ms: int, event: str = "open", **changes: object) -> Transition:
    """A transition of the alert with these fields changed."""
    alert = msgspec.structs.replace(ALERT, changed_at=from_ms(at_ms), **changes)
    return Transition(
        at=from_ms(at_ms), alert=alert, from_condition="active", from_handling=None, event=event
    )
