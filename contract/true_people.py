"""How many people really stood in each zone of rendered footage: written by `models/scenes`, laid over by a hub.

The file of `python -m models.scenes curve` and of the hub's key `truth`, as JSON. For demos and exercises only.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

SCHEMA: Final = 1


class TruePeople(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`people` has one number for each of `t_s`, seconds of the film: everybody in the zone, hidden or not, in the
    camera's view or not. `loop_s`: how long one pass of the film lasts when it is played in a loop."""

    schema: int = SCHEMA
    site: str
    camera: str
    story: str
    recipe: str
    film: str
    film_sha256: str
    loop_s: float
    t_s: tuple[float, ...]
    people: dict[str, tuple[Annotated[int, Meta(ge=0)], ...]]
