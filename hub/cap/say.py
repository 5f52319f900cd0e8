"""Marks an English message for translation; its values by name."""

from __future__ import annotations

from msgspec import Struct


class Phrase(Struct, frozen=True, kw_only=True):
    id: str
    values: dict[str, int | float | str] = {}


def say(message: str, /, **values: int | float | str) -> Phrase:
    return Phrase(id=message, values=values)


def english(phrase: Phrase) -> str:
    return phrase.id.format_map(phrase.values)
