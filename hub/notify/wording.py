"""Every sentence of a notification, in English with named values: what translators work from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime

MODE: Final = {
    "live": "",
    "replay": "REPLAY",
    "exercise": "EXERCISE",
    "test": "TEST",
}
NOT_REAL: Final = {
    "replay": "REPLAY of recorded footage. Nothing of this is happening now.",
    "exercise": "EXERCISE. Nothing of this is real.",
    "test": "TEST. Nothing of this is real.",
}
SEVERITY: Final = {"low": "low", "medium": "medium", "high": "high"}
CONDITION: Final = {
    "pending": "pending",
    "active": "active",
    "returned": "no longer there",
    "unknown": "unknown: nobody sees it now",
}
HANDLING: Final = {
    "unacknowledged": "not acknowledged",
    "acknowledged": "acknowledged",
    "shelved": "shelved",
    "out_of_service": "out of service",
}
# By event of the alert: what the subject begins with.
EVENT: Final = {
    "open": "Alert",
    "worsen": "Alert, now worse",
    "rise_again": "Alert, there again",
    "unshelve": "Alert, no longer shelved",
    "shelf_expired": "Alert, the shelf has run out",
    "back_in_service": "Alert, the rule is back in service",
    "escalate": "Nobody has acknowledged this",
    "acknowledge": "Acknowledged",
    "shelve": "Shelved",
    "out_of_service": "Rule taken out of service",
    "lose": "Nobody sees this alert now",
    "regain": "Seen again",
    "return": "No longer there",
    "close": "Closed",
    "dispose": "Closed alert assessed",
    "cancel": "Cancelled",
    "onset": "Pending",
}
SUBJECT: Final = "{event} ({severity}): {title}"
SUBJECT_MARKED: Final = "[{mode}] {subject}"
DIGEST_SUBJECT: Final = "Quiet hours are over: {count} alerts still open"
DIGEST_SUBJECT_ONE: Final = "Quiet hours are over: one alert still open"
DIGEST_OVER: Final = "Came and went in your quiet hours:"
DIGEST_OPEN: Final = "Still open:"
DIGEST_LINE: Final = "{title} ({severity}), since {since}; {handling}"
DIGEST_OVER_LINE: Final = "{title} ({severity}), since {since}"
TEST_SUBJECT: Final = "Test message of channel {channel}"
TEST_TEXT: Final = "Asked for by {by}. If you read this, the channel {channel} of site {site} works."
WHERE: Final = "Where: {where}"
WHERE_AT: Final = "{place}, {east} m east and {north} m north of the site's origin"
SINCE: Final = "Since: {since}"
SEVERITY_LINE: Final = "Severity: {severity}"
STATE: Final = "State: {condition}; {handling}"
ESCALATED: Final = "Escalated, step {step}: nobody has acknowledged it for {minutes} min."
HAS_NOBODY: Final = "Who has it: nobody yet"
HAS: Final = "Who has it: {name}, since {since}"
REASONS: Final = "Why:"
REASON_NUMBERS: Final = "{text} [{value} {unit}, threshold {threshold} {unit}]"
CERTAINTY: Final = "How sure: {certainty}"
ADVICE: Final = "What to do:"
DISPOSITION: Final = "It was: {disposition}"
PAGE: Final = "Page: {link}"
VIDEO: Final = "Video: {link}"
WAITED: Final = "This message waited {minutes} min to be sent."
MAY_REPEAT: Final = "This message may have reached you before: an earlier try did not say how it ended."
FOOTER: Final = (
    "Esplanade, site {site}; message {key}, attempt {attempt}. Sent by a machine; nobody reads answers."
)
UNITS_NONE: Final = "{text} [{value}, threshold {threshold}]"


def phrase(language: str, message: str, /, **values: Any) -> str:
    """The message in that language with its values."""
    del language  # English until the catalogues are there
    return message.format(**values)


def moment(language: str, at_ms: int, zone: ZoneInfo) -> str:
    """Date and time on the site's clock, as the language writes them, with the zone's offset."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    offset = local.strftime("%z")
    text: str = format_datetime(local, "d MMM y, HH:mm:ss", locale=_locale(language))
    return f"{text} ({offset[:3]}:{offset[3:]})"


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en", "GB")
