"""Facts in a frame as a message: one info block for each language, same numbers in all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from contract.phrase import Phrase
from hub.cap import words
from hub.cap.check import HEADLINE_MAX
from hub.cap.events import event_of
from hub.cap.facts import NUMBERS, Facts
from hub.cap.message import Info, Message, MsgType, Pair, Reference, cap_time
from hub.cap.settings import Frame
from hub.cap.words import Speaker, Tongue
from hub.cap.write import clean, point
from hub.reasons import Why

LAYER: Final = "layer:esplanade:1.0:"
MINUTE_MS = 60_000


def built(
    frame: Frame,
    facts: Facts,
    *,
    msg_type: MsgType,
    identifier: str,
    now_ms: int,
    references: Sequence[Reference],
    tongue: Tongue,
    ending: Phrase | None = None,
) -> Message:
    """The message. `ending`: for a Cancel, why. `now_ms` becomes `sent`, floored to the second."""
    zone = ZoneInfo(frame.time_zone)
    return Message(
        identifier=identifier,
        sender=frame.sender,
        sent=cap_time(now_ms, zone),
        status=frame.status,
        msg_type=msg_type,
        scope=frame.scope,
        source=f"Esplanade, {frame.site}",
        restriction=frame.restriction,
        addresses=tuple(" ".join(clean(one).split()) for one in frame.addresses),
        note=frame.note,
        references=tuple(references),
        incidents=(f"{frame.site}-{facts.alert}",),
        infos=tuple(
            _info(frame, facts, language, tongue(language), now_ms, zone, ending)
            for language in frame.languages
        ),
    )


def _info(
    frame: Frame,
    facts: Facts,
    language: str,
    speak: Speaker,
    now_ms: int,
    zone: ZoneInfo,
    ending: Phrase | None,
) -> Info:
    event = event_of(facts.rule)
    said = words.sentences(facts) if ending is None else [ending]
    steps = [speak(words.instruction(facts.rule)), *facts.advice]
    withdrawn = ending in (words.WITHDRAWN, words.FALSE_ALARM, words.ONLY_TEST, words.ONLY_EXERCISE)
    return Info(
        language=language,
        event=speak(words.event(facts.rule)),
        categories=event.categories,
        response_types=event.responses if ending is None else ("AllClear",),
        urgency=facts.urgency if ending is None else "Past",
        severity=facts.severity,
        certainty="Unlikely" if withdrawn else facts.certainty,
        event_codes=(Pair(name="esplanade:rule", value=facts.rule), *frame.event_codes.get(facts.rule, ())),
        effective=cap_time(now_ms, zone),
        onset=cap_time(_onset_ms(facts, now_ms), zone),
        expires=cap_time(now_ms + frame.expires_minutes * MINUTE_MS, zone),
        sender_name=frame.sender_name,
        headline=shortened(clean(speak(words.headline(facts, frame.status))), HEADLINE_MAX),
        description=" ".join(speak(one) for one in said),
        instruction=speak(words.NOTHING_MORE) if ending is not None else "\n".join(steps),
        web=frame.web,
        contact=frame.contact,
        parameters=tuple(_parameters(facts, zone, ended=ending is not None)),
        areas=facts.areas,
    )


def _onset_ms(facts: Facts, now_ms: int) -> int:
    """When it began; for a forecast, when it is expected to begin."""
    if event_of(facts.rule).forecast and facts.condition == "active":
        ahead = facts.number(Why.TIME_TO_CRITICAL)
        if ahead is not None:
            return facts.measured_ms + round(min(max(ahead.value, 0.0), 1440.0) * MINUTE_MS)
    return facts.opened_ms


def _parameters(facts: Facts, zone: ZoneInfo, *, ended: bool) -> list[Pair]:
    """The numbers for machines, in a layer of our own (docs/cap.md lists it)."""
    found = {
        "alert": facts.alert,
        "condition": "ended" if ended else facts.condition,
        "handling": facts.handled,
        "measured_at": cap_time(facts.measured_ms, zone),
    }
    for one in facts.numbers:
        value, limit = NUMBERS[one.why]
        found[value] = f"{one.value:.10g}"
        if limit and one.limit is not None:
            found[limit] = f"{one.limit:.10g}"
    if facts.hot_spot is not None:
        found["hot_spot"] = point(facts.hot_spot)
    return [Pair(name=LAYER + name, value=value) for name, value in found.items()]


def shortened(text: str, most: int) -> str:
    """At most so many characters, cut at a word where there is one."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    return (cut[: cut.rfind(" ")] if " " in cut[most // 2 :] else cut).rstrip(" ,:;") + "…"
