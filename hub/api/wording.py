"""The languages of the page: its catalogue, and what a problem says to whoever asked."""

from __future__ import annotations

from functools import lru_cache

from fastapi import APIRouter, HTTPException, Request, Response

from contract.phrase import Phrase, say
from hub.api.allowed import anyone
from hub.api.answers import Problem, said
from hub.words.catalogue import Words
from hub.words.language import Language
from hub.words.page import PageWords, Served, best, page_words

ANY_LANGUAGE = anyone("the sign-in page speaks the language of its reader too")
CATALOGUE_CACHE = "no-cache"  # asked again each time, and answered with 304 by its hash


def routes(*, words: Words) -> APIRouter:
    """GET /words and /words/{language}."""
    router = APIRouter(prefix="/api/v1", dependencies=[ANY_LANGUAGE])

    @lru_cache(maxsize=16)
    def served(code: str) -> Served:
        return page_words(words, code)

    def answer(code: str, request: Request) -> Response:
        found = served(code)
        headers = {
            "ETag": found.etag,
            "Cache-Control": CATALOGUE_CACHE,
            "Vary": "Accept-Language, Accept-Encoding",
        }
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get(
            "accept-encoding", ""
        ):  # words hold no secret whose length would tell
            return Response(
                found.packed, media_type="application/json", headers={**headers, "Content-Encoding": "gzip"}
            )
        return Response(found.body, media_type="application/json", headers=headers)

    shape = said(PageWords, "the words of one language")

    @router.get("/words", responses=shape, response_class=Response)
    def best_words(request: Request) -> Response:
        """In the language that the browser prefers of those there are; else in the site's own."""
        return answer(best(request.headers.get("accept-language", ""), words.default), request)

    @router.get("/words/{language}", responses=shape, response_class=Response)
    def words_of(language: str, request: Request) -> Response:
        try:
            return answer(language, request)
        except KeyError:
            raise HTTPException(
                404,
                {
                    "error": say("there is no language {language}", language=language[:20]),
                    "do": say("ask /api/v1/words for those that there are"),
                },
            ) from None

    return router


class Speaker:
    """Says problems in the language that a request asks for. Texts that are no message stay as they are."""

    def __init__(self, words: Words, time_zone: str) -> None:
        self._words = words
        self._time_zone = time_zone

    def problem(self, request: Request, error: Phrase | str, do: Phrase | str) -> Problem:
        language = self._language(best(request.headers.get("accept-language", ""), "en"))
        return Problem(error=_said(language, error), do=_said(language, do))

    def _language(self, code: str) -> Language:
        return Language(code, catalogue=self._words.catalogue(code), time_zone=self._time_zone)


def _said(language: Language, text: Phrase | str) -> str:
    if language.code == "en" and not language.catalogue.messages:
        return str(text)
    return language.text(
        text if isinstance(text, Phrase) else Phrase(id=text.replace("{", "{{").replace("}", "}}"))
    )
