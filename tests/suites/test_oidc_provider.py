"""The hub's OpenID Connect against a real provider in a process of its own (npm oidc-provider)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from deploy.demo.broker import free_port
from hub.oidc.attempts import Attempt, Attempts
from hub.oidc.provider import KEPT_S, KEYS_AGAIN_S, Provider
from hub.oidc.settings import Grant, Oidc, Person, granted
from hub.oidc.trouble import Reason, SignInFailed
from tests.kit import apart
from tests.kit.oidc_provider import OidcProvider, missing, visit

HUB = "http://127.0.0.1:1"  # nobody listens there: the visitor stops at the door
ACCOUNTS = {
    "maria": {"name": "Maria Ionescu", "email": "maria@town.example", "groups": ["operators", "staff"]},
    "guest": {"name": "A Guest", "groups": []},
}


@pytest.fixture(scope="module")
def server(require_part: Callable[[str, object, str], None]) -> Iterator[OidcProvider]:
    lacks = missing()
    require_part("the tests' OpenID Connect provider", lacks is None, lacks or "")
    with OidcProvider(free_port(), HUB, ACCOUNTS) as running:
        yield running


def settings(server: OidcProvider, **changed: Any) -> Oidc:
    given: dict[str, Any] = {
        "issuer": server.issuer,
        "client_id": server.client_id,
        "client_secret": server.client_secret,
        "hub": HUB,
        "grants": {"operators": Grant(roles=frozenset({"operator"}))},
    }
    return Oidc(**{**given, **changed})


async def begin(provider: Provider, login: str = "maria") -> tuple[Attempt, dict[str, str]]:
    """Through the provider's own pages; the attempt, and what the provider sent back."""
    attempt, _ = Attempts().begin(0)
    address = await provider.address(attempt)

    def go() -> str:
        with httpx.Client(timeout=20) as client:
            return visit(client, address, login=login, back=HUB)

    back = urlsplit(await asyncio.to_thread(go))
    said = {name: values[0] for name, values in parse_qs(back.query).items()}
    assert said["state"] == attempt.state
    return attempt, said


async def redeem(provider: Provider, attempt: Attempt, said: dict[str, str]) -> tuple[Person, str]:
    return await provider.redeem(said["code"], attempt, iss=said.get("iss"), now_s=int(time.time()))


def refused(do: Any) -> SignInFailed:
    with pytest.raises(SignInFailed) as failed:
        apart.run(do)
    return failed.value


def test_somebody_signs_in_and_a_code_counts_once(server: OidcProvider) -> None:
    async def go() -> None:
        provider = Provider(settings(server))
        attempt, said = await begin(provider)
        who, id_token = await redeem(provider, attempt, said)
        assert (who.subject, who.name, who.display) == ("maria", "maria", "Maria Ionescu")
        assert who.groups == ("operators", "staff")
        assert granted(who, provider.oidc).roles == {"operator"}
        end = await provider.sign_out_address(id_token)
        assert end is not None and end.startswith(server.issuer)
        asked = parse_qs(urlsplit(end).query)
        assert asked["id_token_hint"] == [id_token]
        assert asked["post_logout_redirect_uri"] == [HUB + "/login"]
        with pytest.raises(SignInFailed) as again:
            await redeem(provider, attempt, said)
        assert again.value.reason is Reason.CODE_REFUSED
        assert HUB + "/login/oidc/return" in again.value.do

    apart.run(go())


def test_groups_are_taken_from_userinfo_or_from_the_token(server: OidcProvider) -> None:
    """The provider of the other tests tells groups at userinfo only; this one puts them into the token."""

    async def go(provider: Provider) -> Person:
        attempt, said = await begin(provider)
        return (await redeem(provider, attempt, said))[0]

    with OidcProvider(free_port(), HUB, ACCOUNTS, options={"claims_at_userinfo": False}) as other:
        provider = Provider(settings(other))
        asked: list[str] = []
        get = provider._get

        async def noted(address: str, key: str, **more: Any) -> dict[str, Any]:
            asked.append(key)
            return await get(address, key, **more)

        provider._get = noted  # type: ignore[method-assign]
        assert apart.run(go(provider)).groups == ("operators", "staff")
        assert "userinfo_endpoint" not in asked


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("nonce", Reason.NONCE),
        ("issuer", Reason.CLAIM),
        ("audience", Reason.CLAIM),
        ("expired", Reason.EXPIRED),
        ("tampered", Reason.SIGNATURE),
        ("key", Reason.SIGNATURE),
        ("none", Reason.ALGORITHM),
        ("subject", Reason.CLAIM),
    ],
)
def test_a_token_that_was_changed_on_its_way_is_refused(
    server: OidcProvider, what: str, reason: Reason
) -> None:
    async def go() -> None:
        provider = Provider(settings(server))
        attempt, said = await begin(provider)
        server.spoil(what)
        await redeem(provider, attempt, said)

    assert refused(go()).reason is reason


def test_another_verifier_and_another_issuer_in_the_answer_are_refused(server: OidcProvider) -> None:
    async def another_verifier() -> None:
        provider = Provider(settings(server))
        attempt, said = await begin(provider)
        await redeem(provider, replace(attempt, verifier="x" * 64), said)

    async def another_issuer(iss: str | None) -> None:
        provider = Provider(settings(server))
        attempt, said = await begin(provider)
        assert said["iss"] == server.issuer
        await provider.redeem(said["code"], attempt, iss=iss, now_s=int(time.time()))

    assert refused(another_verifier()).reason is Reason.CODE_REFUSED
    assert refused(another_issuer("https://elsewhere.example")).reason is Reason.OTHER_ISSUER
    assert refused(another_issuer(None)).reason is Reason.OTHER_ISSUER, "this provider always names itself"


def test_keys_that_the_provider_changed_are_asked_for_again(require_part: Any) -> None:
    with OidcProvider(free_port(), HUB, ACCOUNTS, kid="first") as server:
        now = [0.0]
        provider = Provider(settings(server), ticks=lambda: now[0])

        async def go() -> str:
            attempt, said = await begin(provider)
            return (await redeem(provider, attempt, said))[0].name

        async def both() -> None:
            assert await go() == "maria"
            server.stop()
            server.kid = "second"
            server.start()
            now[0] += KEYS_AGAIN_S + 1
            assert KEYS_AGAIN_S + 1 < KEPT_S, "the kept configuration and keys still count"
            assert await go() == "maria"

        apart.run(both())


def test_a_wrong_secret_and_a_wrong_method_say_what_to_compare(server: OidcProvider) -> None:
    async def go() -> None:
        provider = Provider(settings(server, client_secret="wrong"))
        attempt, said = await begin(provider)
        await redeem(provider, attempt, said)

    failed = refused(go())
    assert failed.reason is Reason.CLIENT_REFUSED
    assert "oidc.client_secret_file" in failed.do

    def how(offered: list[str] | None, **changed: Any) -> str:
        return Provider(settings(server, **changed))._method(
            {"token_endpoint_auth_methods_supported": offered}
        )

    assert how(None) == how(["client_secret_post", "client_secret_basic"]) == "client_secret_basic"
    assert how(["client_secret_post", "private_key_jwt"]) == "client_secret_post"
    assert how(["private_key_jwt"], client_secret=None) == "none"
    with pytest.raises(SignInFailed, match="private_key_jwt"):
        how(["private_key_jwt"])


def test_errors_of_an_it_office_say_which_key_to_change(server: OidcProvider) -> None:
    def fails(**changed: Any) -> SignInFailed:
        async def go() -> None:
            attempt, _ = Attempts().begin(0)
            await Provider(settings(server, **changed)).address(attempt)

        return refused(go())

    nobody = fails(issuer=f"http://127.0.0.1:{free_port()}")
    assert (nobody.reason, "firewall" in nobody.do) == (Reason.UNREACHABLE, True)
    path = fails(issuer=server.issuer + "/realms/none")
    assert (path.reason, "oidc.issuer" in path.do) == (Reason.NO_CONFIGURATION, True)
    slash = fails(issuer=server.issuer + "/")
    assert (slash.reason, server.issuer in slash.problem) == (Reason.OTHER_ISSUER, True)
    name = fails(issuer=server.issuer.replace("127.0.0.1", "localhost"))
    assert name.reason is Reason.OTHER_ISSUER
    ca = fails(ca_file="/nonexistent/ca.pem")
    assert (ca.reason, "oidc.ca_file" in ca.problem) == (Reason.NOT_TRUSTED, True)
