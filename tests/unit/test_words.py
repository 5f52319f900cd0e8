"""Catalogues that are whole, languages that write numbers and plurals their own way, and a town's own words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import phrase as phrases
from contract.phrase import Phrase, english, say, say_as, say_many
from hub.words import Language, Words
from hub.words.__main__ import FOLDER, check, codes, update
from hub.words.catalogue import UnknownLanguage, ours
from hub.words.page import PageWords, best, page_words, plural_classes
from hub.words.sources import messages, page_messages

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "hub" / "dashboard"


def test_every_catalogue_is_complete_and_the_template_is_what_the_sources_say() -> None:
    assert check(ROOT, FOLDER) == []


def test_the_check_finds_what_is_missing_fuzzy_broken_or_no_longer_said(tmp_path: Path) -> None:
    for path in FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "ro.po"
    text = path.read_text(encoding="utf-8")
    text = text.replace('msgstr "Alerte"', 'msgstr ""')
    text = text.replace('msgid "Zones"', '#, fuzzy\nmsgid "Zones"')
    text = text.replace('msgstr "Operator: {name}"', 'msgstr "Operator: {nume}"')
    text += '\nmsgid "Nobody says this"\nmsgstr "Nimeni"\n'
    path.write_text(text, encoding="utf-8")
    assert check(ROOT, tmp_path) == [
        'ro.po: "Operator: {name}": it lacks {name}',
        'ro.po: "Operator: {name}": it names {nume}, which the message has not',
        'ro.po: "Alerts" is not translated',
        'ro.po: "Zones" is fuzzy',
        'ro.po: "Nobody says this" is said nowhere; run `update`',
    ]


def test_update_keeps_what_is_translated_and_brings_in_what_is_new(tmp_path: Path) -> None:
    for path in FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = [int(line.split()[-3]) for line in update(tmp_path)]
    with (tmp_path / "esplanade.pot").open("a", encoding="utf-8") as file:
        file.write('\n#: hub/new.py\nmsgid "Something new"\nmsgstr ""\n')
    done = update(tmp_path)
    assert [int(line.split()[-3]) for line in done] == [n + 1 for n in before]
    assert len(done) == len(codes())
    assert 'msgstr "Alerte"' in (tmp_path / "ro.po").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", codes())
def test_plural_forms_are_those_of_the_language(code: str) -> None:
    assert plural_classes(ours(code)).keys() >= {"one", "other"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ro", {1: "persoană", 2: "persoane", 19: "persoane", 20: "de persoane", 101: "persoane"}),
        ("lt", {1: "žmogus", 2: "žmonės", 10: "žmonių", 11: "žmonių", 21: "žmogus", 22: "žmonės"}),
        ("nl", {1: "persoon", 0: "personen", 2: "personen"}),
        ("es", {1: "persona", 0: "personas", 1_000_000: "personas"}),
        ("el", {1: "άτομο", 2: "άτομα"}),
        ("en", {1: "person", 0: "people", 2: "people"}),
    ],
)
def test_plurals(code: str, said: dict[int, str]) -> None:
    language = Language(code)
    assert {n: language.text(say_many("person", "people", n)) for n in said} == said


@pytest.mark.parametrize(
    ("code", "thousands", "tens", "decimal", "share"),
    [
        ("en", "1\u202f240", "12\u202f400", "4.5", "34%"),
        ("ro", "1.240", "12.400", "4,5", "34\u00a0%"),
        ("nl", "1.240", "12.400", "4,5", "34%"),
        ("es", "1240", "12.400", "4,5", "34\u00a0%"),
        ("el", "1.240", "12.400", "4,5", "34%"),
        ("lt", "1\u00a0240", "12\u00a0400", "4,5", "34\u00a0%"),
    ],
)
def test_numbers_by_cldr(code: str, thousands: str, tens: str, decimal: str, share: str) -> None:
    language = Language(code)
    assert [language.number(1240), language.number(12_400), language.number(4.5, 1), language.percent(0.34)] == [
        thousands, tens, decimal, share,
    ]  # fmt: skip
    assert language.number(None) == "–"


def test_dates_and_times_stand_on_the_sites_clock_of_24_hours() -> None:
    instant = "2026-06-20T18:14:32.000Z"
    said = {
        code: Language(code, time_zone="Europe/Athens").moment(instant) for code in ("en", "el", "lt", "ro")
    }
    assert said == {
        "en": "Sat 20 Jun 21:14:32",
        "el": "Σάβ 20 Ιουν 21:14:32",
        "lt": "06-20, št 21:14:32",
        "ro": "sâm., 20 iun. 21:14:32",
    }
    english_one = Language("en", time_zone="Europe/Athens")
    assert english_one.moment(instant, now_ms=1_781_979_300_000) == "21:14:32"
    assert english_one.text(say("since {at:moment}", at=instant)) == "since Sat 20 Jun 21:14:32"
    assert [english_one.duration(s) for s in (12, 245, 900, 3900, 183_600)] == [
        "12 s", "4 min 05 s", "15 min", "1 h 05 min", "2 d 3 h",
    ]  # fmt: skip


def test_a_phrase_within_a_phrase_speaks_the_same_language() -> None:
    phrase = say(
        "{place} is a pedestrian zone; no permit for {a_vehicle} is in force (windows: {windows})",
        place="Kade",
        a_vehicle=say_as("one of a kind", "a truck"),
        windows=say_as("windows", "none"),
    )
    assert Language("nl").text(phrase) == (
        "Kade is voetgangersgebied; er geldt geen ontheffing voor een vrachtwagen (venstertijden: geen)"
    )
    assert english(phrase) == "Kade is a pedestrian zone; no permit for a truck is in force (windows: none)"
    assert msgspec.json.decode(msgspec.json.encode(phrase), type=Phrase) == phrase


@given(st.floats(0, 1e6), st.floats(0, 2), st.floats(0.05, 100), st.integers(0, 200))
def test_the_english_of_a_phrase_is_what_an_f_string_says(
    people: float, share: float, offset: float, per_cent: int
) -> None:
    said = say(
        "{p:.0f} people, {d:.1f}, {s:.0%}, {g:g}, {o:+.1f}",
        p=people,
        d=people,
        s=per_cent / 100,
        g=share,
        o=offset,
    )
    assert english(said) == f"{people:.0f} people, {people:.1f}, {per_cent}%, {share:g}, {offset:+.1f}"


def test_a_town_mends_a_word_and_what_it_breaks_is_told_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "ro.po").write_text(
        'msgid "Alerts"\nmsgstr "Alarme"\n\n'
        'msgid "Operator: {name}"\nmsgstr "Operator: {nume}"\n\n'
        'msgid "No such message"\nmsgstr "Nimic"\n\n'
        'msgid "{count} attempt"\nmsgid_plural "{count} attempts"\nmsgstr[0] "o dată"\nmsgstr[1] "de {count} ori"\n',
        encoding="utf-8",
    )
    (tmp_path / "xx.po").write_text("", encoding="utf-8")
    (tmp_path / "nl.po").write_bytes(b"msgid broken")
    words = Words(tmp_path, default="ro")
    romanian = Language("ro", catalogue=words.catalogue("ro"))
    assert romanian.text(say("Alerts")) == "Alarme"
    assert romanian.text(say("Operator: {name}", name="Ana")) == "Operator: Ana"
    assert romanian.text(say_many("{count} attempt", "{count} attempts", 2)) == "2 încercări"
    told = "\n".join(words.warnings)
    assert 'ro.po, line 4: "Operator: {name}": it lacks {name}; ours is used' in told
    assert '"No such message": this version has no such message' in told
    assert "2 plural forms where this language has 3" in told
    assert "xx.po: name it after one of en, ro" in told
    assert "nl.po: cannot be read as a .po file" in told
    assert Words(tmp_path / "missing").warnings != ()
    assert Language("nl", catalogue=words.catalogue("nl")).text(say("Alerts")) == "Meldingen"


def test_languages_of_browsers() -> None:
    assert best("el-GR,el;q=0.9,en;q=0.8", "ro") == "el"
    assert best("de-DE,nl;q=0.3,lt;q=0.7", "ro") == "lt"
    assert best("de,fr;q=0.5", "ro") == "ro"
    assert best("es;q=0,*;q=x,,;", "ro") == "ro"
    with pytest.raises(UnknownLanguage, match="there is no language fr; there are en, ro"):
        ours("fr")


def test_the_page_gets_forms_by_the_browsers_own_classes() -> None:
    read = msgspec.json.decode(page_words(Words(), "lt").body, type=PageWords)
    assert read.plurals == {"one": 0, "few": 1, "other": 2}
    assert read.messages["person"] == ("žmogus", "žmonės", "žmonių")
    assert read.messages["kind\x04car"] == "automobilis"
    assert [one.code for one in read.languages] == ["en", "ro", "nl", "es", "el", "lt"]


def test_every_call_gives_the_values_that_its_message_names() -> None:
    wrong = []
    for path in [*(ROOT / "hub").rglob("*.py"), *(ROOT / "contract").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            at = {"say": 0, "say_many": 1, "say_as": 1}.get(node.func.id)
            if at is None or path.name == "phrase.py":
                continue
            message = node.args[at] if len(node.args) > at else None
            if not isinstance(message, ast.Constant) or not isinstance(message.value, str):
                wrong.append(f"{path.name}:{node.lineno}: the message is no literal")
                continue
            given_names = {word.arg for word in node.keywords}
            named = phrases.names(message.value)
            if bad := [spec for spec in named.values() if not phrases.SPECS.match(spec)]:
                wrong.append(f"{path.name}:{node.lineno}: unknown way to write a value: {bad}")
            if None not in given_names and set(named) - {"count"} != given_names - {"count"}:
                wrong.append(
                    f"{path.name}:{node.lineno}: {sorted(named)} named, {sorted(map(str, given_names))} given"
                )
    assert wrong == []


# Texts in the page's modules that nobody reads: logs, and errors that are caught by name.
NOT_SHOWN = re.compile(r"console\.|new Gap\(")
TEXT_IN_TEMPLATE = re.compile(r">\s*([^<>${}`]*[A-Za-z]{3,}[^<>${}`]*)<")


def unmarked(source: str) -> list[str]:
    """Words that stand between tags of a template, or in what a reader gets, without going through the catalogue."""
    without_comments = re.sub(r"/\*.*?\*/|(?m:^\s*//[^\n]*$)", "", source, flags=re.DOTALL)
    without_comments = re.sub(r"say(?:As|Many)?\(\s*(?:\"[^\"]*\"\s*[,+]?\s*)+", "say(", without_comments)
    found = []
    for template in re.findall(r"html`(.*?)`", without_comments, flags=re.DOTALL):
        plain = re.sub(r"\$\{[^{}]*\}", "${}", template)
        found += [
            text.strip()
            for text in TEXT_IN_TEMPLATE.findall(plain)
            if not text.strip().startswith(("=", "&"))
        ]
        found += re.findall(
            r"(?:aria-label|title|placeholder|alt)=\"([^\"$]*[A-Za-z]{2,}[^\"$]*)\"", template
        )
    for line in without_comments.splitlines():
        if NOT_SHOWN.search(line):
            continue
        for literal in re.findall(r"(?<!say\()(?<!, )\"([A-Z][a-z]+ [^\"]*)\"", line):
            if not re.search(r"say(As|Many)?\(", line) and " " in literal:
                found.append(literal)
        found += re.findall(r"(?:textContent|innerText|problem|title) = \"([^\"]+)\"", line)
    return sorted(set(found))


def test_no_module_of_the_page_says_a_text_beside_the_catalogue() -> None:
    found = {
        path.name: texts
        for path in sorted(DASHBOARD.glob("*.js"))
        if path.name != "words.js" and (texts := unmarked(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_the_search_for_unmarked_texts_finds_them() -> None:
    assert unmarked("html`<p>No alert</p>`") == ["No alert"]
    assert unmarked('html`<p title="Closed lately">${T.x}</p>`') == ["Closed lately"]
    assert unmarked('throw new Refused(0, "The hub is gone.");') == []  # after a comma: an argument
    assert unmarked('this.problem = "gone";') == ["gone"]
    assert unmarked("html`<p>${T.none}</p>`") == []


def test_the_extractor_reads_the_pages_calls() -> None:
    found = list(
        page_messages(
            'x: say("One {n}", { n }),\n say("a " +\n "b"), sayMany("{count} try", "{count} tries", n),'
            ' sayAs("kind", "car"), T.say("no")\n// say("nor this")\n'
        )
    )
    assert ("One {n}", None) in found and ("a b", None) in found and ("car", "kind") in found
    assert (("{count} try", "{count} tries"), None) in found
    assert all(message != "nor this" and message != "no" for message, _ in found)
    assert len(list(messages(ROOT))) > 400
