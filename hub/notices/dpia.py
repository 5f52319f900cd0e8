"""The data-protection impact assessment, in the four parts of GDPR article 35(7).

What follows from the configuration is filled in; necessity, risk and decision are the town's own, and stand as missing
until it has written them.
"""

from __future__ import annotations

from contract.phrase import Phrase, say, say_many
from hub.exports.disclosure import SMALL_COUNT
from hub.notices import common
from hub.notices.document import Blank, Block, Document, Items, Paragraph, Section, Table
from hub.notices.facts import Facts
from hub.notices.town import Town
from hub.rights import Right


def dpia(facts: Facts, town: Town) -> Document:
    return Document(
        title=say("Data-protection impact assessment"),
        subtitle=say("{site}: counting people and vehicles with Esplanade", site=facts.site.name),
        sections=(
            _open(facts, town),
            Section(
                say("1. The processing and its purposes (GDPR article 35(7)(a))"), _described(facts, town)
            ),
            Section(
                say("2. Necessity and proportionality (GDPR article 35(7)(b))"),
                (
                    Blank(say("Why it is necessary"), town.necessity, "necessity"),
                    Blank(say("Why it is proportionate"), town.proportionality, "proportionality"),
                    Blank(say("What else was looked at"), town.alternatives, "alternatives"),
                    Blank(say("Views of those concerned"), town.data_subjects_views, "data_subjects_views"),
                    Paragraph(
                        say(
                            "For this part, from the configuration: numbers in place of pictures, ground cells of "
                            "{cell:g} m, readings for {hours} h.",
                            cell=facts.site.cell_m,
                            hours=facts.retention.readings_hours,
                        )
                    ),
                ),
            ),
            Section(say("3. Risks to rights and freedoms (GDPR article 35(7)(c))"), _risks(town)),
            Section(say("4. Measures against them (GDPR article 35(7)(d))"), _measures(facts)),
            Section(say("Limits under the AI Act"), _ai_act()),
            Section(
                say("Decision"),
                (
                    Blank(
                        say("Advice of the data protection officer"), town.officer_advice, "officer_advice"
                    ),
                    Blank(
                        say("Prior consultation (GDPR article 36): needed or not, and why"),
                        town.prior_consultation,
                        "prior_consultation",
                    ),
                    Blank(say("Decision, by whom, on which day"), town.decision, "decision"),
                    Blank(say("When it is reviewed (GDPR article 35(11))"), town.review, "review"),
                ),
            ),
        ),
        footer=say(
            "Written by Esplanade from the configuration of this hub; what only the town can know is its own."
        ),
    )


def attention(facts: Facts) -> tuple[Phrase, ...]:
    """Settings that depart from the careful default: each needs a reason of the town's."""
    keep, site = facts.retention, facts.site
    never = [
        name
        for name in ("minutes_days", "alerts_days", "refusals_days", "sessions_days", "audit_days")
        if getattr(keep, name) is None
    ]
    unmasked = tuple(one.name for one in site.cameras if not one.masks)
    outside = tuple(f"{one.name} ({one.kind}, {one.to})" for one in facts.outlets)
    found = (
        (say("Kept without end: {names}.", names=tuple(never)), bool(never)),
        (
            say("Readings are kept for {hours} h; the default is 72 h.", hours=keep.readings_hours),
            keep.readings_hours > 72,
        ),
        (
            say("Counts from {count} on are told in exports; the default is {default}.", count=facts.small_count,
                default=SMALL_COUNT),
            facts.small_count < SMALL_COUNT,
        ),
        (
            say("The hub's page asks nobody to log in; it can be opened on the hub's own machine only."),
            not facts.has_login,
        ),
        (
            say("Numbers travel over the network from the broker to the hub without encryption."),
            not facts.broker_is_local and not facts.broker_has_tls,
        ),
        (
            say("The assessment lies in a file in the clear, outside the vault."),
            facts.has_assessment and not facts.assessment_is_encrypted,
        ),
        (say("Alerts leave the hub by: {outlets}.", outlets=outside), bool(outside)),
        (say("No part of the picture is masked for: {cameras}.", cameras=unmasked), bool(unmasked)),
        (say("Alerts link into the video system."), common.video_links(facts) is not None),
        (say("This hub runs on recorded footage, for an exercise or a demonstration."), facts.is_exercise),
    )  # fmt: skip
    return tuple(phrase for phrase, holds in found if holds)


def _open(facts: Facts, town: Town) -> Section:
    points = attention(facts)
    return Section(
        say("What to look at first"),
        (
            Paragraph(
                say_many(
                    "{count} setting of this configuration needs a reason:",
                    "{count} settings of this configuration need a reason:",
                    len(points),
                )
            )
            if points
            else Paragraph(say("No setting of this configuration departs from the careful default.")),
            *((Items(points),) if points else ()),
            Blank(say("Who answers for it (controller)"), town.controller, "controller"),
            Blank(say("Data protection officer"), town.data_protection_officer, "data_protection_officer"),
        ),
    )


def _described(facts: Facts, town: Town) -> tuple[Block, ...]:
    out: Table | Paragraph = Paragraph(common.outlets(facts))
    if facts.outlets:
        out = Table(
            say("Ways by which alerts leave the hub"),
            (say("Channel"), say("Kind"), say("To")),
            tuple((one.name, one.kind, one.to) for one in facts.outlets),
        )
    linked = common.video_links(facts)
    return (
        Blank(say("Purpose"), town.purpose, "purpose"),
        Blank(
            say("Legal basis, and the legitimate interest where it is one"), town.legal_basis, "legal_basis"
        ),
        Blank(say("Processors and their contracts"), town.processors, "processors"),
        Paragraph(
            say(
                "Cameras that the town owns are looked at by a computer beside them. It sends, each second, people per "
                "cell of the ground, vehicles with kind, place and speed under numbers that last no longer than the "
                "day, and crossings of lines. A hub merges them, judges them by rules and shows them to a control room."
            )
        ),
        common.models(facts),
        common.zones_table(facts),
        common.cameras_table(facts),
        Paragraph(say("What never leaves the camera's computer:")),
        common.stays_at_the_edge(),
        common.kept(facts),
        common.rights_table(tuple(Right)),
        out,
        *(() if linked is None else (Paragraph(linked),)),
        Paragraph(
            say(
                "Staff are concerned too: their names stand with what they did, in alerts and in the audit log."
            )
        ),
    )


def _risks(town: Town) -> tuple[Block, ...]:
    """What can go wrong follows from how it works; how likely and how grave it is here, only the town can say."""
    return (
        Paragraph(
            say("Risks that follow from how it works. How likely and how grave each is here is for the town to say.")
        ),
        Blank(
            say("Somebody is singled out by an exact small count at a place and time"),
            town.risk_singling_out,
            "risk_singling_out",
        ),
        Blank(
            say("A vehicle, or a person in an empty place, is followed by its track"),
            town.risk_tracking,
            "risk_tracking",
        ),
        Blank(
            say("Numbers are used for another purpose, such as watching a gathering"),
            town.risk_purpose,
            "risk_purpose",
        ),
        Blank(say("Somebody sees or changes what they should not"), town.risk_access, "risk_access"),
        Blank(say("A wrong count or a wrong alarm leads to measures against people"), town.risk_errors, "risk_errors"),
        Blank(say("People stay away, since they feel watched"), town.risk_chilling, "risk_chilling"),
    )  # fmt: skip


def _measures(facts: Facts) -> tuple[Block, ...]:
    return (
        Items(
            (
                say("Pictures stay beside the camera; no message to the hub can hold one."),
                common.small_counts(facts),
                say("Numbers of vehicle tracks are never exported, and mean nothing after the day."),
                say(
                    "Alerts are exported with roles in place of names; names need a further right, and are logged."
                ),
                say("What is past its time is removed, and the audit log proves what went."),
                say("What staff do is in an audit log whose entries are chained, so that a change shows."),
                say("The page is served with TLS to other machines.")
                if facts.exposure == "network"
                else say(
                    "The page can be reached on the hub's own machine only, or through a proxy of the town's."
                ),
                say("Everybody who looks has logged in, with the rights of their roles.")
                if facts.has_login
                else say("Nobody logs in on this hub."),
                say("The link from the broker is encrypted.")
                if facts.broker_has_tls
                else say("The broker runs on the hub's own machine.")
                if facts.broker_is_local
                else say("The link from the broker is not encrypted."),
                say("What was not seen is shown as unknown, and an operator confirms before anybody acts."),
            )
        ),
        common.rights_table(tuple(right for right in Right if right in _TWO_PERSONS)),
    )


_TWO_PERSONS = frozenset({Right.HIGH_RULE_OFF, Right.CAP_RELEASE})


def _ai_act() -> tuple[Block, ...]:
    return (
        Paragraph(
            say(
                "The EU AI Act, article 5(1)(h), bans real-time remote biometric identification by law enforcement in "
                "public space, with narrow exceptions. Esplanade identifies nobody: it has no face recognition, no "
                "number plates, no biometric category, no emotion, no identity across cameras, and no setting adds one."
            )
        ),
        Paragraph(
            say(
                "Whether the AI Act sets further duties for this use is for the town to have looked at by its lawyers."
            )
        ),
    )
