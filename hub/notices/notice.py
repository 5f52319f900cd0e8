"""The public notice: what is measured on a place, for whoever walks there."""

from __future__ import annotations

from contract.phrase import say, say_many
from hub.notices import common
from hub.notices.document import Blank, Block, Document, Paragraph, Section
from hub.notices.facts import Facts
from hub.notices.town import Town
from hub.rights import Right

SEEN_BY = (Right.LOOK, Right.HANDLE, Right.EXPORT, Right.AUDIT)


def notice(facts: Facts, town: Town) -> Document:
    site = facts.site
    measured: list[Block] = [
        Paragraph(
            say_many(
                "{count} camera counts people and vehicles on {site}. It does not recognise anybody.",
                "{count} cameras count people and vehicles on {site}. They do not recognise anybody.",
                len(site.cameras),
                site=site.name,
            )
        ),
        Paragraph(
            say(
                "Each second, a small computer beside the camera works out how many people stand in each square of "
                "{cell:g} by {cell:g} metres of the ground, and where vehicles are and how fast. "
                "Only these numbers are sent.",
                cell=site.cell_m,
            )
        ),
        common.zones_table(facts),
        common.cameras_table(facts),
    ]
    if facts.is_exercise:
        measured.insert(
            0, Paragraph(say("This hub runs on recorded footage, for an exercise or a demonstration."))
        )
    leaves: list[Block] = [Paragraph(common.outlets(facts)), Paragraph(common.small_counts(facts))]
    if (linked := common.video_links(facts)) is not None:
        leaves.append(Paragraph(linked))
    return Document(
        title=say("People and vehicles are counted here"),
        subtitle=site.name,
        sections=(
            Section(
                say("Who is responsible"),
                (
                    Blank(say("Who answers for it"), town.controller, "controller"),
                    Blank(say("Contact"), town.contact, "contact"),
                    Blank(
                        say("Data protection officer"),
                        town.data_protection_officer,
                        "data_protection_officer",
                    ),
                ),
            ),
            Section(
                say("Why"),
                (
                    Blank(say("Purpose"), town.purpose, "purpose"),
                    Blank(say("Legal basis"), town.legal_basis, "legal_basis"),
                ),
            ),
            Section(say("What is measured, and where"), (*measured,)),
            Section(
                say("What never leaves the camera's computer"),
                (common.stays_at_the_edge(), common.models(facts)),
            ),
            Section(say("How long it is kept"), (common.kept(facts),)),
            Section(say("Who may see it"), (common.rights_table(SEEN_BY),)),
            Section(say("What leaves the hub"), (*leaves,)),
            Section(
                say("Your rights"),
                (
                    Paragraph(
                        say(
                            "You can ask who is responsible what is held about you, and object. The numbers hold "
                            "nobody's name, so a person can as a rule not be found in them. You can complain "
                            "to the authority."
                        )
                    ),
                    Blank(say("Supervisory authority"), town.supervisory_authority, "supervisory_authority"),
                ),
            ),
        ),
        footer=say("Written by Esplanade from the configuration of this hub."),
    )
