"""OpenID Connect without a network: settings, groups to roles, sign-ins that wait, and id_tokens made by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from hub.oidc.attempts import LASTS_MS, WAITING_MAX, Attempts
from hub.oidc.id_token import UnknownKey, checked
from hub.oidc.settings import Grant, Oidc, granted, person
from hub.oidc.trouble import Reason, SignInFailed

NOW_S = 1_790_000_000
ISSUER = "https://login.town.example/realms/town"
KEY = RSAKey.generate_key(2048, {"kid": "a", "alg": "RS256", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "a", "alg": "RS256", "use": "sig"})
CURVE = ECKey.generate_key("P-256", {"kid": "curve", "use": "sig"})
KEYS = {"keys": [KEY.as_dict(private=False), CURVE.as_dict(private=False)]}
NONCE = "the nonce of this sign-in"
OIDC = Oidc(
    issuer=ISSUER,
    client_id="esplanade",
    client_secret="secret",
    hub="https://esplanade.town.example",
    grants={
        "esplanade-operators": Grant(roles=frozenset({"operator"}), sites=frozenset({"harbour"})),
        "esplanade-market": Grant(roles=frozenset({"viewer"}), sites=frozenset({"market"})),
        "esplanade-heads": Grant(roles=frozenset({"supervisor"})),
    },
)


def claims(**changed: Any) -> dict[str, Any]:
    base = {
        "iss": ISSUER,
        "aud": "esplanade",
        "sub": "u-17",
        "iat": NOW_S,
        "exp": NOW_S + 300,
        "nonce": NONCE,
    }
    return {name: value for name, value in {**base, **changed}.items() if value is not None}


def signed(body: dict[str, Any], *, key: Any = KEY, alg: str = "RS256", kid: str | None = "a") -> str:
    header = {"alg": alg} if kid is None else {"alg": alg, "kid": kid}
    return jwt.encode(header, body, key, algorithms=[alg])


def check(token: str, *, now_s: int = NOW_S, keys: dict[str, Any] = KEYS) -> dict[str, Any]:
    return checked(token, keys=keys, oidc=OIDC, nonce=NONCE, access_token=None, now_s=now_s)


def unsigned(body: dict[str, Any], header: dict[str, Any]) -> str:
    parts = (
        base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in (header, body)
    )
    return ".".join(parts) + "."


def by_hmac(body: dict[str, Any], secret: bytes) -> str:
    said = unsigned(body, {"alg": "HS256", "kid": "a"})[:-1]
    mac = hmac.new(secret, said.encode(), hashlib.sha256).digest()
    return f"{said}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_a_right_token_is_taken_and_the_clock_may_be_off_by_the_skew() -> None:
    assert check(signed(claims()))["sub"] == "u-17"
    assert check(signed(claims(), key=CURVE, alg="ES256", kid="curve"))["sub"] == "u-17"
    assert check(signed(claims(aud=["esplanade"])))["sub"] == "u-17"
    assert check(signed(claims(aud=["esplanade", "other"], azp="esplanade")))["sub"] == "u-17"
    check(signed(claims(exp=NOW_S - OIDC.skew_s + 1, iat=NOW_S - 900)))
    check(signed(claims(iat=NOW_S + OIDC.skew_s)))


@pytest.mark.parametrize(
    ("changed", "reason", "words"),
    [
        ({"nonce": "another"}, Reason.NONCE, "not made for this sign-in"),
        ({"nonce": None}, Reason.NONCE, "not made for this sign-in"),
        ({"iss": "https://elsewhere.example"}, Reason.CLAIM, "oidc.issuer"),
        ({"iss": ISSUER + "/"}, Reason.CLAIM, "oidc.issuer"),
        ({"iss": None}, Reason.CLAIM, "iss"),
        ({"aud": "another"}, Reason.CLAIM, "oidc.client_id"),
        ({"aud": ["another", "third"]}, Reason.CLAIM, "oidc.client_id"),
        ({"aud": ["esplanade", "other"]}, Reason.CLAIM, "azp"),
        ({"azp": "another"}, Reason.CLAIM, "oidc.client_id"),
        ({"aud": None}, Reason.CLAIM, "aud"),
        ({"sub": None}, Reason.CLAIM, "sub"),
        ({"exp": NOW_S - OIDC.skew_s - 1, "iat": NOW_S - 900}, Reason.EXPIRED, "clock"),
        ({"exp": None}, Reason.CLAIM, "exp"),
        ({"exp": "never"}, Reason.CLAIM, "exp"),
        ({"iat": NOW_S + OIDC.skew_s + 5, "exp": NOW_S + 900}, Reason.CLAIM, "future"),
        ({"nbf": NOW_S + OIDC.skew_s + 5}, Reason.CLAIM, "future"),
        ({"at_hash": 5}, None, ""),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused_with_what_to_change(
    changed: dict[str, Any], reason: Reason | None, words: str
) -> None:
    if reason is None:  # no access token beside it: nothing to hold it against
        check(signed(claims(**changed)))
        return
    with pytest.raises(SignInFailed) as refused:
        check(signed(claims(**changed)))
    assert refused.value.reason is reason
    assert words in f"{refused.value.problem} {refused.value.do}"


def test_a_token_that_the_provider_did_not_sign_is_refused() -> None:
    good = signed(claims())
    head, _, mac = good.split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims(sub="somebody-else")).encode()).rstrip(b"=").decode()
    public = KEY.as_pem(private=False)
    for token, reason in (
        (f"{head}.{body}.{mac}", Reason.SIGNATURE),
        (signed(claims(), key=OTHER), Reason.SIGNATURE),
        (unsigned(claims(), {"alg": "none"}), Reason.ALGORITHM),
        (unsigned(claims(), {"alg": "none", "kid": "a"}), Reason.ALGORITHM),
        # the provider's public key as the secret of an HMAC: the classic confusion
        (by_hmac(claims(), public), Reason.ALGORITHM),
        (
            signed(claims(), key=OctKey.import_key("secret-of-the-client-that-is-long"), alg="HS256"),
            Reason.ALGORITHM,
        ),
        ("not a token", Reason.SIGNATURE),
        ("a.b.c", Reason.SIGNATURE),
        ("", Reason.SIGNATURE),
        ("é.é.é", Reason.SIGNATURE),
    ):
        with pytest.raises(SignInFailed) as refused:
            check(token)
        assert refused.value.reason is reason, token


def test_an_unknown_key_asks_for_the_keys_again() -> None:
    with pytest.raises(UnknownKey):
        check(signed(claims(), kid="b"))
    with pytest.raises((UnknownKey, SignInFailed)):
        check(signed(claims()), keys={"keys": []})


def test_groups_give_roles_and_sites() -> None:
    def of(groups: Any, **more: Any) -> Grant:
        return granted(person({"sub": "u-17", "groups": groups, **more}, OIDC), OIDC)

    assert of(["esplanade-operators", "else"]) == Grant(
        roles=frozenset({"operator"}), sites=frozenset({"harbour"})
    )
    assert of("esplanade-market").roles == {"viewer"}
    both = of(["esplanade-operators", "esplanade-market"])
    assert both == Grant(roles=frozenset({"operator", "viewer"}), sites=frozenset({"harbour", "market"}))
    assert of(["esplanade-operators", "esplanade-heads"]).sites is None, "one group without sites gives all"
    for groups, words in (
        (None, "is missing"),
        ([], "groups: none"),
        (["cooks"], "cooks"),
        ({"a": 1}, "is missing"),
        ([1, 2], "groups: none"),
    ):
        with pytest.raises(SignInFailed) as refused:
            of(groups)
        assert refused.value.reason is Reason.NO_ROLE
        assert words in refused.value.problem


def test_a_person_is_read_from_what_the_provider_says() -> None:
    keycloak = Oidc(
        issuer=ISSUER, client_id="e", client_secret=None, hub="https://hub.example", groups_claim="realm_access.roles",
        grants={"op": Grant(roles=frozenset({"operator"}))},
    )  # fmt: skip
    found = person(
        {"sub": "u-17", "preferred_username": "maria", "name": "Maria Ionescu", "email": "m@town.example",
         "realm_access": {"roles": ["op"]}},
        keycloak,
    )  # fmt: skip
    assert (found.name, found.display, found.email, found.groups) == (
        "maria",
        "Maria Ionescu",
        "m@town.example",
        ("op",),
    )
    bare = person({"sub": "u-17", "email": ["x"], "name": " "}, OIDC)
    assert (bare.name, bare.display, bare.email, bare.groups) == ("u-17", "u-17", None, None)
    assert person({"sub": "u", "a.b": "x"}, Oidc(**{**_plain(OIDC), "name_claim": "a.b"})).name == "x"


def _plain(oidc: Oidc) -> dict[str, Any]:
    return {name: getattr(oidc, name) for name in Oidc.__slots__}


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"issuer": "http://login.town.example"}, "https"),
        ({"hub": "http://esplanade.town.example"}, "https"),
        ({"hub": "https://town.example/esplanade"}, "only scheme, name and port"),
        ({"issuer": "login.town.example"}, "https"),
        ({"issuer": "https://login.town.example/?x=1"}, "oidc.issuer"),
        ({"scopes": ("profile",)}, "openid"),
        ({"grants": {}}, "oidc.roles"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(changed: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Oidc(**{**_plain(OIDC), **changed})
    Oidc(**{**_plain(OIDC), "issuer": "http://127.0.0.1:4000", "hub": "http://localhost:8080"})


def test_an_attempt_counts_once_in_its_own_browser_and_for_ten_minutes() -> None:
    attempts = Attempts()
    attempt, cookie = attempts.begin(1000)
    _, other = attempts.begin(1000)

    def refused(state: str, by: str, now_ms: int) -> None:
        with pytest.raises(SignInFailed) as failed:
            attempts.take(state, by, now_ms)
        assert failed.value.reason is Reason.NOT_BEGUN_HERE

    refused(attempt.state, other, 2000)
    refused(attempt.state, "", 2000)
    refused("unknown", cookie, 2000)
    assert attempts.take(attempt.state, cookie, 2000) == attempt, "the tries of others did not end it"
    refused(attempt.state, cookie, 2000)
    late, late_cookie = attempts.begin(5000)
    refused(late.state, late_cookie, 5000 + LASTS_MS + 1)


def test_many_that_begin_and_never_end_push_out_the_oldest() -> None:
    attempts = Attempts()
    first, cookie = attempts.begin(0)
    for _ in range(WAITING_MAX - 1):
        attempts.begin(1)
    second, second_cookie = attempts.begin(1)
    with pytest.raises(SignInFailed):
        attempts.take(first.state, cookie, 2)
    assert attempts.take(second.state, second_cookie, 2) == second
