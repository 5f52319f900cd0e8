"""A document as headings, paragraphs, lists and tables of phrases: said in any language, laid out by one template."""

from __future__ import annotations

from dataclasses import dataclass

from contract.phrase import Phrase

Line = Phrase | str
"""A phrase of ours, or a text of the town's own that is shown as it stands."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: Line
    kind: str = "paragraph"


@dataclass(frozen=True, slots=True)
class Items:
    items: tuple[Line, ...]
    kind: str = "items"


@dataclass(frozen=True, slots=True)
class Table:
    """The first cell of a row heads it."""

    caption: Line
    head: tuple[Line, ...]
    rows: tuple[tuple[Line, ...], ...]
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class Blank:
    """For the town to fill: `text` None is shown as missing, with the key of the file to write it under."""

    label: Line
    text: str | None
    key: str
    kind: str = "blank"


Block = Paragraph | Items | Table | Blank


@dataclass(frozen=True, slots=True)
class Section:
    heading: Line
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    title: Line
    subtitle: Line
    sections: tuple[Section, ...]
    footer: Line

    @property
    def missing(self) -> tuple[str, ...]:
        """Keys that the town has not filled in."""
        return tuple(
            block.key
            for section in self.sections
            for block in section.blocks
            if isinstance(block, Blank) and block.text is None
        )
