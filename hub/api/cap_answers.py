"""What the routes about CAP answer, as types."""

from __future__ import annotations

from msgspec import Struct

from contract.instants import Instant


class CapTerms(Struct, frozen=True, kw_only=True):
    """As what a release leaves: what a second person approves. `hash`: of all of it."""

    status: str
    scope: str
    sender: str
    languages: tuple[str, ...]
    addresses: tuple[str, ...]
    restriction: str | None
    hash: str


class CapWords(Struct, frozen=True, kw_only=True):
    """What the message says, in one language."""

    language: str
    headline: str
    description: str
    instruction: str


class CapPreview(Struct, frozen=True, kw_only=True):
    """What would leave now. `document`: the XML, with zeros where the identifier has its random part."""

    severity: str
    urgency: str
    certainty: str
    words: tuple[CapWords, ...]
    document: str


class CapMessage(Struct, frozen=True, kw_only=True):
    """One that has left. `change`: why it was made."""

    identifier: str
    msg_type: str
    change: str
    status: str
    scope: str
    headline: str
    sent_at: Instant
    expires_at: Instant


class CapRelease(Struct, frozen=True, kw_only=True):
    asked_by: str
    approved_by: str
    released_at: Instant
    ended_at: Instant | None


class CapWaiting(Struct, frozen=True, kw_only=True):
    """A request that a second person can decide. `approved_by`: the roles of which one must approve."""

    approval: str
    payload_hash: str
    summary: str
    reason: str
    asked_by: str
    asked_at: Instant
    until: Instant
    approved_by: tuple[str, ...]


class CapState(Struct, frozen=True, kw_only=True):
    """All about one alert. `refusal`: why it cannot be released now; `preview` where it can; `waiting`: the request
    that a second person has to decide."""

    alert: str
    terms: CapTerms
    releases: tuple[CapRelease, ...]
    messages: tuple[CapMessage, ...]
    preview: CapPreview | None
    refusal: str | None
    do: str | None
    waiting: CapWaiting | None
    problem: str | None


class CapAsked(Struct, frozen=True, kw_only=True):
    """`approval`: the request, under /api/v1/approvals."""

    alert: str
    approval: str
    until: Instant


class CapWithdrawn(Struct, frozen=True, kw_only=True):
    alert: str
    identifier: str


CAP_ANSWERS: tuple[type, ...] = (CapState, CapAsked, CapWithdrawn)
