"""The page itself: index.html, and its parts under /static, which hold nothing of the site and are for anybody."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from fastapi import APIRouter, HTTPException, Response
from starlette.staticfiles import StaticFiles

from contract.phrase import say
from hub.api.allowed import needs
from hub.rights import Right

# Revalidated every time: a page from before an update must not run against a hub from after it.
STATIC_CACHE = "no-cache"


class Parts(StaticFiles):
    """Files of the page; each answer is checked again on the next use."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = STATIC_CACHE
        return response


def folder() -> Path:
    """Where the page lies in this installation."""
    return Path(str(resources.files("hub").joinpath("dashboard")))


def index(root: Path) -> bytes:
    """index.html; empty where the installation has none."""
    try:
        return (root / "index.html").read_bytes()
    except OSError:
        return b""


def routes(*, root: Path, page: bytes) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/", dependencies=[needs(Right.LOOK)], response_class=Response)
    def get_page() -> Response:
        if not page or not (root / "vendor").is_dir():
            raise HTTPException(
                503,
                {
                    "error": say("the page's parts from npm are missing"),
                    "do": say("run `make page` and start again"),
                },
            )
        return Response(page, media_type="text/html", headers={"Cache-Control": STATIC_CACHE})

    return router
