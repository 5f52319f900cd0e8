"""Keeps what routing must remember from one transition to the next: who was told of an open alert, and what is held.

The judge's thread calls it; all of it can be read from the outbox again after a restart. Pure but for its memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from contract.messages import Alert
from hub.notify.directory import Directory
from hub.notify.letter import DigestBody
from hub.notify.outbox import QuietOver
from hub.notify.routing import NOBODY, Decision, Policy, Verdict, plan
from hub.step import Transition

_Way = tuple[str, str]  # recipient, channel


class HeldRow(Struct, frozen=True, kw_only=True):
    """A message in the outbox that waits for the end of quiet hours, with its alert as it was."""

    recipient: str
    channel: str
    language: str
    alert: Alert
    until_ms: int


class Desk:
    """One town's policy at work."""

    def __init__(
        self,
        *,
        policy: Policy,
        directory: Directory,
        told: Mapping[str, Iterable[_Way]] | None = None,
        held: Iterable[HeldRow] = (),
    ) -> None:
        """`told`, `held`: from the outbox, after a restart."""
        self._policy = policy
        self._directory = directory
        self._told = {alert: set(ways) for alert, ways in (told or {}).items()}
        self._held: dict[_Way, list[HeldRow]] = {}
        for row in held:
            self._held.setdefault((row.recipient, row.channel), []).append(row)

    def take(self, transition: Transition) -> tuple[Decision, ...]:
        """Who is told of it. What is not kept in the outbox is left out."""
        alert = transition.alert
        told = frozenset(self._told.get(alert.alert, NOBODY))
        decisions = plan(self._policy, self._directory, transition, told=told)
        for one in decisions:
            if one.verdict is Verdict.SKIP:
                continue
            way = (one.recipient, one.channel)
            self._told.setdefault(alert.alert, set()).add(way)
            if one.verdict is Verdict.HOLD and one.until_ms is not None:
                self._held.setdefault(way, []).append(
                    HeldRow(
                        recipient=one.recipient,
                        channel=one.channel,
                        language=one.language,
                        alert=alert,
                        until_ms=one.until_ms,
                    )
                )
        if alert.closed_at is not None:
            self._told.pop(alert.alert, None)
        return tuple(one for one in decisions if one.kept)

    def tick(self, now_ms: int, alerts: Iterable[Alert]) -> list[QuietOver]:
        """Whose quiet hours have ended by now. `alerts`: the open ones, as they are."""
        due = [way for way, rows in self._held.items() if any(one.until_ms <= now_ms for one in rows)]
        if not due:
            return []
        is_open = {one.alert: one for one in alerts}
        found = []
        for way in sorted(due):
            rows = self._held.pop(way)
            # what is held for longer stays: quiet hours of another severity may end later
            ended = [one for one in rows if one.until_ms <= now_ms]
            longer = [one for one in rows if one.until_ms > now_ms]
            if longer:
                self._held[way] = longer
            last = {one.alert.alert: one.alert for one in ended}
            in_order = sorted(last.values(), key=lambda one: (one.opened_at, one.alert))
            still = tuple(is_open[one.alert] for one in in_order if one.alert in is_open)
            over = tuple(one for one in in_order if one.alert not in is_open)
            body = msgspec.json.encode(DigestBody(alerts=still, over=over)) if still else None
            found.append(
                QuietOver(
                    recipient=way[0],
                    channel=way[1],
                    language=ended[-1].language,
                    at_ms=now_ms,
                    body=body,
                    alerts=tuple(one.alert for one in still),
                )
            )
        return found
