"""The house's own terms as phrases: what stands as a code in messages, and as a word in sentences."""

from __future__ import annotations

from contract.phrase import Phrase, say_as

SEVERITY_WORDS: dict[str, Phrase] = {
    "low": say_as("severity, in a sentence", "low"),
    "medium": say_as("severity, in a sentence", "medium"),
    "high": say_as("severity, in a sentence", "high"),
}
BAND_WORDS: dict[str, Phrase] = {
    "low": say_as("band", "low"),
    "moderate": say_as("band", "moderate"),
    "high": say_as("band", "high"),
    "very_high": say_as("band", "very high"),
}
LEVEL_WORDS: tuple[Phrase, ...] = (
    say_as("level, in a sentence", "low"),
    say_as("level, in a sentence", "moderate"),
    say_as("level, in a sentence", "high"),
    say_as("level, in a sentence", "very high"),
    say_as("level, in a sentence", "extreme"),
)
THREAT_WORDS: dict[str, Phrase] = {
    "firearms": say_as("threat", "firearms"),
    "sharp_objects": say_as("threat", "sharp objects"),
    "vehicle": say_as("threat", "vehicle"),
    "explosive_left": say_as("threat", "explosive left"),
    "explosive_person": say_as("threat", "explosive person"),
    "explosive_drone": say_as("threat", "explosive drone"),
    "explosive_vehicle": say_as("threat", "explosive vehicle"),
    "chemical": say_as("threat", "chemical"),
    "biological": say_as("threat", "biological"),
    "radiological": say_as("threat", "radiological"),
}
HANDLING_WORDS: dict[str, Phrase] = {
    "unacknowledged": say_as("handling", "not acknowledged"),
    "acknowledged": say_as("handling", "acknowledged"),
    "shelved": say_as("handling", "shelved"),
    "out_of_service": say_as("handling", "out of service"),
}
PICTURE_WORDS: dict[str, Phrase] = {
    "good": say_as("picture", "good"),
    "frozen": say_as("picture", "frozen"),
    "dark": say_as("picture", "dark"),
    "covered": say_as("picture", "covered"),
    "moved": say_as("picture", "moved"),
    "none": say_as("picture", "no picture"),
}
A_KIND_WORDS: dict[str, Phrase] = {
    "person": say_as("one of a kind", "a person"),
    "bicycle": say_as("one of a kind", "a bicycle"),
    "motorcycle": say_as("one of a kind", "a motorcycle"),
    "car": say_as("one of a kind", "a car"),
    "bus": say_as("one of a kind", "a bus"),
    "truck": say_as("one of a kind", "a truck"),
}
DAY_WORDS: dict[str, Phrase] = {
    "mon": say_as("day of the week", "mon"),
    "tue": say_as("day of the week", "tue"),
    "wed": say_as("day of the week", "wed"),
    "thu": say_as("day of the week", "thu"),
    "fri": say_as("day of the week", "fri"),
    "sat": say_as("day of the week", "sat"),
    "sun": say_as("day of the week", "sun"),
}
