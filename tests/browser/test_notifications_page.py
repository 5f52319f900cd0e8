"""On the page: a channel that closed, and on the alert's card who was told and who was not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Page, expect

from deploy.demo.broker import HOST, free_port
from hub.notify.settings import NotificationsPart
from tests.kit.hub_inside import HubInside
from tests.kit.mail_server import MailServer

pytestmark = pytest.mark.usefixtures("patient")


def test_the_page_says_what_was_not_told(page: Page, tmp_path: Path) -> None:
    with MailServer(sender=lambda _: "550 relaying denied") as mail:
        part = {
            "channels": [
                {
                    "name": "mail",
                    "kind": "email",
                    "host": HOST,
                    "port": mail.port,
                    "security": "none",
                    "from": "e@t.example",
                },
                {"name": "away", "kind": "webhook", "url": f"http://{HOST}:{free_port()}/"},
            ],
            "people": [
                {"name": "ana", "display": "Ana <Pop>", "roles": ["operator"], "email": "ana@t.example"},
                {"name": "ion", "roles": ["operator"], "email": "ion@t.example", "shifts": ["never"]},
            ],
            "shifts": [{"name": "never", "windows": [{"from": "03:00", "to": "03:01", "days": ["mon"]}]}],
            "routes": [{"name": "all", "to": ["role:operator", "channel:away"]}],
        }
        with HubInside(tmp_path, notifications=msgspec.convert(part, NotificationsPart)) as inside:
            inside.car_alert()
            inside.until(inside.hub.dispatcher.down)
            inside.pass_time(1, car=True)
            page.goto(inside.url)
            banner = page.locator(".banner.broken", has_text="Channel mail is disabled")
            expect(banner).to_contain_text("550 relaying denied", timeout=60_000)
            expect(banner).to_contain_text("Messages that wait for it: 1.")
            card = page.locator("esp-alert-card").first
            card.get_by_role("button", name="Details").click()
            lines = card.locator("li[data-state]")
            expect(lines).to_have_count(3, timeout=60_000)
            told = card.locator("li[data-state=waiting]", has_text="Ana <Pop>")
            expect(told).to_contain_text("the channel is disabled")
            expect(card.locator("li[data-state=skipped]")).to_contain_text("off shift until")
            expect(card.locator("li[data-state=waiting]", has_text="away")).to_contain_text("next try")
