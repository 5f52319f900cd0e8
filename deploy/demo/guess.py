"""A site file for footage that nobody calibrated: a camera guessed to hang on a mast and look down a level ground.

Counts are then what the detector sees; metres, densities and speeds are guesses, and the site's name says so.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import av
import msgspec

from models.scenes.camera import View

HEIGHT_M: Final = 6.0
AHEAD_M: Final = 18.0
ACROSS_DEG: Final = 60.0
REACH_M: Final = 45.0
"""A mast of this height, the ground at this distance in the picture's middle, this field of view, seen so far. [E]"""


class NotFootage(ValueError):
    """The file holds no video; the message names it."""


def picture_size(footage: Path) -> tuple[int, int]:
    """Width and height in pixels. Raises NotFootage."""
    try:
        with av.open(str(footage)) as container:
            stream = container.streams.video[0]
            return int(stream.width), int(stream.height)
    except (av.FFmpegError, IndexError, OSError) as error:
        raise NotFootage(f"{footage}: is not a video that can be read ({error})") from None


def guessed_site(footage: Path, out: Path) -> Path:
    """Writes a site file with one camera and one zone, all that the camera is guessed to see. Raises NotFootage."""
    width, height = picture_size(footage)
    view = View.towards((0.0, 0.0, HEIGHT_M), (0.0, AHEAD_M), ACROSS_DEG, (width, height))
    camera = view.to_site("camera", "Your footage", "demo-box", REACH_M)
    corners = [pair.site for pair in camera.surfaces[0].points]
    near, far = min(y for _, y in corners), max(y for _, y in corners)

    def half_m(y: float) -> float:
        return max(abs(x) for x, other in corners if abs(other - y) < 1e-3)

    zone: dict[str, Any] = {
        "id": "in-view",
        "name": "Everything in view",
        "polygon": [
            [round(x, 1), round(y, 1)]
            for x, y in (
                (-half_m(near), near),
                (half_m(near), near),
                (half_m(far), far),
                (-half_m(far), far),
            )
        ],
    }
    site = {
        "schema": 1,
        "site": "your-footage",
        "name": "Your footage, ground GUESSED: metres and densities are not measured",
        "origin": {"latitude": 0.0, "longitude": 0.0},
        "time_zone": "UTC",
        "cameras": [
            {key: value for key, value in msgspec.to_builtins(camera).items() if value not in (None, (), [])}
        ],
        "zones": [zone],
    }
    # JSON is YAML, and this file is made to be copied and corrected
    out.write_text(json.dumps(site, indent=1) + "\n", encoding="utf-8")
    return out
