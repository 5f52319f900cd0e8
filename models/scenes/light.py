"""What the sky gives: sun, overcast, dusk, night; and how a camera answers to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Light:
    """Colours are linear. `lamps`: strength of street lamps and lit windows, 0 by day. `haze_per_m`: how fast
    distance fades. `noise`: deviation of the sensor's noise in grey levels; `wet`: how much the ground shines,
    0 to 1.
    """

    name: str
    sun_from_deg: float
    sun_up_deg: float
    sun: Colour
    sky: Colour
    bounce: Colour
    horizon: Colour
    zenith: Colour
    lamps: float
    exposure: float
    haze_per_m: float
    noise: float
    saturation: float
    wet: float = 0.0
    rain: bool = False

    def towards_sun(self) -> Colour:
        """Unit vector to the sun, site axes. `sun_from_deg` is clockwise from north."""
        at, up = math.radians(self.sun_from_deg), math.radians(self.sun_up_deg)
        return math.sin(at) * math.cos(up), math.cos(at) * math.cos(up), math.sin(up)

    def raining(self) -> Light:
        """The same light with rain: no sun, wet ground, haze."""
        return replace(
            self,
            name=f"{self.name}-rain",
            sun=(0.15 * self.sun[0], 0.15 * self.sun[1], 0.15 * self.sun[2]),
            haze_per_m=self.haze_per_m + 0.0035,
            noise=self.noise + 1.0,
            saturation=self.saturation * 0.85,
            wet=1.0,
            rain=True,
        )


LIGHTS: Final[dict[str, Light]] = {
    "sun": Light(
        "sun", 215.0, 48.0, (2.5, 2.3, 2.0), (0.52, 0.62, 0.80), (0.28, 0.26, 0.23), (0.66, 0.74, 0.86),
        (0.24, 0.40, 0.72), 0.0, 0.56, 0.0012, 2.2, 0.82,
    ),
    "morning": Light(
        "morning", 110.0, 24.0, (2.2, 1.85, 1.35), (0.50, 0.56, 0.68), (0.24, 0.22, 0.20), (0.82, 0.80, 0.76),
        (0.34, 0.46, 0.68), 0.0, 0.66, 0.0018, 2.4, 0.80,
    ),
    "overcast": Light(
        "overcast", 180.0, 60.0, (0.22, 0.22, 0.22), (1.05, 1.08, 1.14), (0.34, 0.33, 0.32), (0.86, 0.88, 0.90),
        (0.66, 0.69, 0.73), 0.0, 0.62, 0.0022, 2.6, 0.70,
    ),
    "dusk": Light(
        "dusk", 292.0, 9.0, (0.62, 0.36, 0.18), (0.30, 0.33, 0.46), (0.12, 0.11, 0.11), (0.74, 0.50, 0.36),
        (0.14, 0.18, 0.34), 0.55, 1.15, 0.0016, 3.6, 0.70,
    ),
    "night": Light(
        "night", 200.0, 50.0, (0.010, 0.011, 0.014), (0.030, 0.034, 0.046), (0.014, 0.013, 0.013),
        (0.030, 0.030, 0.038),
        (0.006, 0.007, 0.012), 0.8, 1.25, 0.0010, 5.0, 0.60,
    ),
}  # fmt: skip
"""Every light by name. The numbers are set by eye. [E]"""
