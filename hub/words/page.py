"""A language as the page needs it: JSON with the messages, and which plural form stands for which class of numbers."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property

import msgspec
from babel import Locale
from msgspec import Struct

from hub.words.catalogue import LANGUAGES, SOURCE, Catalogue, Words

CONTEXT_END = "\x04"  # as in compiled gettext catalogues
_SAMPLES = (*range(1002), 1_000_000, 2_000_000)


class PageLanguage(Struct, frozen=True, kw_only=True):
    code: str
    name: str


class PageWords(Struct, frozen=True, kw_only=True):
    """`locale`: for Intl. `plurals`: index of the form by the class that Intl.PluralRules gives (one, few, other).

    `messages`: by the English message, with its context before it and U+0004 between where it has one.
    """

    language: str
    locale: str
    languages: tuple[PageLanguage, ...]
    plurals: dict[str, int]
    messages: dict[str, str | tuple[str, ...]]


def plural_classes(catalogue: Catalogue) -> dict[str, int]:
    """Index of the catalogue's form for each of CLDR's plural classes of whole numbers; `other` is always there.

    Raises ValueError where the catalogue's rule and CLDR's part the numbers differently.
    """
    locale = Locale.parse(catalogue.code)
    found: dict[str, int] = {}
    for n in _SAMPLES:
        name, index = locale.plural_form(n), catalogue.plural(n)
        if found.setdefault(name, index) != index:
            raise ValueError(
                f"{catalogue.code}.po: its Plural-Forms give {n} another form than other numbers of class {name}"
            )
    return {"other": catalogue.forms - 1, **found}


@dataclass(frozen=True)
class Served:
    """What goes to the browser, and its hash."""

    body: bytes

    @cached_property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:20]}"'

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.body, 9, mtime=0)


def page_words(words: Words, code: str) -> Served:
    """Raises UnknownLanguage."""
    catalogue = words.catalogue(code)
    return Served(
        msgspec.json.encode(
            PageWords(
                language=code,
                locale="en-GB" if code == SOURCE else code,
                languages=tuple(PageLanguage(code=one, name=name) for one, name in LANGUAGES.items()),
                plurals=plural_classes(catalogue),
                messages={
                    id if context is None else f"{context}{CONTEXT_END}{id}": texts
                    if len(texts) > 1
                    else texts[0]
                    for (context, id), texts in sorted(
                        catalogue.messages.items(), key=lambda one: str(one[0])
                    )
                },
            )
        )
    )


def best(accepted: str, default: str) -> str:
    """The language of an Accept-Language header that we have; else the default."""
    wishes: list[tuple[float, int, str]] = []
    for i, part in enumerate(accepted.split(",")[:20]):
        code, _, parameters = part.partition(";")
        try:
            weight = float(parameters.partition("=")[2]) if parameters.strip().startswith("q=") else 1.0
        except ValueError:
            continue
        wishes.append((-weight, i, code.strip().lower().partition("-")[0]))
    for weight, _, code in sorted(wishes):
        if code in LANGUAGES and weight < 0:
            return code
    return default
