"""`python -m hub.words`: keeps the catalogues. For towns: `check FOLDER` says what of their own words is not used."""

from __future__ import annotations

import argparse
import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from hub.words.catalogue import LANGUAGES, SOURCE, as_catalogue, check_folder, key_of, problems_of, texts_of
from hub.words.page import plural_classes
from hub.words.sources import PROJECT, messages, without_percent_flags

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "po"
TEMPLATE = "esplanade.pot"
WIDTH = 110

HEAD = """\
{name} words of Esplanade.
Written by the project; they await review by native speakers of the pilot towns.
To mend a word: docs/languages.md.
Licence: Apache-2.0, as the rest of Esplanade."""
TEMPLATE_HEAD = """\
Every message of Esplanade in English, made by `python -m hub.words extract`; do not edit by hand.
Licence: Apache-2.0, as the rest of Esplanade."""


def codes() -> list[str]:
    return [code for code in LANGUAGES if code != SOURCE]


def extracted(root: Path, folder: Path) -> bytes:
    """The template as it should be: the file that there is, where it holds the same messages."""
    found = messages(root)
    found.header_comment = "\n".join(f"# {line}" for line in TEMPLATE_HEAD.splitlines())
    path = folder / TEMPLATE
    if path.is_file():
        there = _read(path)
        if _said(there) == _said(found):
            return path.read_bytes()
    found.creation_date = datetime.now(UTC).replace(second=0, microsecond=0)
    return _written(found)


def update(folder: Path) -> list[str]:
    """Brings every catalogue to the template: new messages come in empty, old ones go. Returns what was done."""
    template = _read(folder / TEMPLATE)
    done = []
    for code in codes():
        path = folder / f"{code}.po"
        old = _read(path, code) if path.is_file() else Catalog(locale=code)
        new = Catalog(
            locale=code,
            project=PROJECT,
            charset="utf-8",
            fuzzy=False,
            creation_date=template.creation_date,
            revision_date=old.revision_date or template.creation_date,
            last_translator="Esplanade maintainers",
            language_team="awaits review by native speakers",
        )
        new.header_comment = "\n".join(f"# {line}" for line in HEAD.format(name=LANGUAGES[code]).splitlines())
        empty = 0
        for message in template:
            if not message.id:
                continue
            was = old.get(_first(message), message.context)
            same = was is not None and was.pluralizable == message.pluralizable and any(texts_of(was))
            string = (
                was.string
                if was is not None and same
                else ("",) * new.num_plurals
                if message.pluralizable
                else ""
            )
            empty += not same
            new.add(
                message.id,
                string,
                locations=message.locations,
                context=message.context,
                user_comments=[] if was is None else was.user_comments,
            )
        without_percent_flags(new)
        path.write_bytes(_written(new))
        done.append(f"{path.name}: {len(new)} messages, {empty} to translate")
    return done


def check(root: Path, folder: Path) -> list[str]:
    """What is wrong with the catalogues; empty when all is well."""
    found = []
    template = _read(folder / TEMPLATE)
    if _said(messages(root)) != _said(template):
        found.append(f"{TEMPLATE}: not what the sources say; run `python -m hub.words extract` and `update`")
    for code in codes():
        path = folder / f"{code}.po"
        catalog = _read(path, code)
        have = {key_of(one): one for one in catalog if one.id}
        for message in template:
            if not message.id:
                continue
            mine = have.pop(key_of(message), None)
            where = f'{path.name}: "{_first(message)}"'
            if mine is None or not any(texts_of(mine)):
                found.append(f"{where} is not translated")
            elif mine.fuzzy:
                found.append(f"{where} is fuzzy")
            else:
                found += [f"{where}: {problem}" for problem in problems_of(mine, catalog.num_plurals)]
        found += [f'{path.name}: "{key[1]}" is said nowhere; run `update`' for key in have]
        try:
            plural_classes(as_catalogue(code, catalog))
        except ValueError as error:
            found.append(str(error))
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m hub.words", description=__doc__)
    parser.add_argument(
        "do",
        choices=("extract", "update", "check"),
        help="extract: esplanade.pot from the sources; update: the catalogues from it; check: both, or FOLDER",
    )
    parser.add_argument("folder", nargs="?", type=Path, help="with check: a town's own words_folder")
    asked = parser.parse_args(arguments)
    if asked.do == "extract":
        (FOLDER / TEMPLATE).write_bytes(extracted(ROOT, FOLDER))
        print(f"{FOLDER / TEMPLATE}: {len(_read(FOLDER / TEMPLATE))} messages")
        return 0
    if asked.do == "update":
        print("\n".join(update(FOLDER)))
        return 0
    if asked.folder is not None:
        used, warnings = check_folder(asked.folder)
        print(
            "\n".join(
                [*warnings, *(f"{code}: {len(words)} words of your own" for code, words in used.items())]
            )
        )
        return 1 if warnings else 0
    problems = check(ROOT, FOLDER)
    print("\n".join(problems) or "the catalogues are complete")
    return 1 if problems else 0


def _read(path: Path, code: str | None = None) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=code, abort_invalid=True)


def _written(catalog: Catalog) -> bytes:
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=WIDTH, include_lineno=False, sort_by_file=True)
    return buffer.getvalue()


def _said(catalog: Catalog) -> set[tuple[str | None, str, str | None, tuple[str, ...]]]:
    """Each message with its plural and where it is said."""
    return {
        (
            message.context or None,
            _first(message),
            message.id[1] if isinstance(message.id, tuple | list) else None,
            tuple(sorted({name for name, _ in message.locations})),
        )
        for message in catalog
        if message.id
    }


def _first(message: Message) -> str:
    return message.id[0] if isinstance(message.id, tuple | list) else message.id


if __name__ == "__main__":
    sys.exit(main())
