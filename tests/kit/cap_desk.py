"""A desk over a real database, and alerts that the test puts there as the judge would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from contract.instants import from_ms
from contract.messages import Alert, Reason
from hub.batch import Batch
from hub.cap.desk import ReleaseDesk
from hub.cap.settings import CapPart
from hub.reasons import Why
from hub.step import Transition
from hub.store import Store
from tests import plaza

START_MS = plaza.START_MS
ALERT = "a1b2c3d4e5f6a7b8c9d0"
PART = CapPart(
    sender="hub.town.example", sender_name="Town control room", addresses=("police", "fire brigade")
)


def alert(**over: Any) -> Alert:
    given: dict[str, Any] = {
        "schema": 1,
        "site": "plaza",
        "alert": ALERT,
        "rule": "density.critical",
        "title": "Critically crowded: Square",
        "subject": "square",
        "zone": "square",
        "severity": "high",
        "condition": "active",
        "handling": "unacknowledged",
        "latched": False,
        "opened_at": from_ms(START_MS),
        "changed_at": from_ms(START_MS),
        "cleared_at": None,
        "closed_at": None,
        "acknowledged_by": None,
        "acknowledged_at": None,
        "shelved_until": None,
        "escalation": 0,
        "position_m": (11.0, 11.0),
        "cameras": ("west",),
        "vms_url": None,
        "reasons": (
            Reason(
                reason=Why.DENSITY_PATCH.value,
                text="",
                value=4.9,
                threshold=4.7,
                unit="/m2",
                sources=("west",),
            ),
        ),
        "advice": (),
        "certainty": "",
    }
    return Alert(**{**given, **over})


def keep(store: Store, one: Alert, at_ms: int, event: str = "open") -> None:
    """Writes an alert and its transition in one transaction, as the judge does."""
    batch = Batch(at_ms=at_ms)
    transition = Transition(
        at=from_ms(at_ms), alert=one, from_condition=None, from_handling=None, event=event
    )
    batch.transitions.append((transition, ()))
    batch.alerts[one.alert] = one
    store.write(batch)


class Town:
    """A store, its clock, one alert, and desks that come and go."""

    def __init__(self, folder: Path, *, part: CapPart = PART, **more: Any) -> None:
        self.path = folder / "hub.sqlite3"
        self.store = Store(self.path)
        self.now_ms = START_MS + 30_000
        self.more = {"recorded": False, "open_mode": False, **more}
        self.part = msgspec.structs.replace(part)
        self.alert = alert()
        self.live: dict[str, Alert] = {}
        keep(self.store, self.alert, START_MS)
        self.desk = self.opened()

    def opened(self, chance: Callable[[], str] | None = None) -> ReleaseDesk:
        random = {} if chance is None else {"chance": chance}
        return ReleaseDesk(
            self.path,
            part=self.part,
            site=plaza.site(),
            assessment=None,
            clock=lambda: self.now_ms,
            wall=lambda: self.now_ms,
            now_open=lambda: self.live,
            **self.more,
            **random,
        )

    def close(self) -> None:
        self.desk.close()
        self.store.close()

    def release(self) -> str:
        terms = self.desk.preview(ALERT).terms
        return self.desk.release(ALERT, terms=terms, asked_by="ana", approved_by="bogdan", via="session")

    def happens(self, after_s: float, **changes: Any) -> int:
        """Time passes, the alert changes, and the desk looks. Returns how many messages left."""
        self.now_ms += round(after_s * 1000)
        self.alert = msgspec.structs.replace(self.alert, changed_at=from_ms(self.now_ms), **changes)
        keep(self.store, self.alert, self.now_ms, "change")
        return self.desk.follow()

    def passes(self, s: float) -> int:
        self.now_ms += round(s * 1000)
        return self.desk.follow()

    def documents(self) -> list[bytes]:
        found = [self.desk.document(one.identifier) for one in self.desk.entries_of(ALERT)]
        return [one for one in found if one is not None]

    def changes(self) -> list[str]:
        return [one.change for one in self.desk.entries_of(ALERT)]
