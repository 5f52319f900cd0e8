"""What people are told when something can not be done for them."""

from __future__ import annotations

from typing import Literal

Kind = Literal["invalid", "denied", "forbidden", "unknown", "conflict", "later", "busy"]


class Refused(Exception):
    """`problem` says what is wrong, `do` what to do next. "denied": not who they say; "later": in `wait_s` seconds."""

    def __init__(self, kind: Kind, problem: str, do: str, *, wait_s: int | None = None) -> None:
        super().__init__(f"{problem}; {do}")
        self.kind: Kind = kind
        self.problem = problem
        self.do = do
        self.wait_s = wait_s
