"""A coroutine in a thread of its own: playwright keeps an event loop in the thread of the tests that follow it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run(do: Coroutine[Any, Any, T]) -> T:
    """What `do` returns or raises."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, do).result()
