"""Why a message is refused. A refusal is a value: it is counted, kept and shown, and never stops other messages."""

from __future__ import annotations

from enum import StrEnum


class RefusalReason(StrEnum):
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    WRONG_SHAPE = "wrong_shape"
    OUT_OF_RANGE = "out_of_range"
    SCHEMA_TOO_NEW = "schema_too_new"
    TOPIC_MISMATCH = "topic_mismatch"
    UNKNOWN_TOPIC = "unknown_topic"
    UNKNOWN_SITE = "unknown_site"
    UNKNOWN_CAMERA = "unknown_camera"
    UNKNOWN_LINE = "unknown_line"
    GRID_BROKEN = "grid_broken"
    TIME_BROKEN = "time_broken"
    FUTURE = "future"
    TOO_OLD = "too_old"
    SEQ_CONFLICT = "seq_conflict"

    @property
    def settles(self) -> bool:
        """Whether sending the same message again is pointless, so that the hub's ack may cover it.

        What an administrator can mend at the hub (a camera or line missing from the site file, an older hub) stays
        in the agent's outbox until it is mended.
        """
        return self not in _MENDABLE


_MENDABLE = frozenset(
    {
        RefusalReason.UNKNOWN_SITE,
        RefusalReason.UNKNOWN_CAMERA,
        RefusalReason.UNKNOWN_LINE,
        RefusalReason.SCHEMA_TOO_NEW,
    }
)


class Refused(ValueError):
    """A message that is not accepted: `reason` for counting, `detail` for people."""

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
