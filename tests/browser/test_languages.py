"""Each language on the page in real Chromium: chosen, shown at once, within the size, and nothing runs over its box."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from hub.words.catalogue import LANGUAGES, ours

pytestmark = pytest.mark.usefixtures("patient")

OpenPage = Callable[..., tuple[Page, Any]]
PAGE_MAX_BYTES = 300_000
CARD = "article[data-rule^='vehicle.']"

# Elements whose content is wider than they are, as somebody would see it; what scrolls or cuts on purpose is left out.
OVER = """() => {
  const found = [];
  const whole = document.documentElement.scrollWidth;
  if (whole > window.innerWidth) found.push(`page ${whole}`);
  const boxes = "button, .chip, h1, h2, h3, h4, td, th, dt, dd, .banner, .tabs, header, .card";
  for (const element of document.querySelectorAll(boxes)) {
    const style = getComputedStyle(element);
    if (style.overflowX !== "visible" && style.textOverflow === "ellipsis") continue;
    if (element.checkVisibility() && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0
        && style.display !== "inline") {
      found.push(`${element.tagName}.${element.className} ${element.textContent.trim().slice(0, 50)}`);
    }
  }
  return found;
}"""


def word(language: str, message: str, context: str | None = None) -> str:
    return ours(language).messages.get((context, message), (message,))[0]


def wait_live(page: Page) -> None:
    for zone in ("quay", "market"):
        expect(page.locator(f"li[data-zone='{zone}']")).to_have_attribute(
            "data-level", re.compile(r"[0-4]"), timeout=30_000
        )


def test_every_language_at_once_without_reload_and_fits(harbour: Any, open_page: OpenPage) -> None:
    page, watch = open_page()
    phone, _ = open_page(width=390, height=844)
    wait_live(page)
    harbour.scene.vehicle_at_m = (12.0, 20.0)
    for one in (page, phone):
        expect(one.locator(CARD)).to_be_visible(timeout=30_000)
        one.locator(CARD).locator("button.details").click()
        one.evaluate("window.notReloaded = true")
    for language in [code for code in LANGUAGES if code != "en"] + ["en"]:
        for one in (page, phone):
            one.evaluate(
                "async (code) => (await import('/static/settings.js')).settings.set('language', code)",
                language,
            )
            expect(one.locator("html")).to_have_attribute("lang", language)
            expect(one.locator("#queue-title")).to_have_text(word(language, "Alerts"))
            expect(one.locator(CARD)).to_contain_text(word(language, "Vehicle in a crowd").split()[0][:4])
            assert one.evaluate("window.notReloaded") is True
            assert one.evaluate(OVER) == [], language
            if folder := os.environ.get("PICTURES"):  # to look at them
                one.screenshot(path=f"{folder}/{language}-{one.viewport_size['width']}.png")
    catalogues = [size for url, size in watch.sizes.items() if "/api/v1/words/" in url]
    page_files = sum(size for url, size in watch.sizes.items() if "/api/" not in url)
    print(f"files of the page {page_files} bytes, catalogues {sorted(catalogues)} bytes")
    assert len(catalogues) == len(LANGUAGES)
    assert page_files + max(catalogues) < PAGE_MAX_BYTES


def test_the_browsers_language_is_taken_and_a_choice_is_kept(harbour: Any, open_page: OpenPage) -> None:
    page, _ = open_page(locale="nl-NL")
    expect(page.locator("html")).to_have_attribute("lang", "nl")
    expect(page.locator("header time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    page.keyboard.press("?")
    page.locator("dialog input[name=language][value=lt]").check()
    page.locator("dialog button.main").click()
    expect(page.locator("html")).to_have_attribute("lang", "lt")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "lt")
    expect(page.locator("#queue-title")).to_have_text(word("lt", "Alerts"))
