"""Which status of an agent, and which health of a camera, is its last word: the broker may bring an older one later.

Within a boot the device's own `sent_at` orders them. Between boots the hub's time does: `sent_at` put right by what is
known of that boot's clock, and never later than when it came. A boot whose clock was set back seems to speak from the
past until its clock is known; what it says meanwhile waits, and counts once a reading of that boot is live.
"""

from __future__ import annotations

from dataclasses import dataclass

from contract.instants import to_ms
from contract.messages import AgentStatus, CameraHealth
from hub.batch import Said


@dataclass(frozen=True, slots=True)
class Word:
    """A status or a health message, as it is kept, and when it was said by the hub's time."""

    message: CameraHealth | AgentStatus
    said: Said
    said_ms: int

    @property
    def key(self) -> tuple[str, str]:
        return self.said.agent, self.said.camera


class LastWords:
    """One word for each agent (camera '') and each camera; beside it at most one that waits."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], Word] = {}
        self.waiting: dict[tuple[str, str], Word] = {}

    def take(self, word: Word) -> bool:
        """Whether this is the last word now."""
        last = self._last.get(word.key)
        if last is not None and not _follows(word, last):
            if word.message.boot != last.message.boot:
                self._wait(word)
            return False
        self._keep(word)
        return True

    def release(self, agent: str, boot: str) -> list[Word]:
        """A reading of this boot is live, so the boot runs now: what waited of it becomes the last word."""
        found = [
            word
            for key, word in self.waiting.items()
            if key[0] == agent and word.message.boot == boot and self._last[key].message.boot != boot
        ]
        for word in found:
            self._keep(word)
        return found

    def _keep(self, word: Word) -> None:
        self._last[word.key] = word
        self.waiting.pop(word.key, None)

    def _wait(self, word: Word) -> None:
        other = self.waiting.get(word.key)
        if other is None or other.message.boot != word.message.boot or _follows(word, other):
            self.waiting[word.key] = word


def _follows(word: Word, last: Word) -> bool:
    message, before = word.message, last.message
    if message.boot != before.boot:
        return word.said_ms >= last.said_ms
    if isinstance(message, AgentStatus) and message.state == "offline":
        return True  # the will: written when the agent connected, said when it was lost
    return to_ms(message.sent_at) >= to_ms(before.sent_at)
