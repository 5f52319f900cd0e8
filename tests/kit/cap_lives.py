"""Random lives of alerts, as hypothesis makes them: any text, any numbers, any order of what happens."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import strategies as st

from contract.instants import from_ms
from contract.messages import Alert, Reason
from hub.assessment import Assessment
from hub.cap import words
from hub.cap.events import EVENTS
from hub.cap.facts import facts_of
from hub.cap.life import Change, Made, ended, ending_of, followed, released
from hub.cap.message import Pair
from hub.cap.settings import CapPart, check_settings, frame
from hub.cap.words import Tongue
from hub.reasons import Why
from hub.site import Site
from tests import plaza

_PLAZA = plaza.site()
# Stands wherever a name, a camera or a typed word may stand in an alert; in no message.
PRIVATE = "Xq7PersonX"

_TEXT = st.text(max_size=60) | st.sampled_from(
    ["<&>]]>", 'a "b" c', "\x00\x0b\ud800\uffff", "ș ț ă  é", "  ", "x" * 300]
)
_NAME = _TEXT.map(lambda text: text or "square")
_FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-(10**6), 10**6).map(float)
_NUMBER = st.none() | st.floats() | st.floats(0, 20)
_AT = (
    st.none()
    | st.tuples(st.floats(-20_000, 20_000), st.floats(-20_000, 20_000))
    | st.just((float("nan"), 1.0))
)


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """The plaza, anywhere on earth (on the date line too), in any time zone, under any names."""
    site = _PLAZA
    zones = tuple(msgspec.structs.replace(zone, name=draw(_NAME)) for zone in site.zones)
    return msgspec.structs.replace(
        site,
        name=draw(_NAME),
        zones=zones,
        origin=msgspec.structs.replace(
            site.origin,
            latitude=draw(st.floats(-84, 84)),
            longitude=draw(st.floats(-180, 180) | st.sampled_from([-180.0, 179.9999, 180.0])),
        ),
        time_zone=draw(
            st.sampled_from(
                [
                    "Europe/Bucharest",
                    "UTC",
                    "Europe/Lisbon",
                    "Asia/Kathmandu",
                    "America/St_Johns",
                    "Pacific/Kiritimati",
                ]
            )
        ),
    )


@st.composite
def parts(draw: st.DrawFn, site: Site) -> CapPart:
    """Any settings that are accepted."""
    pairs = st.tuples(
        st.builds(
            Pair,
            name=_TEXT.map(lambda text: text[:20] + "n"),
            value=_TEXT.map(lambda t: t[:20]),
        )
    )
    part = CapPart(
        sender=draw(st.sampled_from(["hub.town.example", "urn:x:1", "a@b.example"])),
        sender_name=draw(_NAME.map(lambda text: (text + "n")[:400])),
        status=draw(st.sampled_from(["Actual", "Exercise", "Test"])),
        scope=draw(st.sampled_from(["Public", "Restricted", "Private"])),
        addresses=draw(
            st.lists(
                st.sampled_from(["police", "fire brigade", "ops@town.example", "a\tb"]),
                min_size=1,
                max_size=3,
            )
        ),
        restriction="for those on duty",
        languages=draw(
            st.lists(
                st.sampled_from(["en", "ro-RO", "nl", "es", "el", "lt"]), min_size=1, max_size=6, unique=True
            )
        ),
        contact=draw(st.none() | st.just("Control room, tel. 112")),
        web=draw(st.none() | st.just("https://town.example/square?a=b&c=d")),
        geocodes=draw(st.dictionaries(st.sampled_from([*site.zone_ids, "*"]), pairs, max_size=2)),
        event_codes=draw(st.dictionaries(st.sampled_from(sorted(EVENTS)), pairs, max_size=2)),
        expires_minutes=draw(st.integers(10, 1440)),
        exercise=draw(st.none() | st.just("Night of lights")),
    )
    part = msgspec.convert(msgspec.to_builtins(part), CapPart)
    check_settings(part, site)
    return part


@st.composite
def _reasons(draw: st.DrawFn) -> tuple[Reason, ...]:
    whys = draw(st.lists(st.sampled_from(list(Why)), max_size=5))
    return tuple(
        Reason(
            reason=why.value,
            text=PRIVATE,
            value=draw(_NUMBER),
            threshold=draw(_NUMBER),
            unit=draw(st.sampled_from(["/m2", None])),
            sources=(PRIVATE,),
        )
        for why in whys
    )


@st.composite
def alerts(draw: st.DrawFn, site: Site, opened_ms: int) -> Alert:
    area = [one.id for one in site.areas]
    zone = draw(st.sampled_from([*site.zone_ids, None, "gone"]))
    return Alert(
        schema=1,
        site=site.site,
        alert="0123456789abcdef0123",
        rule=draw(st.sampled_from(sorted(EVENTS))),
        title=PRIVATE,
        subject=draw(st.sampled_from([*area, *site.zone_ids, "gone"])),
        zone=zone,
        severity=draw(st.sampled_from(["low", "medium", "high"])),
        condition=draw(st.sampled_from(["active", "active", "returned", "unknown"])),
        handling=draw(st.sampled_from(["unacknowledged", "acknowledged", "shelved", "out_of_service"])),
        latched=draw(st.booleans()),
        opened_at=from_ms(opened_ms),
        changed_at=from_ms(opened_ms + draw(st.integers(0, 10**7))),
        cleared_at=None,
        closed_at=None,
        acknowledged_by=PRIVATE,
        acknowledged_at=from_ms(opened_ms),
        shelved_until=None,
        escalation=draw(st.integers(0, 3)),
        position_m=draw(_AT),
        cameras=(PRIVATE,),
        vms_url=f"https://vms.example/{PRIVATE}",
        reasons=draw(_reasons()),
        advice=(PRIVATE,),
        certainty=PRIVATE,
        disposition=draw(
            st.sampled_from([None, f"false: {PRIVATE}", f"true: {PRIVATE}", "test", "exercise"])
        ),
    )


@dataclass(frozen=True)
class RandomLife:
    """Every message that was made, in order."""

    made: tuple[Made, ...]

    @property
    def changes(self) -> list[Change]:
        return [one.change for one in self.made]


_CHANCE = itertools.count()


@st.composite
def lives(draw: st.DrawFn, assessment: Assessment | None = None, tongue: Tongue | None = None) -> RandomLife:
    """A release, then anything, then sometimes an end."""
    site = draw(sites())
    tongue = tongue or words.tongue(site.time_zone)
    part = draw(parts(site))
    frames = frame(part, site, recorded=draw(st.booleans()), open_mode=draw(st.booleans()))
    now_ms = draw(st.integers(0, 4_000_000_000_000))
    opened_ms = max(0, now_ms - draw(st.integers(0, 10**8)))

    def chance() -> str:
        return f"{next(_CHANCE):032x}"

    def facts() -> Any:
        return facts_of(
            draw(alerts(site, opened_ms)),
            site=site,
            assessment=assessment,
            now_ms=now_ms,
            geocodes=part.geocodes,
        )

    made = [released(frames, facts(), now_ms=now_ms, chance=chance(), tongue=tongue)]
    for _ in range(draw(st.integers(0, 8))):
        now_ms = max(0, now_ms + draw(st.integers(-3_600_000, 10_800_000)))
        found = followed(made[-1].life, facts(), now_ms=now_ms, chance=chance(), tongue=tongue)
        if found is not None:
            made.append(found)
    if draw(st.booleans()):
        alert = draw(alerts(site, opened_ms))
        ending, change = draw(
            st.sampled_from([(ending_of(alert), Change.ENDED), (words.WITHDRAWN, Change.WITHDRAWN)])
        )
        made.append(ended(made[-1].life, ending, change, now_ms=now_ms, chance=chance(), tongue=tongue))
    return RandomLife(tuple(made))
