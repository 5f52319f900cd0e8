"""Signing in with the town's account in real Chromium, through a real provider's own login page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from deploy.demo import broker
from tests.browser.conftest import Harbour, running_town
from tests.kit.oidc_provider import OidcProvider, missing, visit
from tests.kit.signed_in import PASSWORD, SignedIn, printed_link, take_up

pytestmark = pytest.mark.usefixtures("patient")

BUTTON = "Sign in with the harbour's account"
ACCOUNTS = {
    "Maria.I": {"name": "Maria Ionescu", "email": "maria@town.example", "groups": ["duty-room", "staff"]},
    "guest": {"name": "A Guest", "groups": ["cooks"]},
    "keeper": {"name": "Keeper of the keys", "groups": ["heads"]},
    "invited": {"name": "Ion Invited", "groups": ["duty-room"]},
}


@dataclass
class Town:
    harbour: Harbour
    folder: Path
    provider: OidcProvider
    browser: Browser
    opened: list[BrowserContext]

    @property
    def url(self) -> str:
        return self.harbour.url

    def visitor(self, path: str) -> Page:
        context = self.browser.new_context(viewport={"width": 1440, "height": 900})
        self.opened.append(context)
        context.route(
            re.compile(r"^https?://(?!127\.0\.0\.1)"), drop
        )  # the provider's page asks for a font elsewhere
        page = context.new_page()
        page.goto(self.url + path)
        return page

    def through(self, page: Page, login: str) -> None:
        """The provider's own pages: sign in, and agree where it asks."""
        page.wait_for_url(re.compile(f"^{re.escape(self.provider.issuer)}/"))
        page.get_by_placeholder("Enter any login").fill(login)
        page.get_by_placeholder("and password").fill("any")
        page.get_by_role("button", name="Sign-in").click()
        page.get_by_role("button", name="Continue").click()


def drop(route: Route) -> None:
    route.abort()


@pytest.fixture(scope="module")
def town(
    chromium: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    require_part: Callable[[str, object, str], None],
) -> Iterator[Town]:
    require_part("nats-server", broker.find_nats_server(), "run `make setup`")
    lacks = missing()
    require_part("the tests' OpenID Connect provider", lacks is None, lacks or "")
    folder = tmp_path_factory.mktemp("oidc")
    port = broker.free_port()
    provider = OidcProvider(broker.free_port(), f"http://127.0.0.1:{port}", ACCOUNTS)
    secret = folder / "oidc-secret"
    secret.write_text(provider.client_secret + "\n", encoding="utf-8")
    secret.chmod(0o600)
    oidc = {
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "client_secret_file": "oidc-secret",
        "button": BUTTON,
        "roles": {
            "duty-room": {"roles": ["operator"]},
            "heads": {"roles": ["supervisor"], "sites": ["harbour"]},
        },
        "passwords_for": ["breakglass"],
    }
    with provider, running_town(folder, {"oidc": oidc}, port) as harbour:
        take_up(harbour.url, printed_link(harbour.hub.log), login="breakglass", display="Emergency")
        made = Town(harbour, folder, provider, chromium, [])
        yield made


@pytest.fixture(autouse=True)
def closed_after(town: Town) -> Iterator[None]:
    yield
    for context in town.opened:
        context.close()
    town.opened.clear()


def live(page: Page) -> None:
    expect(page.locator("li[data-zone='quay']")).to_have_attribute(
        "data-level", re.compile(r"[0-4]"), timeout=30_000
    )


def refused(page: Page) -> Any:
    expect(page.get_by_role("heading", name="Not signed in")).to_be_visible()
    return page.locator(".problem")


def test_somebody_signs_in_at_the_provider_and_out_again(town: Town) -> None:
    page = town.visitor("/login")
    page.get_by_role("link", name=BUTTON).click()
    town.through(page, "Maria.I")
    live(page)
    expect(page).to_have_url(f"{town.url}/")
    expect(page.get_by_role("button", name="Account: Maria Ionescu")).to_be_visible()
    me = page.evaluate("async () => (await fetch('/api/v1/me')).json()")
    assert (me["login"], me["roles"], me["has_password"]) == ("maria.i", ["operator"], False)
    names = {one["name"]: one for one in page.context.cookies(town.url)}
    ours = {name for name in names if name.startswith("esplanade")}  # the provider stands on the same host
    assert ours == {"esplanade"}, "the cookie of the way there is gone"
    page.get_by_role("button", name="Account: Maria Ionescu").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("there is no password here to change")
    dialog.get_by_role("button", name="Sign out").click()
    # the provider asks whether its own session ends too, and comes back
    page.get_by_role("button", name=re.compile("Yes")).click()
    expect(page).to_have_url(re.compile(f"^{re.escape(town.url)}/login"))
    assert page.evaluate("async () => (await fetch('/api/v1/me')).status") == 401
    # signed out there too: the provider asks for the login again
    page.get_by_role("link", name=BUTTON).click()
    expect(page.get_by_placeholder("Enter any login")).to_be_visible()


def test_somebody_without_a_group_that_counts_stays_out_and_reads_why(town: Town) -> None:
    page = town.visitor("/login")
    page.get_by_role("link", name=BUTTON).click()
    town.through(page, "guest")
    problem = refused(page)
    expect(problem).to_have_attribute("data-reason", "no_role")
    expect(problem).to_contain_text("groups: cooks")
    expect(page.get_by_text("oidc.roles")).to_be_visible()
    page.get_by_role("link", name="Back to the sign-in page").click()
    expect(page).to_have_url(f"{town.url}/login")


def test_the_answer_of_the_provider_counts_once_and_in_its_own_browser_only(town: Town) -> None:
    page, victim = town.visitor("/login"), town.visitor("/login")
    answers: list[str] = []
    page.on("request", lambda one: answers.append(one.url) if "/login/oidc/return" in one.url else None)
    page.get_by_role("link", name=BUTTON).click()
    town.through(page, "keeper")
    live(page)
    (used,) = answers
    page.goto(used)
    expect(refused(page)).to_have_attribute("data-reason", "not_begun_here")
    assert page.evaluate("async () => (await fetch('/api/v1/me')).status") == 200, "who is in stays in"

    # an attacker begins, signs in as himself and hands the last step to somebody else
    with httpx.Client(timeout=20) as attacker:
        begun = attacker.get(f"{town.url}/login/oidc")
        handed = visit(
            attacker, begun.headers["location"], login="keeper", back=f"{town.url}/login/oidc/return"
        )
        victim.get_by_role("link", name=BUTTON).click()  # she even has a sign-in of her own on its way
        victim.wait_for_url(re.compile(f"^{re.escape(town.provider.issuer)}/"))
        victim.goto(handed)
        expect(refused(victim)).to_have_attribute("data-reason", "not_begun_here")
        assert victim.evaluate("async () => (await fetch('/api/v1/me')).status") == 401
        # and it still works for him whose it is
        assert attacker.get(handed).status_code == 200
        assert attacker.get(f"{town.url}/api/v1/me").json()["display"] == "Keeper of the keys"


@pytest.mark.parametrize(
    ("what", "reason"), [("nonce", "nonce"), ("tampered", "signature"), ("none", "algorithm")]
)
def test_a_falsified_token_lets_nobody_in(town: Town, what: str, reason: str) -> None:
    with httpx.Client(timeout=20) as client:
        begun = client.get(f"{town.url}/login/oidc")
        back = visit(client, begun.headers["location"], login="Maria.I", back=f"{town.url}/login/oidc/return")
        town.provider.spoil(what)
        answer = client.get(back)
        assert answer.status_code == 403
        assert f'data-reason="{reason}"' in answer.text
        assert client.get(f"{town.url}/api/v1/me").status_code == 401
    with SignedIn(town.url, "breakglass") as administrator:
        assert administrator.get("/me")["roles"] == ["administrator"]


def test_passwords_are_for_emergencies_only(town: Town) -> None:
    page = town.visitor("/login")
    expect(page.get_by_text("Passwords are kept for emergencies here")).to_be_visible()
    page.get_by_label("Login name").fill("maria.i")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("#problem")).to_contain_text("http.oidc.passwords_for")
    page.get_by_label("Login name").fill("breakglass")
    page.get_by_role("button", name="Sign in", exact=True).click()
    live(page)


def test_an_invitation_is_taken_up_with_the_account_and_groups_rule_from_then_on(town: Town) -> None:
    with SignedIn(town.url, "breakglass") as administrator:
        link = administrator.invite("ion", ["viewer"])
        page = town.visitor("/link" + link.partition("/link")[2])
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_role("button", name="Set password and sign in").click()
        expect(page.locator("#problem")).to_contain_text("http.oidc.passwords_for")
        page.get_by_role("button", name=BUTTON).click()
        town.through(page, "invited")
        live(page)
        expect(page.get_by_role("button", name="Account: Ion")).to_be_visible()
        (user,) = [one for one in administrator.get("/users")["users"] if one["login"] == "ion"]
        assert (user["elsewhere"], user["roles"], user["state"]) == (
            town.provider.issuer,
            ["operator"],
            "active",
        )
        # a name that is the same ties nobody to anybody
        administrator.invite("keeper-2", ["viewer"])
        again = administrator.send("POST", "/users/ion/disable")
        assert again.is_success
    expect(page.locator(".banner.dead")).to_contain_text("signed out", timeout=30_000)
    other = town.visitor("/login")
    other.get_by_role("link", name=BUTTON).click()
    town.through(other, "invited")
    refused(other)


def test_a_provider_that_is_down_says_what_to_look_at_and_the_emergency_way_stays(
    town: Town,
) -> None:
    page = town.visitor("/login")
    town.provider.stop()
    try:
        with httpx.Client(timeout=20) as client:
            # the configuration is kept for an hour: the browser is sent on, and the code can not be redeemed
            assert client.get(f"{town.url}/login/oidc").status_code == 303
        page.get_by_label("Login name").fill("breakglass")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        live(page)
    finally:
        town.provider.start()
