"""Every sentence of a CAP message, in one place. Other languages than English come from the catalogues."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from contract.phrase import Phrase, say
from hub.cap.facts import Facts, Number
from hub.cap.message import Status
from hub.reasons import Why
from hub.words import Language

Speaker = Callable[[Phrase], str]
Tongue = Callable[[str], Speaker]  # language tag, as the settings have it -> how it says a phrase

_EVENTS: Final[dict[str, Phrase]] = {
    "density.caution": say("Place filling up"),
    "density.warning": say("Crowded place"),
    "density.critical": say("Critically crowded place"),
    "density.extreme": say("Danger of a crush"),
    "time.to.critical": say("Place about to become critically full"),
    "occupancy": say("Place full or nearly full"),
    "area.entered": say("Person in a closed area"),
    "vehicle.unauthorised": say("Vehicle where none may be"),
    "vehicle.in_crowd": say("Vehicle in a crowd"),
    "vehicle.stopped": say("Vehicle standing where none may stand"),
}

# What a partner (police, ambulance, fire service, transport) does with it.
_INSTRUCTIONS: Final[dict[str, Phrase]] = {
    "density.caution": say("Be ready. Keep the ways for emergency vehicles free."),
    "density.warning": say(
        "Send nobody more to this place. Keep the ways out and for emergency vehicles free."
    ),
    "density.critical": say(
        "Keep people from going there. Hold the ways out and for emergency vehicles open, and contact the control room."
    ),
    "density.extreme": say(
        "Danger to life. Stop everybody on the way there, keep all ways out open and send help; move the edge of the "
        "crowd away first, from the outside inwards."
    ),
    "time.to.critical": say("Slow or redirect those who are on their way there, while there is still room."),
    "occupancy": say("Send nobody more to this place until it has emptied."),
    "area.entered": say("Be ready to help the stewards on the spot."),
    "vehicle.unauthorised": say("Be ready. The control room looks and will say whether it may be there."),
    "vehicle.in_crowd": say(
        "Send officers to the place, warn those on the spot and clear people from its way."
    ),
    "vehicle.stopped": say("Be ready to have the vehicle looked at; keep people away from it."),
}

_TEST = say("TEST, to be disregarded. {text}", text="")
_EXERCISE = say("EXERCISE. {text}", text="")
_DRAFT = say("DRAFT, not to be acted upon. {text}", text="")
_SYSTEM = say("SYSTEM message. {text}", text="")
_MARKS: Final[dict[Status, Phrase]] = {
    "Test": _TEST,
    "Exercise": _EXERCISE,
    "Draft": _DRAFT,
    "System": _SYSTEM,
}

_CONDITIONS: Final[dict[str, Phrase]] = {
    "active": say("It goes on now."),
    "returned": say("The measured value has fallen below the limit. The place is still watched."),
    "unknown": say("No camera sees the place now. The numbers are the last known, and it may go on."),
}
_HANDLED: Final[dict[str, Phrase]] = {
    "waiting": say("Nobody in the control room has taken it up yet."),
    "taken_up": say("The control room has taken it up."),
    "maintenance": say(
        "The rule behind this is under maintenance: ask the control room before acting on it."
    ),
}
OVER = say("It is over. Earlier messages about it no longer hold.")
WITHDRAWN = say("The sender withdraws this alert. Earlier messages about it no longer hold.")
FALSE_ALARM = say("It was a false alarm. Earlier messages about it no longer hold.")
ONLY_TEST = say("It was a test. Earlier messages about it no longer hold.")
ONLY_EXERCISE = say("It was an exercise. Earlier messages about it no longer hold.")
NOTHING_MORE = say("Nothing more needs to be done about this alert.")
COUNTED = say("Counted by cameras and judged by fixed rules; a person in the control room released it.")


def tongue(time_zone: str) -> Tongue:
    """Speakers by language tag (`ro-RO` speaks `ro`), with our own catalogues. Raises UnknownLanguage when asked."""
    return lambda tag: _language(tag.partition("-")[0], time_zone).text


@lru_cache(maxsize=32)
def _language(code: str, time_zone: str) -> Language:
    return Language(code, time_zone=time_zone)


def event(rule: str) -> Phrase:
    """Raises KeyError for a rule that is not told outside."""
    return _EVENTS[rule]


def instruction(rule: str) -> Phrase:
    return _INSTRUCTIONS[rule]


def headline(facts: Facts, status: Status) -> Phrase:
    text = say("{event}: {place}", event=event(facts.rule), place=facts.place)
    mark = _MARKS.get(status)
    return text if mark is None else Phrase(id=mark.id, values={"text": text})


def sentences(facts: Facts) -> list[Phrase]:
    """What is the case: numbers with their limits, whether it goes on, and who deals with it."""
    found = [phrase for one in facts.numbers if (phrase := _number(one)) is not None]
    return [*found, _CONDITIONS[facts.condition], _HANDLED[facts.handled], COUNTED]


def _number(one: Number) -> Phrase | None:
    value, limit = one.value, one.limit if one.limit is not None else 0.0
    match Why(one.why):
        case Why.DENSITY_PATCH:
            return say(
                "The fullest 6 x 6 m hold {value:.1f} people per square metre; the limit is {limit:g}.",
                value=value,
                limit=limit,
            )
        case Why.OCCUPANCY_SHARE:
            return say(
                "There are {value:.0%} of the people that are safe there; the limit is {limit:.0%}.",
                value=value / 100,
                limit=limit / 100,
            )
        case Why.TIME_TO_CRITICAL:
            return say(
                "At this inflow it is critically full in about {value:.0f} minutes; the limit is {limit:g} minutes.",
                value=value,
                limit=limit,
            )
        case Why.INFLOW_POSITIVE:
            return say("{value:.0f} more people come each minute than leave.", value=value)
        case Why.AREA_PERSON:
            return say("People in the closed area: {value:.0f}.", value=max(1.0, value))
        case Why.VEHICLE_UNAUTHORISED:
            return say("Motor vehicles without a permit: {value:.0f}.", value=value)
        case Why.VEHICLE_IN_CROWD:
            return say(
                "The crowd around the vehicle holds {value:.1f} people per square metre; the limit is {limit:g}.",
                value=value,
                limit=limit,
            )
        case Why.VEHICLE_STOPPED:
            return say(
                "A vehicle has stood there for {value:.0f} seconds; the limit is {limit:g} seconds.",
                value=value,
                limit=limit,
            )
        case Why.ZONE_PARTLY_SEEN:
            return say(
                "Only {value:.0%} of the place is seen; the numbers count that part alone.", value=value / 100
            )
        case Why.ZONE_HELD:
            return say("Part of the place is out of sight; people last seen there are still counted.")
    return None
