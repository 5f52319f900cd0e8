"""The life of what has left: Alert at the release, Update when something material has changed, Cancel at the end.

What is material, and how soon it is told, is the table `CHANGES`. A rise is told at once. What may flap (out of sight
and back, acknowledged and not) is told at most once a minute, a hot spot that wanders at most every five, and only when
it still differs from what was told last; so a camera that stutters tells nobody anything. Before a message runs out
while its alert lives, it is said anew. Every message names all earlier ones of its life. Pure: no clock, no input or
output.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Literal

from msgspec import Struct

from contract.messages import Alert
from contract.phrase import Phrase
from hub.cap import words
from hub.cap.build import MINUTE_MS, built
from hub.cap.facts import Facts
from hub.cap.message import Message, Reference, Severity
from hub.cap.settings import Frame
from hub.cap.words import Tongue

SECOND_MS = 1000
AT_ONCE_MS = 0
SETTLE_MS = 60_000  # [E] for what may flap: a camera that stutters is silent for seconds
WANDER_MS = 300_000  # [E] in an evenly packed crowd the fullest spot is now here, now there
MOVED_M = 20.0  # [E] a hot spot that has gone so far is another place
RENEW_SHARE = 2 / 3  # [E] of its time a message has run, and it is said anew
REFERENCES_MAX = 2000  # of one life; beyond it the life is ended, not cut

_RANK: Final[dict[Severity, int]] = {"Unknown": 0, "Minor": 1, "Moderate": 2, "Severe": 3, "Extreme": 4}


class Change(StrEnum):
    """Why a message was made. Stored, shown and counted by these values."""

    RELEASED = "released"
    WORSE = "worse"
    EVENT = "event"
    RETURNED = "returned"
    RISEN_AGAIN = "risen_again"
    LOST = "lost"
    REGAINED = "regained"
    HANDLED = "handled"
    AREA = "area"
    MOVED = "moved"
    RENEWED = "renewed"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"


class Life(Struct, frozen=True, kw_only=True):
    """A released alert. `said`: all its messages, oldest first; `told`: what the last one said."""

    frame: Frame
    said: tuple[Reference, ...]
    told: Facts
    told_ms: int
    ended: bool = False


class Made(Struct, frozen=True, kw_only=True):
    """A message, why it was made, and the life after it."""

    life: Life
    message: Message
    change: Change
    sent_ms: int
    expires_ms: int


def _worse(told: Facts, now: Facts) -> bool:
    return _RANK[now.severity] > _RANK[told.severity]


def _became(condition: str, *before: str) -> Callable[[Facts, Facts], bool]:
    return lambda told, now: now.condition == condition and told.condition in before


def _moved(told: Facts, now: Facts) -> bool:
    if told.hot_spot_m is None or now.hot_spot_m is None:
        return (told.hot_spot_m is None) != (now.hot_spot_m is None)
    return math.dist(told.hot_spot_m, now.hot_spot_m) >= MOVED_M


# (change, whether it is one, how long after the last message it is told). The first that holds gives the Update its
# reason.
CHANGES: Final[tuple[tuple[Change, Callable[[Facts, Facts], bool], int], ...]] = (
    (Change.WORSE, _worse, AT_ONCE_MS),
    (Change.RISEN_AGAIN, _became("active", "returned"), AT_ONCE_MS),
    (Change.EVENT, lambda told, now: now.rule != told.rule, SETTLE_MS),
    (Change.AREA, lambda told, now: now.areas != told.areas, SETTLE_MS),
    (Change.LOST, _became("unknown", "active", "returned"), SETTLE_MS),
    (Change.REGAINED, _became("active", "unknown"), SETTLE_MS),
    (Change.RETURNED, _became("returned", "active", "unknown"), SETTLE_MS),
    (Change.HANDLED, lambda told, now: now.handled != told.handled, SETTLE_MS),
    (Change.MOVED, _moved, WANDER_MS),
)


def identifier_of(frame: Frame, alert: str, number: int, chance: str) -> str:
    """Unique for ever: site, alert and number for people to read, and `chance`, 128 random bits, against the rest.

    The number alone comes again after a restore from a backup, and two hubs with one site file may give an alert the
    same id; what has once left with an identifier never leaves with it again.
    """
    return f"{frame.site}-{alert}-{number}-{chance}"


def released(frame: Frame, facts: Facts, *, now_ms: int, chance: str, tongue: Tongue) -> Made:
    """The first message of a life."""
    sent_ms = now_ms // SECOND_MS * SECOND_MS
    message = built(
        frame,
        facts,
        msg_type="Alert",
        identifier=identifier_of(frame, facts.alert, 1, chance),
        now_ms=sent_ms,
        references=(),
        tongue=tongue,
    )
    life = Life(frame=frame, said=(message.reference,), told=facts, told_ms=sent_ms)
    return _made(life, message, Change.RELEASED, sent_ms)


def changed(life: Life, facts: Facts, now_ms: int) -> Change | None:
    """What is to be told now, if anything."""
    age_ms = now_ms - life.told_ms
    for change, holds, wait_ms in CHANGES:
        # a clock that was set back keeps nobody waiting for a rise
        if (wait_ms == AT_ONCE_MS or age_ms >= wait_ms) and holds(life.told, facts):
            return change
    if age_ms >= life.frame.expires_minutes * MINUTE_MS * RENEW_SHARE:
        return Change.RENEWED
    return None


def followed(life: Life, facts: Facts, *, now_ms: int, chance: str, tongue: Tongue) -> Made | None:
    """The Update that is due, if one is."""
    change = None if life.ended else changed(life, facts, now_ms)
    if change is None:
        return None
    if len(life.said) >= REFERENCES_MAX:
        return ended(life, words.WITHDRAWN, Change.WITHDRAWN, now_ms=now_ms, chance=chance, tongue=tongue)
    return _next(life, facts, "Update", change, now_ms, chance, tongue, None)


def ended(life: Life, ending: Phrase, change: Change, *, now_ms: int, chance: str, tongue: Tongue) -> Made:
    """The Cancel. Raises ValueError for a life that has ended."""
    if life.ended:
        raise ValueError(f"the life of alert {life.told.alert} has ended; nothing is said after a Cancel")
    return _next(life, life.told, "Cancel", change, now_ms, chance, tongue, ending)


def ending_of(alert: Alert) -> Phrase:
    """What a Cancel says of an alert that has closed: by the kind of its disposition, never by what was typed."""
    kind = (alert.disposition or "").partition(":")[0].strip()
    return {"false": words.FALSE_ALARM, "test": words.ONLY_TEST, "exercise": words.ONLY_EXERCISE}.get(
        kind, words.OVER
    )


def _next(
    life: Life,
    facts: Facts,
    msg_type: Literal["Update", "Cancel"],
    change: Change,
    now_ms: int,
    chance: str,
    tongue: Tongue,
    ending: Phrase | None,
) -> Made:
    # a clock that was set back does not turn the order of the messages round
    sent_ms = max(now_ms // SECOND_MS * SECOND_MS, life.told_ms + SECOND_MS)
    message = built(
        life.frame,
        facts,
        msg_type=msg_type,
        identifier=identifier_of(life.frame, facts.alert, len(life.said) + 1, chance),
        now_ms=sent_ms,
        references=life.said,
        tongue=tongue,
        ending=ending,
    )
    after = Life(
        frame=life.frame,
        said=(*life.said, message.reference),
        told=facts,
        told_ms=sent_ms,
        ended=msg_type == "Cancel",
    )
    return _made(after, message, change, sent_ms)


def _made(life: Life, message: Message, change: Change, sent_ms: int) -> Made:
    return Made(
        life=life,
        message=message,
        change=change,
        sent_ms=sent_ms,
        expires_ms=sent_ms + life.frame.expires_minutes * MINUTE_MS,
    )
