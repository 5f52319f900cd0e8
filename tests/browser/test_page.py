"""The page in real Chromium against a real hub and broker: what an operator sees, reads, hears and does."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

OpenPage = Callable[..., tuple[Page, object]]

CARD = "article[data-rule^='vehicle.']"
PAGE_MAX_BYTES = 300_000
STALE_AFTER_S = 5
NAME = "Maria Ionescu"


def wait_live(page: Page) -> None:
    """Until both zones have a level."""
    for zone in ("quay", "market"):
        expect(page.locator(f"li[data-zone='{zone}']")).to_have_attribute(
            "data-level", re.compile(r"[0-4]"), timeout=20_000
        )


def drive_in(page: Page, harbour) -> None:
    """A truck drives onto the quay, where none is allowed; waits for its alert."""
    harbour.scene.vehicle_at_m = (12.0, 20.0)
    expect(page.locator(CARD)).to_be_visible(timeout=15_000)


def test_an_alert_appears_is_read_and_acknowledged_by_keys(harbour, open_page: OpenPage) -> None:
    page, _ = open_page()
    wait_live(page)
    expect(page.get_by_text("No open alert")).to_be_visible()
    page.get_by_role("button", name="Sound is off: press to arm").click()
    expect(page.get_by_role("button", name="Sound on")).to_have_attribute("aria-pressed", "true")

    drive_in(page, harbour)
    card = page.locator(CARD)
    expect(card).to_have_attribute("data-severity", "high")
    expect(card).to_contain_text("Quay")
    expect(page.locator(".spoken[role='alert']")).to_contain_text(re.compile("New high alert.*Quay"))
    expect(page).to_have_title(re.compile(r"\(1\) High"))
    page.wait_for_function("document.querySelector('esp-app').siren.played > 0")
    video = card.get_by_role("link", name="Open video")
    expect(video).to_have_attribute("href", "https://vms.example/west")
    expect(video).to_have_attribute("rel", re.compile("noopener"))
    expect(page.locator(".vehicle.unauthorised")).to_contain_text("no permit")

    page.keyboard.press("j")
    expect(card).to_be_focused()
    page.keyboard.press("Enter")
    alert = harbour.get("/api/v1/state")["alerts"][0]
    rows = card.locator("tr[data-reason]")
    expect(rows).to_have_count(len(alert["reasons"]))
    for reason in alert["reasons"]:
        row = card.locator(f"tr[data-reason='{reason['reason']}']").first
        expect(row).to_contain_text(reason["text"])
        if reason["threshold"] is not None:
            expect(row).to_contain_text("limit")
    expect(card.locator("table.static")).to_contain_text("static risk")
    expect(card.locator(".certainty")).not_to_be_empty()

    page.keyboard.press("a")
    name = page.get_by_label("Name")
    expect(name).to_be_focused()
    name.fill(NAME)
    page.keyboard.press("Enter")
    expect(card).to_have_attribute("data-handling", "acknowledged")
    expect(card).to_contain_text(f"Acknowledged by {NAME}")
    expect(card.get_by_role("button", name="Acknowledge")).to_have_count(0)
    assert page.evaluate("document.querySelector('esp-app').siren.sounding") is False
    stored = harbour.get(f"/api/v1/alerts/{alert['alert']}")["alert"]
    assert (stored["handling"], stored["acknowledged_by"]) == ("acknowledged", NAME)
    expect(page.get_by_role("button", name=f"Operator: {NAME}")).to_be_visible()


def test_a_refusal_is_shown_and_a_timed_permit_lets_the_vehicle_be(harbour, open_page: OpenPage) -> None:
    page, watch = open_page()
    watch.refusals_expected = True
    wait_live(page)
    drive_in(page, harbour)
    page.get_by_role("button", name="Operator: not named").click()
    page.get_by_label("Name").fill(NAME)
    page.get_by_role("button", name="Save").click()
    card = page.locator(CARD)
    card.get_by_role("button", name="Details").click()

    card.get_by_role("button", name="Close").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog.locator(".problem")).to_contain_text("Needed")
    dialog.get_by_label("True alarm").check()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog.locator(".problem")).to_contain_text(re.compile(r"\w+\. \w+"))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    card.get_by_role("button", name="Grant a timed permit").click()
    dialog.get_by_label("truck").check()
    dialog.get_by_label("Reason").fill("Delivery for the stage")
    dialog.get_by_role("button", name="Grant a timed permit").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".vehicle")).to_have_count(1)
    expect(page.locator(".vehicle.unauthorised")).to_have_count(0)
    assert [one["authorised"] for one in harbour.get("/api/v1/state")["vehicles"]] == [True]


def test_a_silent_camera_leaves_its_zone_unknown_not_safe(harbour, open_page: OpenPage) -> None:
    page, _ = open_page()
    wait_live(page)
    row = page.locator("li[data-zone='quay']")
    was = int(row.get_attribute("data-level") or "")
    harbour.scene.silent.add("west")
    expect(row).to_have_attribute("data-level", "unknown", timeout=10_000)
    words = ["low", "moderate", "high", "very high", "extreme"]
    expect(row).to_contain_text(f"Unknown, was: {words[was]}")
    expect(row).to_contain_text(re.compile(r"\d+ s ago"))
    expect(row).to_contain_text("because camera Mast west is silent")
    expect(page.locator("path.zone-shape.lx")).to_have_count(1)
    # Unknown stands above every zone that is known to be calmer.
    expect(page.locator(".zone-list li").first).to_have_attribute("data-zone", "quay")
    expect(page.locator("article[data-rule='sensor.silent']")).to_contain_text("Mast west", timeout=10_000)
    page.get_by_role("button", name="Cameras 1 of 2 live").click()
    expect(page.locator("li[data-camera='west']")).to_have_attribute("data-state", "silent")
    assert page.locator("li[data-zone='quay']").count() == 0, "the cameras' tab takes the place of the zones'"


def test_a_stopped_hub_greys_the_page_until_it_is_back(harbour, open_page: OpenPage) -> None:
    page, watch = open_page()
    wait_live(page)
    drive_in(page, harbour)
    card = page.locator(CARD)
    watch.hub_may_be_down = True
    harbour.hub.kill9()
    banner = page.locator(".banner.dead")
    expect(banner).to_be_visible(timeout=(STALE_AFTER_S + 3) * 1000)
    expect(banner).to_contain_text("NOT LIVE")
    expect(page).to_have_title(re.compile("^NOT LIVE"))
    expect(card.get_by_role("button", name="Acknowledge")).to_be_disabled()
    assert page.evaluate("getComputedStyle(document.querySelector('main')).filter") == "grayscale(1)"
    shown = page.locator(".clock time").inner_text()
    page.wait_for_timeout(1500)
    assert page.locator(".clock time").inner_text() == shown, (
        "the clock of a page that is not live stands still"
    )

    harbour.start_hub()
    expect(banner).to_have_count(0, timeout=25_000)
    watch.hub_may_be_down = False
    expect(card.get_by_role("button", name="Acknowledge")).to_be_enabled()
    assert page.evaluate("getComputedStyle(document.querySelector('main')).filter") == "none"


def test_a_phone_shows_the_queue_first_and_never_scrolls_sideways(harbour, open_page: OpenPage) -> None:
    page, _ = open_page(390, 844, has_touch=True, is_mobile=True)
    wait_live(page)
    drive_in(page, harbour)
    tops = [
        page.locator(part).bounding_box()["y"]
        for part in ("esp-queue", "esp-plan", "esp-timeline", "esp-side")
    ]
    assert tops == sorted(tops)
    for tab in ("Cameras", "Hub", "Zones"):
        page.get_by_role("tab", name=tab).tap()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    card = page.locator(CARD)
    card.get_by_role("button", name="Details").tap()
    expect(card.locator(".certainty")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    box = card.get_by_role("button", name="Acknowledge").bounding_box()
    assert box["height"] >= 44, "a thumb must hit it"


def test_roles_names_and_landmarks(harbour, open_page: OpenPage) -> None:
    page, _ = open_page()
    wait_live(page)
    drive_in(page, harbour)
    for role, name in (
        ("heading", "Harbour front (invented)"),
        ("heading", "Alerts"),
        ("region", "Plan of the site"),
        ("region", re.compile(": last hour$")),
        ("tablist", None),
        ("list", "Zones"),
        ("article", re.compile("Vehicle")),
    ):
        found = page.get_by_role(role, name=name) if name else page.get_by_role(role)
        expect(found.first).to_be_visible()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, a, input")]
          .filter((one) => one.checkVisibility())
          .filter((one) => !(one.innerText.trim() || one.ariaLabel || one.title || one.labels?.length))
          .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    page.get_by_role("tab", name="Zones").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Cameras")).to_be_focused()
    expect(page.get_by_role("tab", name="Cameras")).to_have_attribute("aria-selected", "true")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "focus is visible"


def test_text_stands_out_from_its_ground(harbour, open_page: OpenPage) -> None:
    """Contrast of the page's own colour pairs in both schemes: WCAG 2.2 AA, 4.5 to 1 for text."""
    pairs = [
        ("--text", "--page"),
        ("--text", "--panel"),
        ("--text", "--raised"),
        ("--dim", "--panel"),
        ("--dim", "--raised"),
    ]
    pairs += [
        ("--faint", "--panel"),
        ("--faint", "--page"),
        ("--act", "--panel"),
        ("--act-ink", "--act"),
        ("--high-ink", "--high"),
    ]
    pairs += [
        ("--medium-ink", "--medium"),
        ("--low-ink", "--low-fill"),
        *((f"--l{i}-ink", f"--l{i}") for i in range(5)),
    ]
    for scheme in ("dark", "light"):
        page, _ = open_page(color_scheme=scheme)
        for ink, ground in pairs:
            found = [
                page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('{name}')")
                for name in (ink, ground)
            ]
            ratio = contrast(*found)
            # a level's digit is 19 px bold or larger: large text, for which 3 to 1 is enough
            least = 3.0 if re.fullmatch(r"--l\d-ink", ink) else 4.5
            assert ratio >= least, f"{scheme}: {ink} {found[0]} on {ground} {found[1]} is {ratio:.2f} to 1"


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two hex colours (WCAG 2.2, relative luminance)."""
    first, second = sorted((luminance(one), luminance(other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def luminance(colour: str) -> float:
    digits = colour.strip().removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_page_is_light(harbour, open_page: OpenPage) -> None:
    page, watch = open_page()
    wait_live(page)
    page.wait_for_timeout(1000)
    loaded = sum(watch.sizes.values())
    print(f"\npage weight: {loaded} bytes in {len(watch.sizes)} requests, the event stream not counted")
    assert any("leaflet.js" in url for url in watch.sizes)
    assert 100_000 < loaded < PAGE_MAX_BYTES
