"""Who may do what: the roles, the rights, and the one table that joins them. Pure.

Routes name a right (hub.api.allowed), users carry roles (hub.people), and nothing else in the hub knows which role may
what. docs/people.md prints this table and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Role(StrEnum):
    """What somebody is there for. A user may have several."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ASSESSOR = "assessor"
    TECHNICIAN = "technician"
    ADMINISTRATOR = "administrator"
    PARTNER = "partner"


class Right(StrEnum):
    """The value is the name that scopes of tokens, the audit log and the documentation use."""

    LOOK = "site.look"
    DEVICES = "devices.look"
    HANDLE = "alert.handle"
    PERMIT = "permit.grant"
    OUT_OF_SERVICE = "rule.out-of-service"
    HIGH_RULE_OFF = "rule.high-off"
    APPROVALS = "approvals.look"
    DELIVERIES = "deliveries.look"
    CHANNELS = "channels.set"
    CAP_LOOK = "cap.look"
    CAP_FEED = "cap.feed"
    CAP_DRAFT = "cap.draft"
    CAP_RELEASE = "cap.release"
    ASSESSMENT_LOOK = "assessment.look"
    ASSESSMENT_WRITE = "assessment.write"
    EXPORT = "data.export"
    NOTICE = "notice.look"
    DPIA = "dpia.look"
    AUDIT = "audit.look"
    USERS = "users.administer"
    TOKENS = "tokens.own"
    OWN = "account.own"
    SELF = "self.look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One row of the table.

    `approved_by`: the roles of which a second person must approve before it happens; empty where one person suffices.
    `of_site`: what it shows or changes belongs to a site, so that people limited to other sites do not have it.
    `by_token`: an API token may carry it; what makes or approves is for people at a session alone.
    """

    words: str
    roles: frozenset[Role]
    approved_by: frozenset[Role] = frozenset()
    of_site: bool = True
    by_token: bool = True

    @property
    def two_persons(self) -> bool:
        return bool(self.approved_by)


_ALL = frozenset(Role)
_HOUSE = _ALL - {Role.PARTNER}
_CONTROL = frozenset({Role.OPERATOR, Role.SUPERVISOR})
_HEADS = frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR})

RIGHTS: dict[Right, Grant] = {
    Right.LOOK: Grant(words="see the site, its state, histories and alerts, live", roles=_ALL),
    Right.DEVICES: Grant(words="see agents, cameras and refused messages", roles=_HOUSE),
    Right.HANDLE: Grant(words="acknowledge, shelve and close alerts", roles=_CONTROL),
    Right.PERMIT: Grant(words="let vehicles in for a time", roles=_CONTROL),
    Right.OUT_OF_SERVICE: Grant(
        words="put a rule out of service for maintenance", roles=frozenset({Role.TECHNICIAN, Role.SUPERVISOR})
    ),
    Right.HIGH_RULE_OFF: Grant(
        words="put a rule of high severity out of service",
        roles=frozenset({Role.TECHNICIAN, Role.SUPERVISOR}),
        approved_by=_HEADS,
        by_token=False,
    ),
    Right.APPROVALS: Grant(
        words="see what waits for a second person",
        roles=frozenset({Role.OPERATOR, Role.SUPERVISOR, Role.TECHNICIAN, Role.ADMINISTRATOR}),
    ),
    Right.DELIVERIES: Grant(words="see which notification reached whom", roles=_HOUSE - {Role.ASSESSOR}),
    Right.CHANNELS: Grant(
        words="try, stop and start channels of notification; set who is on duty",
        roles=frozenset({Role.SUPERVISOR, Role.TECHNICIAN, Role.ADMINISTRATOR}),
    ),
    Right.CAP_LOOK: Grant(words="see CAP messages, released or not", roles=_CONTROL | {Role.ADMINISTRATOR}),
    Right.CAP_FEED: Grant(words="read the feed of released CAP messages", roles=_ALL),
    Right.CAP_DRAFT: Grant(words="prepare a CAP message", roles=_CONTROL),
    Right.CAP_RELEASE: Grant(
        words="release a CAP message outside", roles=_CONTROL, approved_by=_HEADS, by_token=False
    ),
    Right.ASSESSMENT_LOOK: Grant(
        words="read the vulnerability assessment and its photographs",
        roles=frozenset({Role.ASSESSOR, Role.SUPERVISOR}),
        by_token=False,
    ),
    Right.ASSESSMENT_WRITE: Grant(
        words="change the vulnerability assessment", roles=frozenset({Role.ASSESSOR}), by_token=False
    ),
    Right.EXPORT: Grant(
        words="export readings, minutes and alerts",
        roles=frozenset({Role.SUPERVISOR, Role.ASSESSOR, Role.ADMINISTRATOR}),
    ),
    Right.NOTICE: Grant(words="read the public notice", roles=_ALL),
    Right.DPIA: Grant(
        words="read the data-protection impact assessment",
        roles=frozenset({Role.SUPERVISOR, Role.ASSESSOR, Role.ADMINISTRATOR}),
    ),
    Right.AUDIT: Grant(words="read and verify the audit log", roles=_HEADS),
    Right.USERS: Grant(
        words="administer users, their roles, sessions and tokens",
        roles=frozenset({Role.ADMINISTRATOR}),
        of_site=False,
        by_token=False,
    ),
    Right.TOKENS: Grant(
        words="make and revoke API tokens of one's own", roles=_ALL, of_site=False, by_token=False
    ),
    Right.SELF: Grant(words="see who one is and what one may", roles=_ALL, of_site=False),
    Right.OWN: Grant(
        words="see and end one's sessions, set one's language and password",
        roles=_ALL,
        of_site=False,
        by_token=False,
    ),
}


@cache
def of(roles: frozenset[Role]) -> frozenset[Right]:
    """Everything that these roles may do together."""
    return frozenset(right for right, grant in RIGHTS.items() if grant.roles & roles)


def may_approve(roles: Iterable[Role], right: Right) -> bool:
    """Whether these roles can be the second person for `right`."""
    return bool(RIGHTS[right].approved_by & frozenset(roles))


def scopes(roles: frozenset[Role]) -> frozenset[Right]:
    """The rights that a token of somebody with these roles may carry; to see whose it is comes with each."""
    return frozenset(right for right in of(roles) if RIGHTS[right].by_token and right is not Right.SELF)
