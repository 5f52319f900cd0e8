"""The `cap` part of the hub's configuration, and the frame that every message of one life keeps.

The frame is settled when an alert is released: a setting that changes later changes no message of a life that has
begun, so a Test never turns into an Actual on the way.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from hub.cap.events import EVENTS
from hub.cap.message import Pair, Scope, Status
from hub.cap.write import clean
from hub.site import Site
from hub.words import LANGUAGES

EXPIRES_MIN, EXPIRES_MAX = 10, 24 * 60
_NAME = re.compile(r"[^\s,<&]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")

Text = Annotated[str, Meta(min_length=1, max_length=400)]


class CapError(ValueError):
    """A `cap` setting that cannot be used; the message says which, and what to do."""


class CapPart(Struct, kw_only=True, forbid_unknown_fields=True):
    """`sender`: unique in the world, best a domain name of the town's. `geocodes`: by zone id, "*" for all.

    `status` and `scope` begin as Test and Private: nothing real leaves before somebody has decided so here, and then
    only what a person releases. `addresses`: who receives it, needed with Private; `restriction`: the rule by which it
    may be passed on, needed with Restricted. `contact`: a function and how to reach it, never a person.
    `exercise`: the name of an exercise; while it stands, every message is Exercise.
    """

    sender: Text
    sender_name: Text
    status: Literal["Actual", "Exercise", "Test"] = "Test"
    scope: Scope = "Private"
    addresses: tuple[Text, ...] = ()
    restriction: Text | None = None
    languages: Annotated[tuple[str, ...], Meta(min_length=1, max_length=8)] = ("en",)
    contact: Text | None = None
    web: Text | None = None
    base_url: Text | None = None
    geocodes: dict[str, tuple[Pair, ...]] = {}
    event_codes: dict[str, tuple[Pair, ...]] = {}
    expires_minutes: Annotated[int, Meta(ge=EXPIRES_MIN, le=EXPIRES_MAX)] = 60
    exercise: Text | None = None


class Frame(Struct, frozen=True, kw_only=True):
    """What every message of one life has in common."""

    sender: str
    sender_name: str
    status: Status
    scope: Scope
    time_zone: str
    site: str
    addresses: tuple[str, ...] = ()
    restriction: str | None = None
    languages: tuple[str, ...] = ("en",)
    contact: str | None = None
    web: str | None = None
    geocodes: dict[str, tuple[Pair, ...]] = {}
    event_codes: dict[str, tuple[Pair, ...]] = {}
    expires_minutes: int = 60
    note: str | None = None


_EXERCISE_NOTE: Final = "Exercise: {name}"
_REPLAY: Final = "recorded or rendered footage, not the present"


def check_settings(part: CapPart, site: Site) -> None:
    """What the types cannot say. Raises CapError."""
    if _NAME.fullmatch(part.sender) is None:
        raise CapError(
            f"cap.sender {part.sender!r}: no spaces, commas, < or &; write a domain name of the town's"
        )
    if part.scope == "Private" and not part.addresses:
        raise CapError("cap.addresses is missing: with scope Private, list who receives the messages")
    if part.scope == "Restricted" and not part.restriction:
        raise CapError("cap.restriction is missing: with scope Restricted, say to whom it may be passed on")
    for address in part.addresses:
        if '"' in address or not clean(address):
            raise CapError(f"cap.addresses {address!r}: an address has no double quotes and is not empty")
    for language in part.languages:
        if _LANGUAGE.fullmatch(language) is None:
            raise CapError(f"cap.languages {language!r}: write a tag such as ro or ro-RO")
        if language.partition("-")[0] not in LANGUAGES:
            raise CapError(f"cap.languages {language!r}: the hub speaks {', '.join(LANGUAGES)}")
    if len(set(part.languages)) != len(part.languages):
        raise CapError("cap.languages: one stands twice")
    for key, value in (("web", part.web), ("base_url", part.base_url)):
        if value is not None and re.fullmatch(r'https?://[^\s<>"{}|\\^`/]+[^\s<>"{}|\\^`]*', value) is None:
            raise CapError(f"cap.{key} {value!r}: write a full address that begins with http:// or https://")
    for key, text in (("sender_name", part.sender_name), ("restriction", part.restriction or "-")):
        if not clean(text):
            raise CapError(f"cap.{key} {text!r}: holds nothing to read")
    unknown = set(part.geocodes) - set(site.zone_ids) - {"*"}
    if unknown:
        raise CapError(
            f"cap.geocodes: there is no zone {sorted(unknown)[0]}; the site has {', '.join(site.zone_ids)}, "
            "and * stands for all"
        )
    strange = set(part.event_codes) - set(EVENTS)
    if strange:
        raise CapError(
            f"cap.event_codes: no rule {sorted(strange)[0]} is released; those are {', '.join(EVENTS)}"
        )
    for pairs in (*part.geocodes.values(), *part.event_codes.values()):
        for pair in pairs:
            if not clean(pair.name):
                raise CapError("cap: a geocode or event code has no name")


def frame(part: CapPart, site: Site, *, recorded: bool, open_mode: bool) -> Frame:
    """The frame of a life that begins now.

    `recorded`: the hub judges recorded or rendered footage. `open_mode`: nobody logs in, so nobody can be known to
    have released anything. Both make every message an Exercise, whatever is set.
    """
    exercise = part.exercise
    if exercise is None and (recorded or open_mode):
        exercise = _REPLAY if recorded else "a hub without logins"
    status: Status = "Exercise" if exercise is not None else part.status
    note = None if status != "Exercise" else _EXERCISE_NOTE.format(name=exercise or part.sender_name)
    return Frame(
        sender=part.sender,
        sender_name=part.sender_name,
        status=status,
        scope=part.scope,
        time_zone=site.time_zone,
        site=site.site,
        addresses=part.addresses,
        restriction=part.restriction,
        languages=part.languages,
        contact=part.contact,
        web=part.web,
        geocodes=part.geocodes,
        event_codes=part.event_codes,
        expires_minutes=part.expires_minutes,
        note=note,
    )


def hash_of(one: Frame) -> str:
    """The same for the same frame: what a second person approves beside the alert."""
    return sha256(msgspec.json.encode(one, order="sorted")).hexdigest()
