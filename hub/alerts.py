"""The life of an alert, on two axes, as one table.

Condition (what the ground says): pending, active, returned, unknown. Handling (what people do about it):
unacknowledged, acknowledged, shelved, out of service. The two move independently; what is in neither table is illegal,
raises, and changes nothing. ANSI/ISA-18.2 has the same two axes.

- `unknown` stands for "was active, and now nobody sees": it can only become active again, never returned at once.
- A returned alert that nobody sees any more stays returned: it was seen to be over.
- Medium and high close only when returned and acknowledged; low closes when returned; out of service closes when
  returned, since a technician already answers for it.
- A latched rule (vehicle.in_crowd) does not return before someone has acknowledged it.
- Severity never falls while an alert is open. A rise goes back to unacknowledged.

`python -m hub.alerts` draws docs/alert-lifecycle.md from the tables.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from contract.instants import from_ms
from contract.messages import Alert, AlertCondition, AlertHandling, Severity
from contract.phrase import Said, say
from hub.actions import Disposition, IllegalAction
from hub.step import Transition


class Event(StrEnum):
    """What moves an alert. The first group comes from the ground, the second from people and their clocks."""

    ONSET = "onset"
    OPEN = "open"
    CANCEL = "cancel"
    RETURN = "return"
    RISE_AGAIN = "rise_again"
    LOSE = "lose"
    REGAIN = "regain"

    WORSEN = "worsen"
    ESCALATE = "escalate"
    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    SHELF_EXPIRED = "shelf_expired"
    OUT_OF_SERVICE = "out_of_service"
    BACK_IN_SERVICE = "back_in_service"

    CLOSE = "close"
    DISPOSE = "dispose"


# (condition, event) -> condition. None is no alert: before the onset, and after a cancelled one.
CONDITION: Final[dict[tuple[AlertCondition | None, Event], AlertCondition | None]] = {
    (None, Event.ONSET): "pending",
    ("pending", Event.OPEN): "active",
    ("pending", Event.CANCEL): None,
    ("active", Event.RETURN): "returned",
    ("active", Event.LOSE): "unknown",
    ("unknown", Event.REGAIN): "active",
    ("returned", Event.RISE_AGAIN): "active",
}

# (handling, event) -> handling.
HANDLING: Final[dict[tuple[AlertHandling, Event], AlertHandling]] = {
    ("unacknowledged", Event.ACKNOWLEDGE): "acknowledged",
    ("unacknowledged", Event.SHELVE): "shelved",
    ("unacknowledged", Event.WORSEN): "unacknowledged",
    ("unacknowledged", Event.ESCALATE): "unacknowledged",
    ("unacknowledged", Event.OUT_OF_SERVICE): "out_of_service",
    ("unacknowledged", Event.RISE_AGAIN): "unacknowledged",
    ("acknowledged", Event.SHELVE): "shelved",
    ("acknowledged", Event.WORSEN): "unacknowledged",
    ("acknowledged", Event.OUT_OF_SERVICE): "out_of_service",
    ("acknowledged", Event.RISE_AGAIN): "unacknowledged",
    ("shelved", Event.UNSHELVE): "unacknowledged",
    ("shelved", Event.SHELF_EXPIRED): "unacknowledged",
    ("shelved", Event.WORSEN): "unacknowledged",
    ("shelved", Event.OUT_OF_SERVICE): "out_of_service",
    ("shelved", Event.RISE_AGAIN): "shelved",
    ("out_of_service", Event.BACK_IN_SERVICE): "unacknowledged",
    ("out_of_service", Event.WORSEN): "out_of_service",
    ("out_of_service", Event.RISE_AGAIN): "out_of_service",
}

# Events that must be legal on both axes.
_BOTH = frozenset({Event.RISE_AGAIN})
_ENDING = frozenset({Event.CLOSE.value, Event.DISPOSE.value})
_ON_CONDITION = frozenset(event for _, event in CONDITION)

SHELVE_MAX_MINUTES = 60
OUT_OF_SERVICE_MAX_MS = 7 * 86_400_000  # [E]


class IllegalTransition(RuntimeError):
    """An event that the tables do not know in this state. Nothing has changed. A fault of ours, not of the operator."""

    def __init__(self, event: Event, condition: AlertCondition | None, handling: AlertHandling) -> None:
        super().__init__(f"event {event} has no place in condition {condition}, handling {handling}")
        self.event = event


def after(
    condition: AlertCondition | None, handling: AlertHandling, event: Event
) -> tuple[AlertCondition | None, AlertHandling]:
    """Where an event leads. Raises IllegalTransition."""
    on_condition = (condition, event) in CONDITION
    on_handling = (handling, event) in HANDLING
    legal = (on_condition and on_handling) if event in _BOTH else (on_condition or on_handling)
    if event in _ON_CONDITION and not on_condition:
        legal = False
    if not legal:
        raise IllegalTransition(event, condition, handling)
    return (
        CONDITION[condition, event] if on_condition else condition,
        HANDLING[handling, event] if on_handling else handling,
    )


def may_close(condition: AlertCondition | None, handling: AlertHandling, severity: Severity) -> bool:
    """Whether the alert is over: see the module's head."""
    if condition != "returned":
        return False
    return severity == "low" or handling in ("acknowledged", "out_of_service")


def may_return(handling: AlertHandling, latched: bool) -> bool:
    """A latched alert holds until a person has answered for it."""
    return not latched or handling != "unacknowledged"


def dispose(alert: Alert, *, by: str, disposition: Disposition, cause: str | None, now_ms: int) -> Transition:
    """Says afterwards what a closed alert was. Raises IllegalAction for one that is open or already disposed of."""
    if alert.closed_at is None:
        raise IllegalAction(say("alert {alert} is still open", alert=alert.alert), say("close it first"))
    if alert.disposition is not None:
        raise IllegalAction(
            say(
                "alert {alert} was already closed as {disposition}",
                alert=alert.alert,
                disposition=alert.disposition,
            ),
            say("ask an administrator to correct it"),
        )
    return Transition(
        at=from_ms(now_ms),
        alert=msgspec.structs.replace(alert, disposition=disposition_text(disposition, cause)),
        from_condition=alert.condition,
        from_handling=alert.handling,
        event=Event.DISPOSE.value,
        by=by,
    )


def closed_before(past: Sequence[Transition]) -> IllegalAction:
    """What to tell who comes too late. `past`: all transitions of an alert that has closed, oldest first."""
    alert = past[-1].alert
    last = next((one for one in reversed(past) if one.event in _ENDING), past[-1])
    said: dict[str, Said] = {"alert": alert.alert, "at": last.at}
    what = alert.disposition
    if last.by is None and what is None:
        text = say("alert {alert} was closed by itself at {at:moment}", **said)
    elif last.by is None:
        text = say(
            "alert {alert} was closed by itself at {at:moment} as {disposition}",
            **said,
            disposition=what or "",
        )
    elif what is None:
        text = say("alert {alert} was closed by {name} at {at:moment}", **said, name=last.by)
    else:
        text = say(
            "alert {alert} was closed by {name} at {at:moment} as {disposition}",
            **said,
            name=last.by,
            disposition=what,
        )
    if last.by is None and alert.acknowledged_by is not None:
        text = say(
            "{closed}; {name} had acknowledged it at {at:moment}",
            closed=text,
            name=alert.acknowledged_by,
            at=alert.acknowledged_at or "",
        )
    return IllegalAction(text, say("nothing more is needed; reload to see it"))


def disposition_text(disposition: Disposition, cause: str | None) -> str:
    """What is kept on the alert. Raises IllegalAction when a false alarm has no cause."""
    if disposition == "false":
        if not cause or not cause.strip():
            raise IllegalAction(say("a false alarm needs a cause"), say("say what was mistaken for what"))
        return f"false: {cause.strip()}"
    return disposition if not cause else f"{disposition}: {cause.strip()}"


def diagram() -> str:
    """docs/alert-lifecycle.md: both tables as state diagrams."""

    def name(state: str | None) -> str:
        return "[*]" if state is None else state

    lines = [
        "# The life of an alert",
        "",
        "Drawn from the tables in `hub/alerts.py` by `python -m hub.alerts`; do not edit by hand.",
        "",
        "## Condition: what the ground says",
        "",
        "```mermaid",
        "stateDiagram-v2",
        *(f"    {name(a)} --> {name(b)}: {event.value}" for (a, event), b in CONDITION.items()),
        "    returned --> [*]: close",
        "```",
        "",
        "## Handling: what people do about it",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> unacknowledged: open",
        *(f"    {a} --> {b}: {event.value}" for (a, event), b in HANDLING.items()),
        "```",
        "",
        "## What the pictures cannot say",
        "",
        *[line for line in (__doc__ or "").strip().splitlines()[6:] if line.startswith(("-", "  "))],
        f"- Shelving lasts at most {SHELVE_MAX_MINUTES} minutes, with a reason and a name. A high alert cannot be",
        "  shelved.",
        "- A shelf that expires goes back to unacknowledged.",
        "- Not acknowledged in time, an alert escalates: medium after 10 minutes, high after 2, at most three times;",
        "  unless the town has steps of its own (docs/notifications.md).",
        "- Silence of a camera causes no alert but `sensor.silent`: where nothing is seen, every other rule is",
        "  unknown, its delays stand still, and what is active stays open.",
        "- The hub's own silence (a restart, a stalled machine) is unknown too: no delay counts it, and no camera is",
        "  blamed for it.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/alert-lifecycle.md")
    path.write_text(diagram(), encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
