"""What the routes about people answer, as types."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from contract.instants import Instant, from_ms
from hub.people.approvals import Approval
from hub.people.sessions import SessionRow
from hub.people.tokens import TokenRow
from hub.people.users import User


class Me(Struct, frozen=True, kw_only=True):
    """Who asks. `via` "open": nobody logs in, the name is typed with each action.

    `rights`: what they may do on this hub's site. `approves`: for what they can be the second person.
    `form_token`: goes into the header X-CSRF-Token of every request that changes something; null with a token.
    """

    via: str
    login: str
    display: str
    roles: tuple[str, ...]
    rights: tuple[str, ...]
    approves: tuple[str, ...]
    sites: tuple[str, ...] | None
    language: str | None
    form_token: str | None
    has_password: bool


class WaysIn(Struct, frozen=True, kw_only=True):
    """How people enter. `passwords`: all, few (others are vouched for). `button`: of OpenID Connect, or null."""

    passwords: str
    button: str | None
    password_length_min: int


class GoTo(Struct, frozen=True, kw_only=True):
    """Where the browser goes next; null: nowhere else than the way in."""

    go: str | None


class UserShown(Struct, frozen=True, kw_only=True):
    """`state`: active, invited (no password yet), disabled. `elsewhere`: who vouches for them, as OpenID Connect."""

    login: str
    display: str
    roles: tuple[str, ...]
    sites: tuple[str, ...] | None
    language: str | None
    state: str
    elsewhere: str | None
    created_at: Instant


class UserList(Struct, frozen=True, kw_only=True):
    users: tuple[UserShown, ...]


class UserAnswer(Struct, frozen=True, kw_only=True):
    user: UserShown


class LinkAnswer(Struct, frozen=True, kw_only=True):
    """`link` is shown this once: whoever has it sets the password."""

    user: UserShown
    link: str
    until: Instant


class LinkShown(Struct, frozen=True, kw_only=True):
    """`kind`: first (chooses a login name), invite, reset."""

    kind: str
    login: str | None
    display: str | None
    until: Instant


class SessionShown(Struct, frozen=True, kw_only=True):
    """`is_this`: the one that asks."""

    id: int
    is_this: bool
    began_at: Instant
    seen_at: Instant
    until: Instant
    address: str
    browser: str


class SessionList(Struct, frozen=True, kw_only=True):
    sessions: tuple[SessionShown, ...]


class TokenShown(Struct, frozen=True, kw_only=True):
    """`begin`: its first characters. `state`: in use, over, revoked."""

    id: int
    name: str
    begin: str
    scopes: tuple[str, ...]
    state: str
    created_at: Instant
    until: Instant
    used_at: Instant | None


class TokenList(Struct, frozen=True, kw_only=True):
    """`scopes`: what a new one may carry."""

    tokens: tuple[TokenShown, ...]
    scopes: tuple[str, ...]


class TokenMade(Struct, frozen=True, kw_only=True):
    """`secret` is shown this once."""

    token: TokenShown
    secret: str


class RoleShown(Struct, frozen=True, kw_only=True):
    role: str
    rights: tuple[str, ...]


class RightShown(Struct, frozen=True, kw_only=True):
    right: str
    words: str
    roles: tuple[str, ...]
    approved_by: tuple[str, ...]


class RightsTable(Struct, frozen=True, kw_only=True):
    roles: tuple[RoleShown, ...]
    rights: tuple[RightShown, ...]


class ApprovalShown(Struct, frozen=True, kw_only=True):
    """A request for a second person. `mine`: who asks now asked for it, so that somebody else must decide.

    `state`: waiting, approved (being done), done, failed, refused, withdrawn, expired.
    """

    id: str
    action: str
    summary: str
    reason: str
    payload: dict[str, Any]
    payload_hash: str
    state: str
    asked_by: str
    asked_at: Instant
    until: Instant
    decided_by: str | None
    decided_at: Instant | None
    decided_reason: str | None
    done_at: Instant | None
    outcome: str | None
    mine: bool
    may_decide: bool


class ApprovalList(Struct, frozen=True, kw_only=True):
    approvals: tuple[ApprovalShown, ...]


class ApprovalAnswer(Struct, frozen=True, kw_only=True):
    approval: ApprovalShown


PEOPLE_ANSWERS: tuple[type, ...] = (
    Me,
    WaysIn,
    GoTo,
    UserList,
    UserAnswer,
    LinkAnswer,
    LinkShown,
    SessionList,
    TokenList,
    TokenMade,
    RightsTable,
    ApprovalList,
    ApprovalAnswer,
)


def shown_user(user: User) -> UserShown:
    state = "active" if user.has_password or user.subject is not None else "invited"
    return UserShown(
        login=user.login,
        display=user.display,
        roles=tuple(sorted(user.roles)),
        sites=None if user.sites is None else tuple(sorted(user.sites)),
        language=user.language,
        state="disabled" if user.disabled else state,
        elsewhere=user.issuer,
        created_at=from_ms(user.created_ms),
    )


def shown_session(row: SessionRow, *, this: int | None) -> SessionShown:
    return SessionShown(
        id=row.id,
        is_this=row.id == this,
        began_at=from_ms(row.created_ms),
        seen_at=from_ms(row.seen_ms),
        until=from_ms(row.until_ms),
        address=row.address,
        browser=row.browser,
    )


def shown_token(row: TokenRow, *, now_ms: int) -> TokenShown:
    state = "revoked" if row.revoked_ms is not None else "over" if row.until_ms <= now_ms else "in use"
    return TokenShown(
        id=row.id,
        name=row.name,
        begin=row.begin,
        scopes=row.scopes,
        state=state,
        created_at=from_ms(row.created_ms),
        until=from_ms(row.until_ms),
        used_at=None if row.used_ms is None else from_ms(row.used_ms),
    )


def shown_approval(one: Approval, *, mine: bool, may_decide: bool) -> ApprovalShown:
    return ApprovalShown(
        id=one.id,
        action=one.action,
        summary=one.summary,
        reason=one.reason,
        payload=one.payload,
        payload_hash=one.payload_hash,
        state=one.state,
        asked_by=one.asked_by,
        asked_at=from_ms(one.asked_ms),
        until=from_ms(one.until_ms),
        decided_by=one.decided_by,
        decided_at=None if one.decided_ms is None else from_ms(one.decided_ms),
        decided_reason=one.decided_reason,
        done_at=None if one.done_ms is None else from_ms(one.done_ms),
        outcome=one.outcome,
        mine=mine,
        may_decide=may_decide and not mine and one.state == "waiting",
    )
