"""From a transition, a digest or a test to the Letter that leaves: subject, plain text and small HTML, by language.

No names but those of staff, no pictures. What is no real event says so in the subject, at the top and at the bottom.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import quote

import msgspec
from msgspec import Struct

from contract.instants import to_ms
from contract.messages import Alert, Reason, Severity
from hub.notify import wording as w
from hub.notify.channel import Letter, Mode
from hub.notify.routing import Purpose, rank
from hub.notify.wording import moment, phrase
from hub.site import Site
from hub.step import Transition

MINUTE_MS = 60_000
WAITED_SAID_MS = 2 * MINUTE_MS  # [E] a message older than this says so
_TRANSITION = msgspec.json.Decoder(Transition)


class DigestBody(Struct, frozen=True, kw_only=True):
    """What a digest tells: the alerts still open as they were then, and those that are over."""

    alerts: tuple[Alert, ...]
    over: tuple[Alert, ...] = ()


class TestBody(Struct, frozen=True, kw_only=True):
    by: str


_DIGEST = msgspec.json.Decoder(DigestBody)
_TEST = msgspec.json.Decoder(TestBody)


def asked_by(body: bytes | None) -> str:
    """Who asked for a test message."""
    return "" if body is None else _TEST.decode(body).by


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the outbox holds of one message. `made_ms`: when it was put there."""

    delivery: int
    attempt: int
    repeat: bool
    purpose: Purpose
    recipient: str
    channel: str
    address: str | None
    language: str
    made_ms: int
    transition: bytes | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Writes letters of one site. `page`: its address for links, where the town has named one."""

    site: Site
    run: str
    mode: Mode
    page: str | None = None

    def write(self, draft: Draft, *, now_ms: int) -> Letter:
        """Raises msgspec.DecodeError for what the outbox should never hold."""
        if draft.purpose is Purpose.TEST:
            return self._test(draft, now_ms)
        if draft.purpose is Purpose.DIGEST:
            return self._digest(draft, now_ms)
        assert draft.transition is not None
        transition = _TRANSITION.decode(draft.transition)
        alert, language = transition.alert, draft.language
        subject = phrase(
            language,
            w.SUBJECT,
            event=phrase(language, w.EVENT[transition.event]),
            severity=phrase(language, w.SEVERITY[alert.severity]).upper()
            if alert.severity == "high"
            else phrase(language, w.SEVERITY[alert.severity]),
            title=alert.title,
        )
        blocks = self._alert_blocks(transition, language)
        return self._letter(draft, subject, blocks, alert.severity, (alert,), now_ms, thread=alert.alert)

    # --- the kinds -----------------------------------------------------------------------------------------

    def _alert_blocks(self, transition: Transition, language: str) -> list[Block]:
        alert = transition.alert
        lines = [
            phrase(language, w.WHERE, where=self._where(alert, language)),
            phrase(language, w.SINCE, since=self._moment(alert.opened_at, language)),
            phrase(language, w.SEVERITY_LINE, severity=phrase(language, w.SEVERITY[alert.severity])),
            phrase(
                language,
                w.STATE,
                condition=phrase(language, w.CONDITION[alert.condition]),
                handling=phrase(language, w.HANDLING[alert.handling]),
            ),
        ]
        if transition.event == "escalate":
            minutes = (to_ms(transition.at) - to_ms(alert.opened_at)) // MINUTE_MS
            lines.append(phrase(language, w.ESCALATED, step=alert.escalation, minutes=minutes))
        if alert.acknowledged_by is None or alert.acknowledged_at is None:
            if alert.closed_at is None:
                lines.append(phrase(language, w.HAS_NOBODY))
        else:
            since = self._moment(alert.acknowledged_at, language)
            lines.append(phrase(language, w.HAS, name=alert.acknowledged_by, since=since))
        if alert.disposition is not None:
            lines.append(phrase(language, w.DISPOSITION, disposition=alert.disposition))
        blocks = [Block(lines=tuple(lines))]
        if alert.reasons:
            reasons = tuple(_reason(one, language) for one in alert.reasons)
            blocks.append(Block(phrase(language, w.REASONS), items=reasons))
        if alert.certainty:
            blocks.append(Block(lines=(phrase(language, w.CERTAINTY, certainty=alert.certainty),)))
        if alert.advice:
            blocks.append(Block(phrase(language, w.ADVICE), items=alert.advice))
        links = []
        if self.page is not None:
            links.append(phrase(language, w.PAGE, link=self._link(alert)))
        if alert.vms_url is not None:
            links.append(phrase(language, w.VIDEO, link=alert.vms_url))
        if links:
            blocks.append(Block(lines=tuple(links)))
        return blocks

    def _digest(self, draft: Draft, now_ms: int) -> Letter:
        assert draft.body is not None
        body, language = _DIGEST.decode(draft.body), draft.language
        count = len(body.alerts)
        subject = phrase(language, w.DIGEST_SUBJECT_ONE if count == 1 else w.DIGEST_SUBJECT, count=count)
        still = tuple(
            phrase(
                language,
                w.DIGEST_LINE,
                title=one.title,
                severity=phrase(language, w.SEVERITY[one.severity]),
                since=self._moment(one.opened_at, language),
                handling=phrase(language, w.HANDLING[one.handling]),
            )
            + (f" {self._link(one)}" if self.page is not None else "")
            for one in body.alerts
        )
        blocks = [Block(phrase(language, w.DIGEST_OPEN), items=still)]
        if body.over:
            over = tuple(
                phrase(
                    language,
                    w.DIGEST_OVER_LINE,
                    title=one.title,
                    severity=phrase(language, w.SEVERITY[one.severity]),
                    since=self._moment(one.opened_at, language),
                )
                for one in body.over
            )
            blocks.append(Block(phrase(language, w.DIGEST_OVER), items=over))
        worst: Severity = max((one.severity for one in body.alerts), key=rank, default="low")
        return self._letter(draft, subject, blocks, worst, body.alerts, now_ms, thread=None)

    def _test(self, draft: Draft, now_ms: int) -> Letter:
        assert draft.body is not None
        by, language = _TEST.decode(draft.body).by, draft.language
        subject = phrase(language, w.TEST_SUBJECT, channel=draft.channel)
        text = phrase(language, w.TEST_TEXT, by=by, channel=draft.channel, site=self.site.name)
        return self._letter(
            draft, subject, [Block(lines=(text,))], None, (), now_ms, thread=None, mode="test"
        )

    # --- the envelope --------------------------------------------------------------------------------------

    def _letter(
        self,
        draft: Draft,
        subject: str,
        blocks: list[Block],
        severity: Severity | None,
        alerts: tuple[Alert, ...],
        now_ms: int,
        *,
        thread: str | None,
        mode: Mode | None = None,
    ) -> Letter:
        language, key = draft.language, f"{self.run}-{draft.delivery}"
        mode = mode or self.mode
        if mode != "live":
            mark = phrase(language, w.MODE[mode])
            subject = phrase(language, w.SUBJECT_MARKED, mode=mark, subject=subject)
            warning = Block(lines=(phrase(language, w.NOT_REAL[mode]),), loud=True)
            blocks = [warning, *blocks, warning]
        foot = []
        if now_ms - draft.made_ms >= WAITED_SAID_MS:
            foot.append(phrase(language, w.WAITED, minutes=(now_ms - draft.made_ms) // MINUTE_MS))
        if draft.repeat:
            foot.append(phrase(language, w.MAY_REPEAT))
        foot.append(phrase(language, w.FOOTER, site=self.site.name, key=key, attempt=draft.attempt))
        blocks = [*blocks, Block(lines=tuple(foot))]
        return Letter(
            delivery=draft.delivery,
            key=key,
            attempt=draft.attempt,
            repeat=draft.repeat,
            sent_ms=now_ms,
            site=self.site.site,
            mode=mode,
            purpose=draft.purpose,
            severity=severity,
            recipient=draft.recipient,
            address=draft.address,
            language=language,
            thread=f"{self.run}-alert-{thread}" if thread is not None else f"{key}-thread",
            subject=subject,
            text="\n\n".join(block.text() for block in blocks) + "\n",
            html=_page(language, subject, blocks),
            transition=draft.transition,
            alerts=alerts,
        )

    def _where(self, alert: Alert, language: str) -> str:
        zone = next((one.name for one in self.site.zones if one.id == alert.zone), None)
        camera = next((one.name for one in self.site.cameras if one.id == alert.subject), None)
        place = f"{self.site.name}, {zone or camera or alert.subject}"
        if alert.position_m is None:
            return place
        east, north = (f"{value:.0f}" for value in alert.position_m)
        return phrase(language, w.WHERE_AT, place=place, east=east, north=north)

    def _moment(self, instant: str, language: str) -> str:
        return moment(language, to_ms(instant), self.site.time_zone_info)

    def _link(self, alert: Alert) -> str:
        return f"{(self.page or '').rstrip('/')}/?alert={quote(alert.alert)}"


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, lines and a list; any of them may be missing."""

    heading: str = ""
    lines: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    loud: bool = False

    def text(self) -> str:
        rows = [self.heading] if self.heading else []
        rows += self.lines
        rows += [f"- {item}" for item in self.items]
        return "\n".join(" ".join(row.split()) for row in rows)

    def html(self) -> str:
        parts = [f"<h3>{escape(self.heading)}</h3>"] if self.heading else []
        parts += [f"<p>{'<strong>' if self.loud else ''}{_linked(line)}{'</strong>' if self.loud else ''}</p>"
                  for line in self.lines]  # fmt: skip
        if self.items:
            parts.append("<ul>" + "".join(f"<li>{_linked(item)}</li>" for item in self.items) + "</ul>")
        return "".join(parts)


def _page(language: str, subject: str, blocks: list[Block]) -> str:
    body = "".join(block.html() for block in blocks)
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8"><title>{escape(subject)}</title>'
        f"</head><body><h2>{escape(subject)}</h2>{body}</body></html>\n"
    )


def _linked(line: str) -> str:
    """Escaped, with web addresses made links."""
    words = []
    for word in line.split(" "):
        shown = escape(word)
        web = word.startswith(("https://", "http://"))
        words.append(f'<a href="{shown}">{shown}</a>' if web else shown)
    return " ".join(words)


def _reason(reason: Reason, language: str) -> str:
    if reason.value is None or reason.threshold is None:
        return reason.text
    message = w.REASON_NUMBERS if reason.unit else w.UNITS_NONE
    return phrase(
        language, message, text=reason.text, value=f"{reason.value:g}", threshold=f"{reason.threshold:g}",
        unit=reason.unit or "",
    )  # fmt: skip
