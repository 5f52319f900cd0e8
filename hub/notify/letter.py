"""From a transition, a digest or a test to the Letter that leaves: subject, plain text and small HTML, by language.

No names but those of staff, no pictures. What is no real event says so in the subject, at the top and at the bottom.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote

import msgspec
from msgspec import Struct

from contract.instants import to_ms
from contract.messages import Alert, Severity
from contract.phrase import Phrase
from hub.notify import wording as w
from hub.notify.channel import Letter, Mode
from hub.notify.routing import Purpose, rank
from hub.site import Site
from hub.step import Transition
from hub.words import LANGUAGES, Language, Words
from hub.words.catalogue import SOURCE

MINUTE_MS = 60_000
WAITED_SAID_MS = 2 * MINUTE_MS  # [E] a message older than this says so
_TRANSITION = msgspec.json.Decoder(Transition)


class DigestBody(Struct, frozen=True, kw_only=True):
    """What a digest tells: the alerts still open as they were then, and those that are over."""

    alerts: tuple[Alert, ...]
    over: tuple[Alert, ...] = ()


class AskedBody(Struct, frozen=True, kw_only=True):
    by: str


_DIGEST = msgspec.json.Decoder(DigestBody)
_TEST = msgspec.json.Decoder(AskedBody)


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
    words: Words = field(default_factory=Words)

    def write(self, draft: Draft, *, now_ms: int) -> Letter:
        """Raises msgspec.DecodeError for what the outbox should never hold."""
        language = self.language(draft.language)
        if draft.purpose is Purpose.TEST:
            return self._test(draft, language, now_ms)
        if draft.purpose is Purpose.DIGEST:
            return self._digest(draft, language, now_ms)
        assert draft.transition is not None
        transition = _TRANSITION.decode(draft.transition)
        alert = transition.alert
        return self._letter(
            draft,
            language,
            w.subject(transition.event, alert),
            self._alert_blocks(transition, language),
            alert.severity,
            (alert,),
            now_ms,
            thread=alert.alert,
        )

    def language(self, code: str) -> Language:
        """English where there is no catalogue of it: a message in another language is better than none."""
        known = code if code in LANGUAGES else SOURCE
        return Language(known, catalogue=self.words.catalogue(known), time_zone=self.site.time_zone)

    # --- the kinds -----------------------------------------------------------------------------------------

    def _alert_blocks(self, transition: Transition, language: Language) -> list[Block]:
        alert = transition.alert
        said = [
            self._where(alert),
            w.since(alert, self.site.time_zone),
            w.severity_line(alert),
            w.state(alert),
        ]
        if transition.event == "escalate":
            minutes = (to_ms(transition.at) - to_ms(alert.opened_at)) // MINUTE_MS
            said.append(w.escalated(alert.escalation, minutes))
        if alert.acknowledged_by is not None and alert.acknowledged_at is not None:
            said.append(w.has(alert.acknowledged_by, alert.acknowledged_at))
        elif alert.closed_at is None:
            said.append(w.HAS_NOBODY)
        if alert.disposition is not None:
            said.append(w.disposed(alert.disposition))
        blocks = [Block(lines=language.texts(tuple(said)))]
        if alert.reasons:
            reasons = tuple(language.text(w.reason(one, one.phrase or one.text)) for one in alert.reasons)
            blocks.append(Block(language.text(w.REASONS), items=reasons))
        if alert.certainty:
            blocks.append(
                Block(lines=(language.text(w.certainty(alert.certainty_phrase or alert.certainty)),))
            )
        if alert.advice:
            said_for = dict(enumerate(alert.advice_phrases))
            advice = tuple(
                line if (phrase := said_for.get(i)) is None else language.text(phrase)
                for i, line in enumerate(alert.advice)
            )
            blocks.append(Block(language.text(w.ADVICE), items=advice))
        links = []
        if self.page is not None:
            links.append(language.text(w.page(self._link(alert))))
        if alert.vms_url is not None:
            links.append(language.text(w.video(alert.vms_url)))
        if links:
            blocks.append(Block(lines=tuple(links)))
        return blocks

    def _digest(self, draft: Draft, language: Language, now_ms: int) -> Letter:
        assert draft.body is not None
        body = _DIGEST.decode(draft.body)
        still = tuple(
            language.text(w.digest_line(one)) + (f" {self._link(one)}" if self.page is not None else "")
            for one in body.alerts
        )
        blocks = [Block(language.text(w.DIGEST_OPEN), items=still)]
        if body.over:
            over = tuple(language.text(w.over_line(one)) for one in body.over)
            blocks.append(Block(language.text(w.DIGEST_OVER), items=over))
        worst: Severity = max((one.severity for one in body.alerts), key=rank, default="low")
        subject = w.digest_subject(len(body.alerts))
        return self._letter(draft, language, subject, blocks, worst, body.alerts, now_ms, thread=None)

    def _test(self, draft: Draft, language: Language, now_ms: int) -> Letter:
        text = w.test_text(by=asked_by(draft.body), channel=draft.channel, site=self.site.name)
        blocks = [Block(lines=(language.text(text),))]
        subject = w.test_subject(draft.channel)
        return self._letter(draft, language, subject, blocks, None, (), now_ms, thread=None, mode="test")

    # --- the envelope --------------------------------------------------------------------------------------

    def _letter(
        self,
        draft: Draft,
        language: Language,
        subject: Phrase,
        blocks: list[Block],
        severity: Severity | None,
        alerts: tuple[Alert, ...],
        now_ms: int,
        *,
        thread: str | None,
        mode: Mode | None = None,
    ) -> Letter:
        key = f"{self.run}-{draft.delivery}"
        mode = mode or self.mode
        if mode != "live":
            subject = w.marked(mode, subject)
            warning = Block(lines=(language.text(w.NOT_REAL[mode]),), loud=True)
            blocks = [warning, *blocks, warning]
        foot = []
        if now_ms - draft.made_ms >= WAITED_SAID_MS:
            foot.append(w.waited((now_ms - draft.made_ms) // MINUTE_MS))
        if draft.repeat:
            foot.append(w.MAY_REPEAT)
        foot.append(w.footer(site=self.site.name, key=key, attempt=draft.attempt))
        blocks = [*blocks, Block(lines=language.texts(tuple(foot)))]
        title = language.text(subject)
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
            language=draft.language,
            thread=f"{self.run}-alert-{thread}" if thread is not None else f"{key}-thread",
            subject=title,
            text="\n\n".join(block.text() for block in blocks) + "\n",
            html=_page(language.code, title, blocks),
            transition=draft.transition,
            alerts=alerts,
        )

    def _where(self, alert: Alert) -> Phrase:
        zone = next((one.name for one in self.site.zones if one.id == alert.zone), None)
        camera = next((one.name for one in self.site.cameras if one.id == alert.subject), None)
        place = f"{self.site.name}, {zone or camera or alert.subject}"
        if alert.position_m is None:
            return w.where(place)
        return w.where_at(place, *alert.position_m)

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
