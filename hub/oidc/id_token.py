"""An id_token, checked: signature by a key of the provider, then what it claims (OpenID Connect Core 3.1.3.7).

The signature is joserfc's work and the claims are Authlib's; which algorithms count, and the words, are ours.
"""

from __future__ import annotations

from typing import Any

from hub.oidc.settings import Oidc
from hub.oidc.trouble import Reason, SignInFailed

# Asymmetric only: `none` proves nothing, and HS256 would make everybody who knows the client's secret an issuer.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
TOKEN_MAX = 64 * 1024


class UnknownKey(Exception):
    """The token names a key that is not among those given: the provider may have changed its keys."""


def checked(
    token: str, *, keys: dict[str, Any], oidc: Oidc, nonce: str, access_token: str | None, now_s: int
) -> dict[str, Any]:
    """The claims of an id_token. `keys` is the provider's JWK set as it came.

    Raises SignInFailed, or UnknownKey, after which the caller asks for the keys once more.
    """
    from authlib.oidc.core import CodeIDToken
    from joserfc import errors, jwt
    from joserfc.jwk import KeySet
    from joserfc.jws import JWSRegistry

    if len(token) > TOKEN_MAX:
        raise _bad(Reason.CLAIM, f"the id_token is longer than {TOKEN_MAX} bytes", oidc)
    usable = [
        key
        for key in keys.get("keys", ())
        if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
    ]
    try:
        found = jwt.decode(
            token,
            KeySet.import_key_set({"keys": usable}),
            registry=JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False),
        )
    except errors.InvalidKeyIdError:
        raise UnknownKey from None
    except errors.UnsupportedAlgorithmError:
        raise SignInFailed(
            Reason.ALGORITHM,
            "the id_token is not signed in a way that is accepted here",
            f"let the provider sign the tokens of the client {oidc.client_id!r} with RS256, PS256, ES256 or EdDSA",
        ) from None
    except (errors.JoseError, ValueError, TypeError, KeyError) as error:
        raise _bad(
            Reason.SIGNATURE, f"the id_token's signature is not the provider's ({error})", oidc
        ) from None
    claims = CodeIDToken(
        found.claims,
        found.header,
        {
            "iss": {"essential": True, "value": oidc.issuer},
            "aud": {"essential": True, "value": oidc.client_id},
            "sub": {"essential": True},
        },
        {"nonce": nonce, "client_id": oidc.client_id, "access_token": access_token},
    )
    try:
        claims.validate(now=now_s, leeway=oidc.skew_s)
    except errors.ExpiredTokenError:
        raise SignInFailed(
            Reason.EXPIRED,
            f"the id_token is over by this hub's clock (it says exp {found.claims.get('exp')}, here it is {now_s})",
            "begin again; if it happens each time, set the clock of the hub's machine (NTP), or of the provider's",
        ) from None
    except errors.ClaimError as error:
        raise _claim(error, found.claims, oidc) from None
    return dict(found.claims)


def _claim(error: Any, claims: dict[str, Any], oidc: Oidc) -> SignInFailed:
    name = str(getattr(error, "claim", None) or "")
    if name == "nonce":
        return SignInFailed(
            Reason.NONCE,
            "the id_token was not made for this sign-in (its nonce is another)",
            "begin again on the sign-in page; if it happens each time, something between provider and hub is caching",
        )
    if name == "iss":
        return SignInFailed(
            Reason.CLAIM,
            f"the id_token is of the issuer {claims.get('iss')!r}, not of {oidc.issuer!r}",
            "set oidc.issuer exactly as the provider names itself, if that is the right provider",
        )
    if name in ("aud", "azp"):
        return SignInFailed(
            Reason.CLAIM,
            f"the id_token was made for another client (aud {claims.get('aud')!r}, azp {claims.get('azp')!r}), "
            f"not for this hub's, {oidc.client_id!r}",
            "set oidc.client_id to the client that was registered for this hub",
        )
    if name in ("iat", "nbf"):
        return SignInFailed(
            Reason.CLAIM,
            f"the id_token comes from the future by this hub's clock ({name} {claims.get(name)})",
            f"set the clocks: provider and hub differ by more than {oidc.skew_s} s",
        )
    return _bad(Reason.CLAIM, f"the id_token's {name or 'claims'} cannot be right ({error})", oidc)


def _bad(reason: Reason, problem: str, oidc: Oidc) -> SignInFailed:
    return SignInFailed(
        reason,
        problem,
        f"begin again; if it happens each time, see that {oidc.issuer} is the right provider and that nothing "
        "between it and the hub changes what it says",
    )
