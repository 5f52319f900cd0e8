"""What a person can do to an alert or a place. The monitor judges whether it is allowed."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from contract.phrase import Phrase, english

Disposition = Literal["true", "false", "test", "exercise"]


class _Action(Struct, frozen=True, kw_only=True):
    """`by` is the name of the person who acts; it is kept with what they did."""

    by: str


class Acknowledge(_Action, frozen=True, kw_only=True):
    """Someone has it."""

    alert: str


class Shelve(_Action, frozen=True, kw_only=True):
    """Put aside for at most 60 minutes, with a reason. A high alert cannot be shelved."""

    alert: str
    reason: str
    minutes: int


class Unshelve(_Action, frozen=True, kw_only=True):
    alert: str


class Close(_Action, frozen=True, kw_only=True):
    """Close an alert whose condition has returned, saying what it was. `cause` is asked for with "false"."""

    alert: str
    disposition: Disposition
    cause: str | None = None


class OutOfService(_Action, frozen=True, kw_only=True):
    """A technician's maintenance mode for one rule on one zone, area or camera (`subject`), until a given time."""

    rule: str
    subject: str
    until_ms: int
    reason: str


Action = Acknowledge | Shelve | Unshelve | Close | OutOfService


class IllegalAction(ValueError):
    """An action that is not allowed now. Nothing has changed. `problem` says why, `do` what to do instead."""

    def __init__(self, problem: Phrase, do: Phrase) -> None:
        self.problem, self.do = english(problem), english(do)
        self.problem_phrase, self.do_phrase = problem, do
        super().__init__(f"{self.problem}; {self.do}")


class UnknownAlert(IllegalAction):
    """No open alert has this id."""
