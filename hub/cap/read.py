"""XML read with care: no document type, no entities of its own, a bound on size and depth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

BYTES_MAX = 1_000_000  # [E] a message of a hundred references in six languages is under 60 kB
DEPTH_MAX = 64
_SEPARATOR = "\n"  # in no namespace and no name


class NotXml(ValueError):
    """The bytes are no XML document that we read; the message says where and why."""


@dataclass(slots=True)
class Node:
    """An element. `text`: all the character data directly in it."""

    namespace: str
    name: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)  # namespace, line break, name -> value
    text: str = ""
    children: list[Node] = field(default_factory=list)


def parsed(data: bytes) -> Node:
    """The root element. Raises NotXml."""
    if len(data) > BYTES_MAX:
        raise NotXml(f"{len(data)} bytes; at most {BYTES_MAX} are read")
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = lambda name, attributes: reader.start(
        name, attributes, parser.CurrentLineNumber
    )
    parser.EndElementHandler = lambda _name: reader.end()
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise NotXml(f"line {error.lineno}: {expat.ErrorString(error.code)}") from None
    if reader.root is None:
        raise NotXml("there is no element")
    return reader.root


def _refuse_doctype(*_: Any) -> None:
    raise NotXml("a document type is declared; CAP messages have none")


class _Reader:
    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Node] = []

    def start(self, name: str, attributes: dict[str, str], line: int) -> None:
        if len(self._open) >= DEPTH_MAX:
            raise NotXml(f"line {line}: elements lie more than {DEPTH_MAX} deep")
        namespace, _, local = name.rpartition(_SEPARATOR)
        node = Node(namespace, local, line, dict(attributes))
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)

    def end(self) -> None:
        self._open.pop()

    def characters(self, text: str) -> None:
        self._open[-1].text += text
