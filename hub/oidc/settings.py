"""What an IT office sets for OpenID Connect, and the pure step from what a provider says to roles and sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from hub.oidc.trouble import Reason, SignInFailed

RETURN_PATH = "/login/oidc/return"
BEGIN_PATH = "/login/oidc"
SIGNED_OUT_PATH = "/login"
BUTTON = "Sign in with the town's account"
SCOPES = ("openid", "profile", "email")
SKEW_S = 60  # [E] how far the provider's clock may be off
GROUPS_SHOWN = 20
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Who = Literal["mapped", "invited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one group of the provider gives here. `sites` None: all sites."""

    roles: frozenset[str]
    sites: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Oidc:
    """Settings, checked. `hub` is the address by which people reach this hub, as it is registered at the provider.

    `who`: mapped, everybody whose groups give a role, made a user at the first sign-in; invited, only those whom an
    administrator invited and who took up the invitation with their account.
    """

    issuer: str
    client_id: str
    client_secret: str | None
    hub: str
    button: str = BUTTON
    scopes: tuple[str, ...] = SCOPES
    groups_claim: str = "groups"
    name_claim: str = "preferred_username"
    grants: Mapping[str, Grant] = field(default_factory=dict)
    who: Who = "mapped"
    ca_file: str | None = None
    skew_s: int = SKEW_S

    def __post_init__(self) -> None:
        """Raises ValueError naming the key."""
        for key, value in (("oidc.issuer", self.issuer), ("url", self.hub)):
            parts = urlsplit(value)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
                raise ValueError(f"{key} {value}: it must begin with https:// (http only on 127.0.0.1)")
            if parts.query or parts.fragment or not parts.hostname:
                raise ValueError(
                    f"{key} {value}: an address without ? and #, such as https://login.town.example"
                )
        if urlsplit(self.hub).path not in ("", "/"):
            raise ValueError(
                f"url {self.hub}: only scheme, name and port, such as https://esplanade.town.example"
            )
        if "openid" not in self.scopes:
            raise ValueError(
                "oidc.scopes: openid must be among them, else the provider says nothing of who it is"
            )
        if self.who == "mapped" and not self.grants:
            raise ValueError(
                "oidc.roles: with `who: mapped` at least one group must give a role; or set `who: invited`"
            )

    @property
    def redirect_uri(self) -> str:
        """To be registered at the provider, letter for letter."""
        return self.hub.rstrip("/") + RETURN_PATH

    @property
    def signed_out_uri(self) -> str:
        """To be registered at the provider as an address to return to after signing out."""
        return self.hub.rstrip("/") + SIGNED_OUT_PATH


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who signed in, as the provider says it. (`issuer`, `subject`) is the one thing that never changes and is never
    given to somebody else; a name or an address of e-mail may be."""

    issuer: str
    subject: str
    name: str
    display: str
    email: str | None
    groups: tuple[str, ...] | None
    """None: the claim was not there at all."""


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path with dots where there is none of that name (realm_access.roles)."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def person(claims: Mapping[str, Any], oidc: Oidc) -> Person:
    """Reads who it is from checked claims. A name is taken from what is there, at the end from the subject."""
    subject = str(claims["sub"])
    names = (claim(claims, name) for name in (oidc.name_claim, "preferred_username", "email"))
    name = next((text for text in names if isinstance(text, str) and text.strip()), subject).strip()
    display = claims.get("name")
    email = claims.get("email")
    return Person(
        issuer=oidc.issuer,
        subject=subject,
        name=name[:80],
        display=(display.strip() if isinstance(display, str) and display.strip() else name)[:80],
        email=email[:200] if isinstance(email, str) and "@" in email else None,
        groups=_groups(claim(claims, oidc.groups_claim)),
    )


def granted(who: Person, oidc: Oidc) -> Grant:
    """What the person's groups give here, all of them together. Raises SignInFailed when that is no role.

    Sites: of all groups together; one group without a list of sites gives all.
    """
    found = [oidc.grants[group] for group in who.groups or () if group in oidc.grants]
    if not found:
        raise _no_role(who, oidc)
    sites: frozenset[str] | None = frozenset()
    for grant in found:
        sites = None if sites is None or grant.sites is None else sites | grant.sites
    return Grant(roles=frozenset().union(*(grant.roles for grant in found)), sites=sites)


def _groups(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple):
        return tuple(one for one in value if isinstance(one, str))
    return None


def _no_role(who: Person, oidc: Oidc) -> SignInFailed:
    if who.groups is None:
        return SignInFailed(
            Reason.NO_ROLE,
            f"the provider does not say which groups {who.name} is in: the claim {oidc.groups_claim!r} is missing",
            f"let the provider send {oidc.groups_claim!r} to the client {oidc.client_id!r}, add the scope that it "
            "needs to oidc.scopes, or set oidc.groups_claim to the name it uses",
        )
    shown = ", ".join(who.groups[:GROUPS_SHOWN]) or "none"
    return SignInFailed(
        Reason.NO_ROLE,
        f"none of the groups of {who.name} gives a role here (groups: {shown})",
        "add the person to a group that oidc.roles names, or name one of these groups there",
    )
