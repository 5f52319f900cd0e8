"""Languages: English messages with named values, gettext catalogues, and the rules of CLDR for dates and numbers.

Code says `say("{people:.0f} people in {place}", people=12, place="Quay")` and gets a Phrase (contract.phrase);
`Language("ro").text(phrase)` is what a Romanian reads. Catalogues: `po/<language>.po`; `python -m hub.words` keeps
them.
"""

from __future__ import annotations

from contract.phrase import Phrase, Said, english, say, say_as, say_many
from hub.words.catalogue import LANGUAGES, Catalogue, Words, check_folder
from hub.words.language import Language

__all__ = [
    "LANGUAGES",
    "Catalogue",
    "Language",
    "Phrase",
    "Said",
    "Words",
    "check_folder",
    "english",
    "say",
    "say_as",
    "say_many",
]
