"""A document as one HTML page, or as PDF."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from contract.phrase import Phrase, say
from hub.notices.document import Document, Line
from hub.words import Language


class NoPdf(Exception):
    """PDF can not be made here; the message says what to install."""


def style() -> str:
    return resources.files("hub.notices").joinpath("templates/document.css").read_text(encoding="utf-8")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = resources.files("hub.notices").joinpath("templates/document.html.j2").read_text(encoding="utf-8")
    return environment.from_string(text)


def html(document: Document, *, language: Language, version: str, style_address: str | None = None) -> str:
    """Self-contained; with `style_address`, its style comes from there, as a strict content policy wants it."""

    def t(line: Line) -> str:
        return language.text(line) if isinstance(line, Phrase) else line

    return _template().render(
        document=document,
        language=language.code,
        t=t,
        missing=say("Missing: the town has not said this yet."),
        where=say("To be written into the town's file, under"),
        style=Markup(style()),
        style_address=style_address,
        version=version,
    )


def pdf(page: str) -> bytes:
    """Raises NoPdf. Nothing is fetched from anywhere."""
    try:
        import weasyprint
    except ImportError:
        raise NoPdf(
            "PDF needs WeasyPrint, which is not installed: pip install 'esplanade[pdf]', or take HTML"
        ) from None
    except OSError as error:
        raise NoPdf(
            "PDF needs the system libraries of Pango, which are missing: "
            f"apt-get install libpango-1.0-0 libpangoft2-1.0-0, or take HTML ({error})"
        ) from None

    def nothing(address: str, *_: Any, **__: Any) -> Any:
        raise ValueError(f"{address}: a notice fetches nothing")

    made: bytes = weasyprint.HTML(string=page, url_fetcher=nothing).write_pdf(pdf_variant="pdf/ua-1")
    return made
