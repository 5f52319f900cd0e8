"""The page in other languages, in real Chromium: nothing stays English, it turns at once, and it fits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from playwright.sync_api import Page, expect

from contract.phrase import parts
from hub.words.catalogue import LANGUAGES

pytestmark = pytest.mark.usefixtures("patient")

OpenPage = Callable[..., tuple[Page, Any]]
TEMPLATE = Path(__file__).parents[2] / "hub" / "words" / "po" / "esplanade.pot"
CARD = "article[data-rule^='vehicle.']"
OPEN, CLOSE = "⟦", "⟧"

# What is no word of ours: names of the invented town, codes, units, figures, and the languages in their own words.
ALLOWED = re.compile(
    r"Harbour front \(invented\)|Esplanade|Mast (west|east)|\b(Quay|Market|quay|market|Maria Ionescu|west|east|box)\b"
    r"|harbour-assessment( v1)?|\b[a-z]+(\.[a-z_]+)+\b|/api/v1/\w+|truck-\S+|van-1|\b(EES?T|GMT\S*)"
    r"|\b(km/h|min|km|EN|R')\b|/m²|m²|/min|\bEnter\b|\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b"
    r"|\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b|\d+\.\d+\.\d\S*|"
    + "|".join(LANGUAGES.values())
)

VISIBLE = """() => {
  const found = new Set();
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!["SCRIPT", "STYLE", "NOSCRIPT"].includes(parent.tagName) && shown(parent)) found.add(walker.currentNode.data);
  }
  for (const element of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]")) {
    for (const name of ["aria-label", "title", "placeholder", "alt"]) found.add(element.getAttribute(name) ?? "");
  }
  found.add(document.title);
  return [...found];
}"""


def bracketed(text: str) -> str:
    """The message's own words in brackets; its values outside of them, so that each must come bracketed itself."""
    return "".join(
        (f"{OPEN}{words}{CLOSE}" if words.strip() else words) + ("" if name is None else "{" + name + "}")
        for words, name, _ in parts(text)
    )


@pytest.fixture
def more_config(tmp_path: Path) -> dict[str, Any]:
    """A town whose own English puts every message in brackets."""
    with TEMPLATE.open("rb") as file:
        template = read_po(file)
    own = Catalog(locale="en")
    for message in template:
        if message.id:
            ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
            texts = tuple(bracketed(one) for one in ids)
            own.add(message.id, texts if len(ids) > 1 else texts[0], context=message.context)
    folder = tmp_path / "words"
    folder.mkdir()
    with (folder / "en.po").open("wb") as file:
        write_po(file, own)
    return {"words_folder": "words"}


def escaped(texts: list[str]) -> list[str]:
    """What is left of each text when all that came through the catalogue, and what may stand as it is, is taken out."""
    left = []
    for text in texts:
        rest = ALLOWED.sub(" ", re.sub(rf"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}", " ", text))
        if re.search(r"[^\W\d_]{2,}", rest):
            left.append(f"{text.strip()!r}: {rest.strip()!r}")
    return left


class Look:
    """What escaped, by where it was seen."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def __call__(self, page: Page, where: str) -> None:
        for one in escaped(page.evaluate(VISIBLE)):
            self.found.setdefault(one, where)


def wait_live(page: Page) -> None:
    for zone in ("quay", "market"):
        expect(page.locator(f"li[data-zone='{zone}']")).to_have_attribute(
            "data-level", re.compile(r"[0-4]"), timeout=30_000
        )


def test_the_search_finds_what_escapes() -> None:
    assert escaped(["⟦Alerts⟧", "⟦Full⟧⟦: ⟧Quay", "Quay 12 km/h", "Mast west: ⟦live⟧"]) == []
    assert escaped(["⟦Alerts⟧ open", "No camera"]) == ["'⟦Alerts⟧ open': 'open'", "'No camera': 'No camera'"]


def test_no_text_of_page_or_hub_escapes_the_catalogue(harbour: Any, open_page: OpenPage) -> None:
    page, watch = open_page()
    look = Look()
    watch.refusals_expected = True
    wait_live(page)
    look(page, "calm")
    for tab in ("cameras", "hub", "zones"):
        page.locator(f"#tab-{tab}").click()
        expect(page.locator(f"#tab-{tab}")).to_have_attribute("aria-selected", "true")
        if tab == "hub":
            expect(page.locator("esp-hub-panel h3").nth(2)).to_be_visible()
        look(page, f"tab {tab}")
    page.locator("esp-zone-panel details summary").click()
    page.locator("details.closed summary").click()
    look(page, "static scores")

    harbour.scene.vehicle_at_m = (12.0, 20.0)
    harbour.scene.people_per_m2 = 2.6
    card = page.locator(CARD).first
    expect(card).to_be_visible(timeout=30_000)
    card.locator("button.details").click()
    expect(card.locator("esp-alert-course li").first).to_be_visible(timeout=10_000)
    look(page, "alert")
    card.locator("button.acknowledge").click()
    dialog = page.locator("dialog[open]")
    dialog.locator("input[name=name]").fill("Maria Ionescu")
    look(page, "who are you")
    dialog.locator("button.main").click()
    expect(card).to_have_attribute("data-handling", "acknowledged")
    rarer = card.locator(".more > .buttons button:not([disabled])")
    for i in range(rarer.count()):
        rarer.nth(i).click()
        expect(dialog).to_be_visible()
        look(page, f"dialog {i}")
        if dialog.locator("input[name=disposition]").count():
            dialog.locator("input[name=disposition]").first.check()
            dialog.locator("button.main").click()
            expect(dialog.locator(".problem")).to_be_visible()
            look(page, "refusal")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    look(page, "settings")
    page.keyboard.press("Escape")
    harbour.scene.silent = {"west", "east"}
    expect(page.locator("li[data-zone='quay']")).to_have_attribute("data-level", "unknown", timeout=30_000)
    look(page, "blind")
    page.locator("#tab-cameras").click()
    expect(page.locator("esp-cameras .problem").first).to_be_visible(timeout=15_000)
    look(page, "silent cameras")
    watch.hub_may_be_down = True
    harbour.hub.stop()
    expect(page.locator(".banner.dead")).to_be_visible(timeout=30_000)
    look(page, "hub gone")
    harbour.start_hub()
    assert look.found == {}
