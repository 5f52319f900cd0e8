"""Decisions of routing, for tests that are about what comes after it."""

from __future__ import annotations

from hub.notify.routing import Decision, Purpose, Verdict, Why


def told(*channels: str) -> tuple[Decision, ...]:
    """Each of these channels is told at once."""
    return tuple(
        Decision(
            verdict=Verdict.TELL,
            recipient=f"channel:{channel}",
            channel=channel,
            purpose=Purpose.ALERT,
            why=Why.ROUTE,
            text="",
            language="en",
        )
        for channel in channels
    )
