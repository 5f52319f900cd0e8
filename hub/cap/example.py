"""An invented life as three documents: Alert, Update, Cancel. For partners who build a reader, and for tests."""

from __future__ import annotations

from contract.instants import from_ms, to_ms
from contract.messages import Alert, Reason
from contract.phrase import english
from contract.site_file import Camera, Origin, PictureSize, PointPair, Surface
from hub.cap import words
from hub.cap.facts import Facts, facts_of
from hub.cap.life import Change, ended, followed, released
from hub.cap.message import Pair
from hub.cap.settings import CapPart, check_settings, frame
from hub.cap.words import Tongue
from hub.cap.write import written
from hub.reasons import Why
from hub.site import Site, Zone

_OPENED_MS = to_ms("2026-06-20T18:00:00.000Z")
_MINUTE_MS = 60_000


def _site() -> Site:
    corners = ((0, 400), (400, 400), (400, 0), (0, 0))
    pairs = tuple(PointPair(pixel=(float(x), float(y)), site=(x / 10, 40 - y / 10)) for x, y in corners)
    camera = Camera(
        id="west",
        agent="box-1",
        name="West",
        position_m=(0.0, 0.0),
        height_m=8.0,
        picture=PictureSize(width=400, height=400),
        surfaces=(Surface(id="ground", polygon=tuple(pair.pixel for pair in pairs), points=pairs),),
    )
    square = Zone(
        id="market", name="Market square", polygon=((0.0, 0.0), (60.0, 0.0), (60.0, 40.0), (0.0, 40.0))
    )
    return Site(
        site="example",
        name="Example town (invented)",
        origin=Origin(latitude=44.4268, longitude=26.1025),
        time_zone="Europe/Bucharest",
        cameras=(camera,),
        zones=(square,),
    )


def _facts(site: Site, rule: str, density: float, limit: float, at_ms: int, taken_up: bool) -> Facts:
    reason = Reason(reason=Why.DENSITY_PATCH.value, text="", value=density, threshold=limit, unit="/m2")
    alert = Alert(
        schema=1,
        site=site.site,
        alert="3f2a9c0b7d5e4f6a8b1c",
        rule=rule,
        title="",
        subject="market",
        zone="market",
        severity="high",
        condition="active",
        handling="acknowledged" if taken_up else "unacknowledged",
        latched=False,
        opened_at=from_ms(_OPENED_MS),
        changed_at=from_ms(at_ms),
        cleared_at=None,
        closed_at=None,
        acknowledged_by=None,
        acknowledged_at=None,
        shelved_until=None,
        escalation=0,
        position_m=(21.0, 17.0),
        cameras=(),
        vms_url=None,
        reasons=(reason,),
        advice=(),
        certainty="",
    )
    return facts_of(alert, site=site, assessment=None, now_ms=at_ms, geocodes={})


def example(tongue: Tongue = lambda _language: english) -> tuple[bytes, bytes, bytes]:
    """The documents, the same bytes each time; their `chance` is zeros, as no real message has it."""
    site = _site()
    part = CapPart(
        sender="esplanade.example-town.invalid",
        sender_name="Example town, control room (invented)",
        addresses=("police.example-town.invalid", "fire brigade"),
        languages=("en",),
        contact="Control room, by the usual line",
        web="https://example-town.invalid/esplanade",
        event_codes={"density.critical": (Pair(name="EXAMPLE", value="CROWD-3"),)},
    )
    check_settings(part, site)
    begun = frame(part, site, recorded=False, open_mode=False)
    chance = "0" * 32
    at_ms = _OPENED_MS + 2 * _MINUTE_MS
    first = released(
        begun,
        _facts(site, "density.critical", 4.9, 4.7, at_ms, False),
        now_ms=at_ms,
        chance=chance,
        tongue=tongue,
    )
    at_ms += _MINUTE_MS
    worse = _facts(site, "density.extreme", 6.2, 6.0, at_ms, True)
    second = followed(first.life, worse, now_ms=at_ms, chance=chance, tongue=tongue)
    assert second is not None
    at_ms += 30 * _MINUTE_MS
    last = ended(second.life, words.OVER, Change.ENDED, now_ms=at_ms, chance=chance, tongue=tongue)
    return written(first.message), written(second.message), written(last.message)
