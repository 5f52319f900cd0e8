"""GET /notice, for everybody where the town has said so, GET /dpia, and the style of both."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response

from contract.yaml_file import FileError
from hub.api.allowed import anyone, needs
from hub.api.answers import said_of
from hub.notices.pages import Kind, Notices
from hub.notices.write import style
from hub.rights import Right
from hub.words import LANGUAGES

STYLE = "/notice.css"
HTML = "text/html; charset=utf-8"

Code = Annotated[str, Query(max_length=8, description=f"one of {', '.join(LANGUAGES)}")]


def routes(*, notices: Notices, public: bool) -> APIRouter:
    router = APIRouter()
    whoever: Any = anyone("the public notice, as notice.public has it") if public else needs(Right.NOTICE)

    def page(kind: Kind, language: str) -> Response:
        if language not in LANGUAGES:
            raise HTTPException(
                422,
                {"error": f"language: {language!r} is none of ours", "do": f"one of {', '.join(LANGUAGES)}"},
            )
        try:
            text = notices.page(kind, language, style_address=STYLE)
        except FileError as error:
            raise HTTPException(
                503, {"error": str(error), "do": "mend the file that notice.town_file names"}
            ) from None
        return Response(text, media_type=HTML)

    @router.get(
        "/notice",
        dependencies=[whoever],
        responses=said_of([HTML], "the public notice"),
        response_class=Response,
    )
    def get_notice(language: Code = "en") -> Response:
        return page(Kind.NOTICE, language)

    @router.get(
        "/dpia",
        dependencies=[needs(Right.DPIA)],
        responses=said_of([HTML], "the data-protection impact assessment"),
        response_class=Response,
    )
    def get_dpia(language: Code = "en") -> Response:
        return page(Kind.DPIA, language)

    @router.get(
        STYLE,
        dependencies=[anyone("the style of the notice: no fact in it") if public else needs(Right.NOTICE)],
        include_in_schema=False,
        response_class=Response,
    )
    def get_style() -> Response:
        return Response(style(), media_type="text/css", headers={"Cache-Control": "no-cache"})

    return router
