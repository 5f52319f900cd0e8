"""How often somebody may be wrong: failures alone count, per login name and per address.

An address that has logged in as somebody before keeps a count of its own for that login, so that guessing from
elsewhere can not lock the owner out. What is still being checked counts as a failure until it is known, so that a
hundred guesses at once get no further than ten in a row.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from hub.people.refused import Refused

WINDOW_MIN = 10
PER_LOGIN = 10  # [E] wrong passwords for one login name, from addresses that never were right
PER_KNOWN = 10  # [E] the same from one address that was right before
PER_ADDRESS = 40  # [E] a control room may share one address
PER_ADDRESS_SECRETS = 20  # [E] tokens and links that do not exist
KNOWN_MAX = 10_000


@dataclass(slots=True)
class Attempt:
    """Say `right = True` once it is known to be; otherwise it counts."""

    right: bool = False


def network(address: str) -> str:
    """What counts as one address: an IPv6 customer has a /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:60]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


class Attempts:
    """In memory: a restart of the hub forgets. Any thread may call."""

    def __init__(
        self,
        *,
        per_login: int = PER_LOGIN,
        per_address: int = PER_ADDRESS,
        per_secrets: int = PER_ADDRESS_SECRETS,
    ) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._login = RateLimitItemPerMinute(per_login, WINDOW_MIN, namespace="login")
        self._known = RateLimitItemPerMinute(min(per_login, PER_KNOWN), WINDOW_MIN, namespace="known")
        self._address = RateLimitItemPerMinute(per_address, WINDOW_MIN, namespace="address")
        self._secrets = RateLimitItemPerMinute(per_secrets, WINDOW_MIN, namespace="secrets")
        self._right: dict[tuple[str, str], None] = {}
        self._checking: Counter[tuple[str, ...]] = Counter()
        self._guard = threading.Lock()

    @contextmanager
    def login(self, login: str, address: str) -> Iterator[Attempt]:
        """Around the check of a password. Raises Refused("later")."""
        place = network(address)
        known = (login, place) in self._right
        own: tuple[RateLimitItem, tuple[str, ...]] = (
            (self._known, (login, place)) if known else (self._login, (login,))
        )
        # who was right from here before is not locked out by others behind the same address
        counted = [own] if known else [own, (self._address, (place,))]
        with self._counted(counted) as attempt:
            yield attempt
        if attempt.right:
            with self._guard:
                self._right[(login, place)] = None
                while len(self._right) > KNOWN_MAX:
                    del self._right[next(iter(self._right))]

    @contextmanager
    def secret(self, address: str) -> Iterator[Attempt]:
        """Around the use of a link. Raises Refused("later")."""
        with self._counted([(self._secrets, (network(address),))]) as attempt:
            yield attempt

    def wrong_token(self, address: str) -> int | None:
        """Counts a token that does not exist; the seconds to wait once there were too many. Ask for wrong ones only."""
        key = (network(address),)
        return None if self._limiter.hit(self._secrets, *key) else self._wait_s(self._secrets, key)

    @contextmanager
    def _counted(self, counted: Sequence[tuple[RateLimitItem, tuple[str, ...]]]) -> Iterator[Attempt]:
        keys = [(item.namespace, *key) for item, key in counted]
        with self._guard:
            for (item, key), name in zip(counted, keys, strict=True):
                left = self._limiter.get_window_stats(item, *key).remaining
                if left - self._checking[name] <= 0:
                    raise Refused(
                        "later",
                        "too many wrong attempts",
                        "wait, then try again; an administrator can make a link for a new password",
                        wait_s=self._wait_s(item, key) if left <= 0 else 1,
                    )
            self._checking.update(keys)
        attempt = Attempt()
        try:
            yield attempt
        finally:
            with self._guard:
                for (item, key), name in zip(counted, keys, strict=True):
                    if not attempt.right:
                        self._limiter.hit(item, *key)
                    self._checking[name] -= 1
                    if not self._checking[name]:
                        del self._checking[name]

    def _wait_s(self, item: RateLimitItem, key: tuple[str, ...]) -> int:
        return max(1, int(self._limiter.get_window_stats(item, *key).reset_time - time.time()) + 1)
