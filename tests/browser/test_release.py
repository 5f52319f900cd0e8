"""In real Chromium: an operator asks for a release on the alert's card, a supervisor approves it, it is withdrawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.api.guard import Access
from hub.cap.settings import CapPart
from hub.people.people import From
from hub.rights import Role
from tests.kit.hub_inside import HubInside

pytestmark = pytest.mark.usefixtures("patient")

SLOW_MS = 30_000
PART = CapPart(sender="hub.town.example", sender_name="Town", addresses=("police", "fire brigade"))


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[HubInside]:
    with HubInside(tmp_path, http={"login": "people"}, cap=PART) as found:
        found.user("op", Role.OPERATOR)
        found.user("super", Role.SUPERVISOR)
        found.user("view", Role.VIEWER)
        yield found


def opened(chromium: Browser, inside: HubInside, login: str, alert: str, errors: list[str]) -> Page:
    """The live page of somebody signed in, with the alert's card open."""
    people = inside.hub.people
    entered = people.enter_as(people.users.get(login), where=From("127.0.0.1"), how="test")
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": Access().cookie, "value": entered.secret, "url": inside.url}])
    page = context.new_page()
    page.set_default_timeout(SLOW_MS)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda one: errors.append(one.text) if "Content Security Policy" in one.text else None)
    page.goto(inside.url)
    card = page.locator(f"article[data-alert='{alert}']")
    expect(card).to_be_visible(timeout=SLOW_MS)
    details = card.locator("button.details")
    # the queue takes no press in the second in which it moved
    for _ in range(20):
        if details.get_attribute("aria-expanded") == "true":
            break
        details.click()
        page.wait_for_timeout(500)
    return page


def test_a_release_on_the_card_of_an_alert(chromium: Browser, inside: HubInside) -> None:
    alert = inside.car_alert()
    errors: list[str] = []
    page = opened(chromium, inside, "op", alert, errors)
    panel = page.locator("section.release")
    expect(panel).to_have_attribute("data-status", "Exercise", timeout=SLOW_MS)
    expect(panel.locator(".terms")).to_contain_text("EXERCISE")
    expect(panel.locator(".terms")).to_contain_text("Private: to police, fire brigade")
    panel.locator("details.preview > summary").click()
    expect(panel.locator("details.preview")).to_contain_text("Vehicle where none may be")
    panel.locator("details details > summary").click()
    expect(panel.locator("pre")).to_contain_text("<status>Exercise</status>")
    panel.locator("form[data-do=ask] input").fill("police must know")
    panel.get_by_role("button", name="Ask for the release").click()
    expect(panel).to_contain_text(re.compile(r"op asked at .* It has not left"), timeout=SLOW_MS)
    expect(panel).to_contain_text("Somebody else must approve it: Administrator, Supervisor")
    expect(panel.locator("form")).to_have_count(0)

    with inside.client_of("super") as head:
        (one,) = head.get("/api/v1/approvals?waiting=true").json()["approvals"]
        body = {"payload_hash": one["payload_hash"]}
        assert head.post(f"/api/v1/approvals/{one['id']}/approve", json=body).status_code == 200
    expect(panel).to_contain_text("op asked, super approved", timeout=SLOW_MS)
    expect(panel.locator("li[data-change=released]")).to_contain_text("Exercise")
    panel.locator("form[data-do=withdraw] input").fill("a mistake")
    panel.get_by_role("button", name="Withdraw").click()
    expect(panel.locator("li[data-change=withdrawn]")).to_have_count(1, timeout=SLOW_MS)
    expect(panel.locator("form[data-do=ask]")).to_have_count(1, timeout=SLOW_MS)

    looking = opened(chromium, inside, "view", alert, errors)
    expect(looking.locator("esp-alert-course")).to_have_count(1)
    expect(looking.locator("section.release")).to_have_count(0)
    assert errors == []
    looking.context.close()
    page.context.close()
