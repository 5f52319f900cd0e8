"""One language as its readers expect it: words from the catalogue, dates and numbers by the rules of CLDR (Babel)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_skeleton
from babel.numbers import format_decimal, format_percent

from contract import phrase as phrases
from contract.instants import to_ms
from contract.phrase import JOINS_PHRASES, JOINS_TEXTS, UNKNOWN, Phrase, Said, say
from hub.words.catalogue import LANGUAGES, SOURCE, Catalogue, ours

# CLDR's minimumGroupingDigits, which Babel does not apply: 1240 and 12.400 in Spanish
_GROUPED_FROM = {"es": 10_000}
_THIN_SPACE = "\u202f"
_DATE, _TIME, _MINUTE = "MMMEd", "Hms", "Hm"


class Language:
    """Says phrases, numbers and times in one language, on one clock. Raises UnknownLanguage."""

    def __init__(
        self, code: str, *, catalogue: Catalogue | None = None, time_zone: str | tzinfo = UTC
    ) -> None:
        self.code = code
        self.catalogue = ours(code) if catalogue is None else catalogue
        self.locale = Locale.parse("en_GB" if code == SOURCE else code)
        self.time_zone = ZoneInfo(time_zone) if isinstance(time_zone, str) else time_zone

    @property
    def name(self) -> str:
        """As its own speakers call it."""
        return LANGUAGES[self.code]

    def text(self, phrase: Phrase) -> str:
        """The phrase in this language; in English where the catalogue has no word for it."""
        message = self.catalogue.message(phrase)
        if message is None:
            one = phrase.plural is None or phrase.count == 1
            message = phrase.id if one else phrase.plural or phrase.id
        written = phrases.names(phrase.plural or phrase.id)
        return "".join(
            text if name is None else text + self._value(phrase.values.get(name), written.get(name, ""))
            for text, name, _ in phrases.parts(message)
        )

    def texts(self, said: tuple[Phrase, ...]) -> tuple[str, ...]:
        return tuple(self.text(one) for one in said)

    def number(self, value: float | None, digits: int | None = None) -> str:
        """`digits` after the sign of the decimal; None for as many as the number has, at most six."""
        if value is None:
            return UNKNOWN
        pattern = "#,##0.######" if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
        grouped = abs(value) >= _GROUPED_FROM.get(self.code, 0)
        text = format_decimal(value, format=pattern, locale=self.locale, group_separator=grouped)
        return text.replace(",", _THIN_SPACE) if self.code == SOURCE else text

    def percent(self, share: float | None, digits: int = 0) -> str:
        """A share of 0 to 1."""
        if share is None:
            return UNKNOWN
        pattern = self.locale.percent_formats[None].pattern
        if digits:
            pattern = pattern.replace("0", "0." + "0" * digits)
        return format_percent(share, format=pattern, locale=self.locale)

    def density(self, per_m2: float | None, digits: int = 1) -> str:
        """People per square metre, with its unit."""
        return self.text(say("{number} /m²", number=self.number(per_m2, digits)))

    def date(self, instant: int | str) -> str:
        """Day of the week, day and month: Sat 20 Jun. `instant`: Unix milliseconds, or ISO 8601."""
        return format_skeleton(_DATE, self._local(instant), locale=self.locale)

    def time(self, instant: int | str) -> str:
        """20:14:32, on a clock of 24 hours everywhere: a log of a control room knows no other."""
        return format_skeleton(_TIME, self._local(instant), locale=self.locale)

    def minute(self, instant: int | str) -> str:
        """20:14"""
        return format_skeleton(_MINUTE, self._local(instant), locale=self.locale)

    def moment(self, instant: int | str, now_ms: int | None = None) -> str:
        """The time, with the day where it is not the day of `now_ms`."""
        if now_ms is not None and self._local(instant).date() == self._local(now_ms).date():
            return self.time(instant)
        return f"{self.date(instant)} {self.time(instant)}"

    def duration(self, seconds: float) -> str:
        """Short enough to read at a glance: 12 s, 4 min 05 s, 1 h 05 min, 2 d 3 h."""
        s = max(0, round(seconds))
        if s < 60:
            return self.text(say("{s} s", s=s))
        if s < 600:
            return self.text(say("{min} min {s} s", min=s // 60, s=f"{s % 60:02d}"))
        if s < 3600:
            return self.text(say("{min} min", min=s // 60))
        if s < 86_400:
            return self.text(say("{h} h {min} min", h=s // 3600, min=f"{s % 3600 // 60:02d}"))
        return self.text(say("{d} d {h} h", d=s // 86_400, h=s % 86_400 // 3600))

    def _local(self, instant: int | str) -> datetime:
        ms = to_ms(instant) if isinstance(instant, str) else instant
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(self.time_zone)

    def _value(self, value: Said | None, spec: str) -> str:
        if value is None:
            return UNKNOWN
        if isinstance(value, Phrase):
            return self.text(value)
        if isinstance(value, tuple):
            some = any(isinstance(one, Phrase) for one in value)
            return (JOINS_PHRASES if some else JOINS_TEXTS).join(self._value(one, "") for one in value)
        if isinstance(value, str):
            return self.moment(value) if spec == "moment" and value != UNKNOWN else value
        if spec.endswith("%"):
            return self.percent(value, _digits(spec))
        text = self.number(value, _digits(spec) if "." in spec else None)
        return f"+{text}" if spec.startswith("+") and value > 0 else text


def _digits(spec: str) -> int:
    found = re.search(r"\.(\d)", spec)
    return int(found[1]) if found else 0
