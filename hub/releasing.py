"""A CAP message leaves when one person has asked for it and a second one has approved it, and then exactly once."""

from __future__ import annotations

from typing import Any

from contract.phrase import say
from hub.cap.desk import NotReleased, ReleaseDesk
from hub.people.actor import Actor
from hub.people.approvals import Approval, Approvals, Done
from hub.people.refused import Refused
from hub.rights import Right

ACTION = "cap.release"
VALID_MINUTES = 30  # [E] an alert that waited longer is another one by then


class Releasing:
    """Any thread may call."""

    def __init__(self, *, desk: ReleaseDesk, approvals: Approvals, site: str) -> None:
        self._desk = desk
        self._approvals = approvals
        self._site = site
        approvals.register(ACTION, self._approved)

    def ask(self, alert: str, *, terms: str, reason: str, by: Actor, name: str) -> Approval:
        """Puts the release before a second person. `terms`: as who asks has seen them.

        Raises Refused or NotReleased.
        """
        preview = self._desk.preview(alert)
        if preview.terms != terms:
            raise NotReleased("status, scope or receivers have changed", "look at the preview again")
        message = preview.message
        return self._approvals.ask(
            action=ACTION,
            right=Right.CAP_RELEASE,
            site=self._site,
            payload={
                "alert": alert,
                "terms": preview.terms,
                "status": message.status,
                "scope": message.scope,
                "addresses": list(message.addresses),
                "restriction": message.restriction,
                "languages": [info.language for info in message.infos],
            },
            summary=str(
                say(
                    "release to {whom} ({status}, {scope}): {headline}",
                    whom=_whom(message.scope, message.addresses, message.restriction),
                    status=message.status,
                    scope=message.scope,
                    headline=message.infos[0].headline or message.infos[0].event,
                )
            ),
            reason=reason,
            by=by,
            name=name,
            minutes=VALID_MINUTES,
        )

    def waiting(self, alert: str) -> Approval | None:
        """The request about this alert that a second person can still decide."""
        for one in self._approvals.all(waiting=True):
            if one.action == ACTION and one.payload.get("alert") == alert:
                return one
        return None

    def _approved(self, approval: Approval, done: Done) -> str:
        asked: dict[str, Any] = approval.payload
        try:
            return self._desk.release(
                asked["alert"],
                terms=asked["terms"],
                asked_by=approval.asked_by,
                approved_by=approval.decided_by or "",
                via="session" if approval.asked_user is not None else "open",
                done=done,
            )
        except NotReleased as error:
            raise Refused("conflict", error.problem, error.do) from None


def _whom(scope: str, addresses: tuple[str, ...], restriction: str | None) -> str:
    if scope == "Private":
        return ", ".join(addresses)
    return restriction or "" if scope == "Restricted" else "everybody"
