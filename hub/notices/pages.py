"""The notice and the impact assessment of one hub, made anew each time: what devices report may have changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hub.notices.document import Document
from hub.notices.dpia import dpia
from hub.notices.facts import Facts
from hub.notices.notice import notice
from hub.notices.town import read_town
from hub.notices.write import html
from hub.words import Language


class Kind(StrEnum):
    NOTICE = "notice"
    DPIA = "dpia"


@dataclass(frozen=True, slots=True)
class Notices:
    """`facts` asks anew. Raises FileError where the town's file can not be used."""

    facts: Callable[[], Facts]
    town_file: Path | None
    version: str

    def document(self, kind: Kind) -> Document:
        town, facts = read_town(self.town_file), self.facts()
        return notice(facts, town) if kind is Kind.NOTICE else dpia(facts, town)

    def page(self, kind: Kind, language: str = "en", *, style_address: str | None = None) -> str:
        facts = self.facts()
        said = Language(language, time_zone=facts.site.time_zone)
        return html(self.document(kind), language=said, version=self.version, style_address=style_address)
