"""Every sentence of a notification, in English with named values: what translators work from."""

from __future__ import annotations

from typing import Final

from contract.messages import Alert, Reason
from contract.phrase import Phrase, say, say_as, say_many
from hub.notify.channel import Mode

MODE: Final[dict[Mode, Phrase]] = {
    "replay": say("REPLAY"),
    "exercise": say("EXERCISE"),
    "test": say("TEST"),
}
NOT_REAL: Final[dict[Mode, Phrase]] = {
    "replay": say("REPLAY of recorded footage. Nothing of this is happening now."),
    "exercise": say("EXERCISE. Nothing of this is real."),
    "test": say("TEST. Nothing of this is real."),
}
SEVERITY: Final = {
    "low": say_as("notification severity", "low"),
    "medium": say_as("notification severity", "medium"),
    "high": say_as("notification severity", "HIGH"),
}
CONDITION: Final = {
    "pending": say_as("alert condition", "pending"),
    "active": say_as("alert condition", "active"),
    "returned": say_as("alert condition", "no longer there"),
    "unknown": say_as("alert condition", "unknown: nobody sees it now"),
}
HANDLING: Final = {
    "unacknowledged": say_as("alert handling", "not acknowledged"),
    "acknowledged": say_as("alert handling", "acknowledged"),
    "shelved": say_as("alert handling", "shelved"),
    "out_of_service": say_as("alert handling", "out of service"),
}
# By event of the alert: what the subject begins with.
EVENT: Final = {
    "onset": say("Alert, pending"),
    "open": say("Alert"),
    "worsen": say("Alert, now worse"),
    "rise_again": say("Alert, there again"),
    "unshelve": say("Alert, no longer shelved"),
    "shelf_expired": say("Alert, the shelf has run out"),
    "back_in_service": say("Alert, the rule is back in service"),
    "escalate": say("Nobody has acknowledged this"),
    "acknowledge": say("Acknowledged"),
    "shelve": say("Shelved"),
    "out_of_service": say("Rule taken out of service"),
    "lose": say("Nobody sees this now"),
    "regain": say("Seen again"),
    "return": say("No longer there"),
    "cancel": say("Cancelled"),
    "close": say("Closed"),
    "dispose": say("What it was, said after closing"),
}
REASONS: Final = say("Why:")
ADVICE: Final = say("What to do:")
DIGEST_OPEN: Final = say("Still open:")
DIGEST_OVER: Final = say("Came and went in your quiet hours:")
HAS_NOBODY: Final = say("Who has it: nobody yet")
MAY_REPEAT: Final = say("This message may have reached you before: an earlier try did not say how it ended.")


def subject(event: str, alert: Alert) -> Phrase:
    return say(
        "{event} ({severity}): {title}",
        event=EVENT[event],
        severity=SEVERITY[alert.severity],
        title=alert.title_phrase or alert.title,
    )


def marked(mode: Mode, subject: Phrase) -> Phrase:
    return say("[{mode}] {subject}", mode=MODE[mode], subject=subject)


def digest_subject(count: int) -> Phrase:
    return say_many(
        "Quiet hours are over: {count} alert is still open",
        "Quiet hours are over: {count} alerts are still open",
        count,
    )


def digest_line(alert: Alert) -> Phrase:
    return say(
        "{title} ({severity}), since {since:moment}; {handling}",
        title=alert.title_phrase or alert.title,
        severity=SEVERITY[alert.severity],
        since=alert.opened_at,
        handling=HANDLING[alert.handling],
    )


def over_line(alert: Alert) -> Phrase:
    return say(
        "{title} ({severity}), since {since:moment}",
        title=alert.title_phrase or alert.title,
        severity=SEVERITY[alert.severity],
        since=alert.opened_at,
    )


def test_subject(channel: str) -> Phrase:
    return say("Test message of channel {channel}", channel=channel)


def test_text(*, by: str, channel: str, site: str) -> Phrase:
    return say(
        "Asked for by {by}. If you read this, channel {channel} of site {site} works.",
        by=by,
        channel=channel,
        site=site,
    )


def where(place: str) -> Phrase:
    return say("Where: {place}", place=place)


def where_at(place: str, east_m: float, north_m: float) -> Phrase:
    return say(
        "Where: {place}, {east:.0f} m east and {north:.0f} m north of the site's origin",
        place=place,
        east=east_m,
        north=north_m,
    )


def since(alert: Alert, time_zone: str) -> Phrase:
    return say("Since: {since:moment} ({zone})", since=alert.opened_at, zone=time_zone)


def severity_line(alert: Alert) -> Phrase:
    return say("Severity: {severity}", severity=SEVERITY[alert.severity])


def state(alert: Alert) -> Phrase:
    return say(
        "State: {condition}; {handling}",
        condition=CONDITION[alert.condition],
        handling=HANDLING[alert.handling],
    )


def escalated(step: int, minutes: int) -> Phrase:
    return say("Escalation, step {step}: open for {minutes} min.", step=step, minutes=minutes)


def has(name: str, at: str) -> Phrase:
    return say("Who has it: {name}, since {since:moment}", name=name, since=at)


def disposed(disposition: str) -> Phrase:
    return say("It was: {disposition}", disposition=disposition)


def certainty(text: str | Phrase) -> Phrase:
    return say("How sure: {certainty}", certainty=text)


def page(link: str) -> Phrase:
    return say("Page: {link}", link=link)


def video(link: str) -> Phrase:
    return say("Video: {link}", link=link)


def reason(one: Reason, text: str | Phrase) -> Phrase:
    """A reason with its number and threshold, where it has them."""
    if one.value is None or one.threshold is None:
        return text if isinstance(text, Phrase) else say("{text}", text=text)
    return say(
        "{text} [{value:g} {unit}, threshold {threshold:g} {unit}]",
        text=text,
        value=one.value,
        threshold=one.threshold,
        unit=one.unit or "",
    )


def waited(minutes: int) -> Phrase:
    return say("This message waited {minutes} min to be sent.", minutes=minutes)


def footer(*, site: str, key: str, attempt: int) -> Phrase:
    return say(
        "Esplanade, site {site}; message {key}, attempt {attempt}. Sent by a machine; nobody reads answers.",
        site=site,
        key=key,
        attempt=attempt,
    )
