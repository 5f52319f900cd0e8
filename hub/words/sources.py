"""Which messages the sources mark for translation: `say(...)` in Python and in the page's modules."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract

PYTHON_CALLS: dict[str, Any] = {"say": None, "say_many": (1, 2), "say_as": ((1, "c"), 2)}
FOLDERS = ("contract", "edge", "hub")
NOT_OURS = ("hub/dashboard/vendor/",)
PROJECT = "Esplanade"

_JS_CALL = re.compile(r"(?<![\w.#])(say|sayMany|sayAs)\(\s*(?=[\"'`])")
_JS_LITERAL = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$]|\\.|\$(?!\{))*`")
_JS_COMMENT = re.compile(r"/\*.*?\*/|(?m:^[ \t]*//[^\n]*$)", re.DOTALL)
_JS_ESCAPES = {"n": "\n", "t": "\t", "0": "\0"}


def messages(root: Path) -> Catalog:
    """All marked messages under `root`, each with the files that say it. Raises ValueError for a broken message."""
    catalog = Catalog(project=PROJECT, charset="utf-8", fuzzy=False)
    for path in _sources(root):
        where = [(path.relative_to(root).as_posix(), 0)]
        if path.suffix == ".js":
            for message, context in page_messages(path.read_text(encoding="utf-8")):
                catalog.add(message, context=context, locations=where)
        else:
            for _, said, _, told_apart in extract(
                "python", io.BytesIO(path.read_bytes()), keywords=PYTHON_CALLS
            ):
                catalog.add(said, context=told_apart, locations=where)
    without_percent_flags(catalog)
    return catalog


def without_percent_flags(catalog: Catalog) -> None:
    """Babel takes `95 % de` for a C format; other tools would then refuse a good translation."""
    for message in catalog:
        message.flags.discard("python-format")


def page_messages(text: str) -> Iterator[tuple[str | tuple[str, str], str | None]]:
    """(message, or its two English forms; context) of each call in a module of the page.

    The arguments are literals, which may be joined by a plus. Raises ValueError for a call that lacks one.
    """
    text = _JS_COMMENT.sub("", text)
    for call in _JS_CALL.finditer(text):
        arguments = list(_literals(text, call.end()))
        if len(arguments) < (1 if call[1] == "say" else 2):
            raise ValueError(f"{text[call.start() : call.start() + 80]!r} lacks a literal message")
        if call[1] == "sayMany":
            yield (arguments[0], arguments[1]), None
        elif call[1] == "sayAs":
            yield arguments[1], arguments[0]
        else:
            yield arguments[0], None


def _literals(text: str, at: int) -> Iterator[str]:
    """The string arguments from `at` on, until one is no literal."""
    said = ""
    while (found := _JS_LITERAL.match(text, at)) is not None:
        said += _unescaped(found[0][1:-1])
        at = _past_space(text, found.end())
        after = text[at : at + 1]
        at = _past_space(text, at + 1)
        if after == "+":
            continue
        yield said
        said = ""
        if after != ",":
            return


def _past_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _unescaped(literal: str) -> str:
    def one(found: re.Match[str]) -> str:
        if found[1].startswith("u"):
            return chr(int(found[1][1:].strip("{}"), 16))
        return _JS_ESCAPES.get(found[1], found[1])

    return re.sub(r"\\(u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]+\}|.)", one, literal, flags=re.DOTALL)


def _sources(root: Path) -> list[Path]:
    found = [path for folder in FOLDERS for path in (root / folder).rglob("*.py")]
    found += (root / "hub" / "dashboard").rglob("*.js")
    return sorted(p for p in found if not p.relative_to(root).as_posix().startswith(NOT_OURS))
