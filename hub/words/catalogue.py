"""Catalogues: our own `po/<language>.po`, and a town's own words over them.

A town's file holds only what it says differently. A word that cannot be used (an unknown message, a value that is
missing or misspelt) is left out with a warning, and ours is used in its place.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import IO

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileError, read_po

from contract import phrase as phrases
from contract.phrase import Phrase

# Each language by its code, as its own speakers call it. English is the language of the messages themselves.
LANGUAGES: dict[str, str] = {
    "en": "English",
    "ro": "Română",
    "nl": "Nederlands",
    "es": "Español",
    "el": "Ελληνικά",
    "lt": "Lietuvių",
}
SOURCE = "en"

Key = tuple[str | None, str]


class UnknownLanguage(KeyError):
    """No catalogue of this language; the message names those that there are."""

    def __str__(self) -> str:
        return f"there is no language {self.args[0]}; there are {', '.join(LANGUAGES)}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One language's words. `plural(n)` is the index of the form for n, of `forms` in all."""

    code: str
    forms: int = 2
    plural: Callable[[int], int] = lambda n: int(n != 1)
    messages: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)

    def message(self, phrase: Phrase) -> str | None:
        """The translated message with its {values} still in it; None where there is none."""
        found = self.messages.get((phrase.context, phrase.id))
        if found is None:
            return None
        if phrase.plural is None:
            return found[0]
        return found[min(self.plural(phrase.count or 0), len(found) - 1)]


@lru_cache(maxsize=16)
def ours(code: str) -> Catalogue:
    """The catalogue that comes with the hub. Raises UnknownLanguage."""
    if code not in LANGUAGES:
        raise UnknownLanguage(code)
    if code == SOURCE:
        return Catalogue(code)
    with resources.files("hub.words").joinpath("po", f"{code}.po").open("rb") as file:
        return as_catalogue(code, _read(file))


def as_catalogue(code: str, read: Catalog) -> Catalogue:
    """What is translated in a read file; fuzzy entries are not."""
    found: dict[Key, tuple[str, ...]] = {}
    for message in read:
        texts = texts_of(message)
        if message.id and not message.fuzzy and all(texts):
            found[key_of(message)] = texts
    return Catalogue(code, read.num_plurals, gettext.c2py(read.plural_expr), found)


class Words:
    """The languages of one hub: ours, with the town's own words from `folder` over them."""

    def __init__(self, folder: Path | None = None, *, default: str = SOURCE) -> None:
        """`warnings` says what of the folder is not used, and why. Raises UnknownLanguage for the default."""
        if default not in LANGUAGES:
            raise UnknownLanguage(default)
        self.default = default
        self.warnings: tuple[str, ...] = ()
        self._own: dict[str, dict[Key, tuple[str, ...]]] = {}
        if folder is not None:
            self._own, self.warnings = check_folder(folder)

    def catalogue(self, code: str) -> Catalogue:
        """Raises UnknownLanguage."""
        base = ours(code)
        own = self._own.get(code)
        if not own:
            return base
        return Catalogue(code, base.forms, base.plural, {**base.messages, **own})


def check_folder(folder: Path) -> tuple[dict[str, dict[Key, tuple[str, ...]]], tuple[str, ...]]:
    """(words that can be used, by language; warnings) of a town's folder of .po files."""
    if not folder.is_dir():
        return {}, (f"words_folder {folder}: there is no such folder; our own words are used",)
    used: dict[str, dict[Key, tuple[str, ...]]] = {}
    warnings: list[str] = []
    for path in sorted(folder.glob("*.po")):
        code = path.stem
        if code not in LANGUAGES:
            warnings.append(f"{path}: name it after one of {', '.join(LANGUAGES)} (ro.po); it is not used")
            continue
        try:
            with path.open("rb") as file:
                read = _read(file)
        except (OSError, PoFileError, UnicodeDecodeError, ValueError) as error:
            warnings.append(f"{path}: cannot be read as a .po file ({error}); it is not used")
            continue
        used[code], more = _usable(read, ours(code), str(path))
        warnings += more
    return used, tuple(warnings)


def _usable(read: Catalog, base: Catalogue, path: str) -> tuple[dict[Key, tuple[str, ...]], list[str]]:
    used: dict[Key, tuple[str, ...]] = {}
    warnings = []
    known = template() if base.code == SOURCE else base.messages
    for message in read:
        texts = texts_of(message)
        if not message.id or not any(texts):
            continue
        problem = None
        if message.fuzzy:
            problem = "it is marked fuzzy"
        elif key_of(message) not in known:
            problem = "this version has no such message; take it as it stands in esplanade.pot"
        else:
            problem = next(iter(problems_of(message, base.forms)), None)
        if problem is None:
            used[key_of(message)] = texts
        else:
            warnings.append(f'{path}, line {message.lineno}: "{key_of(message)[1]}": {problem}; ours is used')
    return used, warnings


def problems_of(message: Message, forms: int) -> list[str]:
    """Why a translation cannot be used; empty for one that can."""
    ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
    texts = texts_of(message)
    wanted = phrases.names(ids[-1])
    if len(ids) > 1 and len(texts) != forms:
        return [f"{len(texts)} plural forms where this language has {forms}"]
    found = []
    for text in texts:
        if not text:
            found.append("a form is empty")
            continue
        try:
            said = phrases.names(text)
        except ValueError as error:
            found.append(f"its braces do not match ({error})")
            continue
        may_miss = {"count"} if len(ids) > 1 else set()
        if missing := sorted(set(wanted) - set(said) - may_miss):
            found.append(f"it lacks {', '.join('{' + name + '}' for name in missing)}")
        if strange := sorted(set(said) - set(wanted)):
            found.append(
                f"it names {', '.join('{' + name + '}' for name in strange)}, which the message has not"
            )
        if other := sorted(n for n, spec in said.items() if spec and n in wanted and spec != wanted[n]):
            found.append(f"{', '.join(other)}: write just the name in braces")
    return found


@lru_cache(maxsize=1)
def template() -> dict[Key, tuple[str, ...]]:
    """Every message there is, from esplanade.pot, as its own English."""
    with resources.files("hub.words").joinpath("po", "esplanade.pot").open("rb") as file:
        return {
            key_of(message): tuple(message.id) if isinstance(message.id, tuple | list) else (message.id,)
            for message in _read(file)
            if message.id
        }


def key_of(message: Message) -> Key:
    first = message.id[0] if isinstance(message.id, tuple | list) else message.id
    return message.context or None, first


def texts_of(message: Message) -> tuple[str, ...]:
    texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return tuple(text or "" for text in texts)


def _read(file: IO[bytes]) -> Catalog:
    return read_po(file, abort_invalid=True)
