"""What the notice and the impact assessment both say of a configuration."""

from __future__ import annotations

from contract.geometry import SiteFrame
from contract.phrase import Phrase, say, say_many
from hub.notices.document import Items, Line, Paragraph, Table
from hub.notices.facts import Facts
from hub.rights import RIGHTS, Right


def kept(facts: Facts) -> Table:
    """How long each thing is kept, and what of it is about people."""
    keep = facts.retention
    rows: tuple[tuple[Phrase, Phrase], ...] = (
        (
            say("Readings: people per cell of the ground, vehicles and crossings, each second"),
            say_many("{count} hour", "{count} hours", keep.readings_hours),
        ),
        (say("Minutes: people per zone, crossings per line"), days(keep.minutes_days)),
        (say("Alerts, with the names of staff who handled them"), days(keep.alerts_days)),
        (say("Messages from devices that were refused"), days(keep.refusals_days)),
        (say("Sessions of staff, after they ended"), days(keep.sessions_days)),
        (say("Audit log: what staff did, with their names"), days(keep.audit_days)),
    )
    return Table(say("How long it is kept"), (say("What"), say("How long")), rows)


def days(count: int | None) -> Phrase:
    if count is None:
        return say("Without end: it is never removed")
    return say_many("{count} day", "{count} days", count)


def rights_table(rights: tuple[Right, ...]) -> Table:
    """From the one table that the hub itself obeys."""
    rows: list[tuple[Line, ...]] = []
    for right in rights:
        grant = RIGHTS[right]
        second: Line = ", ".join(sorted(grant.approved_by)) if grant.two_persons else say("no")
        rows.append((grant.words, ", ".join(sorted(grant.roles)), second))
    return Table(
        say("Who may do what"),
        (say("What"), say("Roles that may"), say("Needs the approval of a second person")),
        tuple(rows),
    )


def cameras_table(facts: Facts) -> Table:
    frame = SiteFrame(facts.site.origin.latitude, facts.site.origin.longitude)
    places = {camera.id: frame.to_lonlat(*camera.position_m) for camera in facts.site.cameras}
    rows = tuple(
        (
            camera.name,
            say(
                "latitude {latitude:.5f}, longitude {longitude:.5f}",
                latitude=places[camera.id][1],
                longitude=places[camera.id][0],
            ),
            say("{height:g} m", height=camera.height_m),
            say_many(
                "{count} part of the picture is masked",
                "{count} parts of the picture are masked",
                len(camera.masks),
            )
            if camera.masks
            else say("No part of the picture is masked"),
            say_many("{count} line", "{count} lines", len(camera.lines)) if camera.lines else say("none"),
        )
        for camera in facts.site.cameras
    )
    return Table(
        say("Cameras"),
        (say("Camera"), say("Where"), say("Height"), say("Masks"), say("Counting lines")),
        rows,
    )


def zones_table(facts: Facts) -> Table:
    return Table(
        say("Places that are measured"),
        (say("Place"), say("What is watched there")),
        tuple(
            (
                zone.name,
                say("How full it is; motor vehicles need a permit")
                if zone.pedestrian
                else say("How full it is"),
            )
            for zone in facts.site.zones
        )
        + tuple((area.name, _area(area.closed_to, area.restricted_stopping)) for area in facts.site.areas),
    )


def _area(closed_to: tuple[str, ...], restricted: bool) -> Phrase:
    said = [
        phrase
        for phrase, holds in (
            (say("Whether somebody enters"), "person" in closed_to),
            (say("Whether a vehicle enters"), "vehicle" in closed_to),
            (say("Whether a vehicle stops for long"), restricted),
        )
        if holds
    ]
    return say("{what}", what=tuple(said)) if said else say("Nothing of its own")


def stays_at_the_edge() -> Items:
    """Held against the messages themselves by tests/unit/test_notices.py."""
    return Items(
        (
            say(
                "Pictures and video: they are looked at in the small computer beside the camera and not sent"
            ),
            say("Faces, number plates, clothing, gait: nothing reads or keeps them"),
            say("Who somebody is, or whether a person seen by one camera is the one seen by another"),
            say("Sound: none is taken"),
        )
    )


def models(facts: Facts) -> Paragraph:
    if not facts.models:
        return Paragraph(say("Which model counts is not known yet: no device has reported to this hub."))
    return Paragraph(say("Models that count, as the devices report them: {models}.", models=facts.models))


def outlets(facts: Facts) -> Phrase:
    if not facts.outlets:
        return say("Alerts do not leave the hub: no channel of notification is set up.")
    kinds = tuple(sorted({one.kind for one in facts.outlets}))
    return say("Alerts are also sent out of the hub, by {kinds}. They hold no picture.", kinds=kinds)


def small_counts(facts: Facts) -> Phrase:
    return say(
        "In exported files, counts are told in steps of {count}, and fewer than {count} are not told.",
        count=facts.small_count,
    )


def video_links(facts: Facts) -> Phrase | None:
    linked = tuple(one.name for one in facts.site.cameras if one.vms_url is not None)
    if not linked:
        return None
    return say(
        "Alerts hold a link into the town's own video system for {cameras}. That system is not part of this one.",
        cameras=linked,
    )
