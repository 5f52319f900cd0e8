"""What a text says, apart from the language it is said in: an English message, and its values by name.

A message is plain English with named values: `"{people:.0f} people in {place}"`. The part after the colon says how a
number is written, and every language writes it its own way (1,240 or 1.240):

| written | is |
|---|---|
| `{n}` | a text as it stands (a name), a whole number, another Phrase, or several of them |
| `{n:.1f}`, `{n:g}`, `{n:+d}` | a number with one decimal, with as many as help, with its sign |
| `{n:.0%}` | a share as a percentage |
| `{n:moment}` | an instant (ISO 8601, UTC), shown on the site's clock |

Several texts are joined by commas, several phrases by semicolons. Values are kept rounded to what the message shows, so
that every language shows the same number. Pure: no catalogue is read here (that is hub.words).
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from string import Formatter
from typing import Annotated

from msgspec import Meta, Struct

JOINS_TEXTS, JOINS_PHRASES = ", ", "; "
UNKNOWN = "–"  # what stands for a number that is none
SPECS = re.compile(r"^(\+?d|\.[0-6]f|\.[0-6]%|g|\+?\.[0-6]f|moment|)$")


class Phrase(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`id`: the English message, by which catalogues find it. `values`: what goes into it, numbers as numbers.

    `plural` and `count`: the English plural, and the number that decides which form a language takes. `context` tells
    apart messages that are one word in English and several in other languages.
    """

    id: Annotated[str, Meta(max_length=1000)]
    values: dict[str, int | float | str | Phrase | tuple[str | Phrase, ...]] = {}
    plural: Annotated[str, Meta(max_length=1000)] | None = None
    count: int | None = None
    context: Annotated[str, Meta(max_length=60)] | None = None

    def __str__(self) -> str:
        return english(self)


Said = int | float | str | Phrase | tuple[str | Phrase, ...]


def say(message: str, /, **values: Said) -> Phrase:
    """Marks an English message for translation. The message is a literal: the extractor reads it from the source."""
    return Phrase(id=message, values=_kept(message, values))


def say_many(one: str, many: str, /, count: int, **values: Said) -> Phrase:
    """A message in two English forms, for one and for other numbers. `{count}` stands for the number."""
    return Phrase(id=one, plural=many, count=count, values=_kept(many, {**values, "count": count}))


def say_as(context: str, message: str, /, **values: Said) -> Phrase:
    """A message that is told apart by where it stands: `say_as("severity", "high")`."""
    return Phrase(id=message, context=context, values=_kept(message, values))


def english(phrase: Phrase) -> str:
    """The English text, numbers plain, instants as they are."""
    one = phrase.plural is None or phrase.count == 1
    message = phrase.id if one else phrase.plural or phrase.id
    values = phrase.values
    if not any(type(value) is tuple for value in values.values()):
        try:
            return message.format_map(values)
        except (KeyError, ValueError):
            pass  # a value that is missing, no number, or an instant: slowly, and as well as it goes
    return "".join(
        text if name is None else text + _plain(values.get(name, "{" + name + "}"), spec)
        for text, name, spec in parts(message)
    )


@lru_cache(maxsize=4096)
def parts(message: str) -> tuple[tuple[str, str | None, str], ...]:
    """(text before, name or None, how it is written) along the message. Raises ValueError for unbalanced braces."""
    return tuple((text, name, spec or "") for text, name, spec, _ in Formatter().parse(message))


def names(message: str) -> dict[str, str]:
    """How each value of a message is written, by its name. Raises ValueError for unbalanced braces."""
    return {name: spec for _, name, spec in parts(message) if name is not None}


def _kept(message: str, values: dict[str, Said]) -> dict[str, Said]:
    for name, spec, digits in _numbers(message):
        value = values.get(name)
        if isinstance(value, int | float):
            values[name] = _rounded(value, spec, digits)
    return values


@lru_cache(maxsize=4096)
def _numbers(message: str) -> tuple[tuple[str, str, int], ...]:
    """(name, how it is written, digits it is kept with) of each value that a message writes as a number."""
    found = [(name, spec) for name, spec in names(message).items() if spec not in ("", "moment")]
    return tuple(
        (name, spec, int((re.findall(r"\.(\d)", spec) or ["0"])[0]) + 2 * spec.endswith("%"))
        for name, spec in found
    )


def _rounded(value: float, spec: str, digits: int) -> int | float | str:
    if not math.isfinite(value):
        return UNKNOWN
    rounded = float(f"{value:g}") if spec == "g" else round(value, digits)
    return int(rounded) if rounded == int(rounded) else rounded


def _plain(value: Said, spec: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Phrase):
        return english(value)
    if isinstance(value, tuple):
        phrases = any(isinstance(one, Phrase) for one in value)
        return (JOINS_PHRASES if phrases else JOINS_TEXTS).join(_plain(one, "") for one in value)
    return format(value, spec)
