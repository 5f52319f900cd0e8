"""What each person looks like: shape, size, colours of clothes, skin and hair, bag, umbrella. From a seed alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.scenes.bodies import SHAPES

Bytes = npt.NDArray[np.uint8]

SHAPE_SHARES: Final = (0.17, 0.10, 0.09, 0.08, 0.07, 0.14, 0.09, 0.08, 0.06, 0.06, 0.03, 0.03)
"""How common each shape of `bodies.SHAPES` is. [E]"""
_TOPS: Final = (
    (32, 34, 40), (48, 52, 60), (26, 30, 48), (88, 90, 94), (150, 150, 148), (206, 204, 198), (228, 226, 222),
    (112, 30, 34),
    (152, 44, 38), (38, 62, 104), (70, 104, 150), (44, 74, 54), (96, 104, 66), (136, 108, 72), (182, 150, 104),
    (196, 168, 60),
    (170, 92, 46), (128, 72, 104), (184, 132, 144), (64, 44, 40), (18, 18, 20), (104, 132, 136),
)  # fmt: skip
_TROUSERS: Final = (
    (28, 32, 48), (40, 50, 76), (62, 76, 104), (24, 24, 26), (44, 44, 46), (84, 82, 80), (122, 110, 90),
    (160, 148, 124),
    (60, 48, 40), (34, 40, 36), (96, 112, 134),
)  # fmt: skip
_SKINS: Final = (
    (222, 184, 158),
    (206, 164, 134),
    (186, 142, 110),
    (150, 106, 78),
    (112, 76, 54),
    (78, 52, 38),
)
_HAIRS: Final = (
    (26, 20, 18), (44, 32, 24), (72, 50, 34), (112, 82, 50), (164, 130, 82), (140, 138, 134), (196, 194, 190),
    (90, 42, 26),
    (60, 60, 66), (150, 40, 36), (40, 60, 110),
)  # fmt: skip
"""The last three are caps."""
_SHOES: Final = ((24, 22, 22), (60, 44, 34), (210, 208, 204), (90, 90, 92), (36, 36, 48))
_BAGS: Final = ("none", "backpack", "handbag", "shopping", "case")
_BAG_SHARES: Final = (0.52, 0.19, 0.14, 0.10, 0.05)


@dataclass(frozen=True, slots=True)
class Look:
    """One person. `dress`: (9, 3) colours of the body's regions; `style`: pattern and folds of the cloth."""

    shape: int
    scale: float
    height_m: float
    dress: Bytes
    style: tuple[float, float, float, float]
    bag: str
    bag_colour: tuple[float, float, float]
    umbrella: tuple[float, float, float] | None
    pace: float


def look(seed: int, person: int, umbrellas: float, adult: bool = False) -> Look:
    """The look of person number `person` in a scene with this seed; `umbrellas` is the share that carries one open."""
    rng = np.random.default_rng([seed, 17, person])
    shares = np.array(SHAPE_SHARES)
    if adult:
        shares[-2:] = 0.0
    shape = int(rng.choice(len(SHAPES), p=shares / shares.sum()))
    body = SHAPES[shape]
    child = body.age == "child"
    scale = float(np.clip(rng.normal(1.0, 0.10 if child else 0.035), 0.78, 1.12))
    top = _varied(rng, _TOPS)
    trousers = _varied(rng, _TROUSERS)
    skin = _varied(rng, _SKINS, 5.0)
    hair = _varied(rng, _HAIRS[:8] if rng.random() < 0.88 else _HAIRS[8:], 6.0)
    shoes = _varied(rng, _SHOES)
    coat = body.loose_m >= 0.03
    bare_arms = not coat and rng.random() < 0.35
    shorts = not coat and not body.skirt and rng.random() < 0.12
    dress_of_one = body.skirt and rng.random() < 0.5
    skirt = top if dress_of_one or coat else _varied(rng, _TOPS)
    legs = (skin if rng.random() < 0.5 else _varied(rng, _TROUSERS)) if body.skirt else trousers
    calf = skin if shorts else legs
    hip = top if coat or (rng.random() < 0.15) else (skirt if body.skirt else trousers)
    forearm = skin if bare_arms else top
    dress = np.array(
        [skin, top, forearm, skirt if body.skirt else trousers, calf, shoes, hair, hip, skirt], np.uint8
    )
    bag = "none" if child else str(rng.choice(_BAGS, p=_BAG_SHARES))
    bag_colour = tuple(float(v) for v in (_varied(rng, _TOPS) / 255.0) ** 2.2)
    cover = tuple(float(v) for v in (_varied(rng, _TOPS) / 255.0) ** 2.2)
    holds = rng.random() < umbrellas and not child
    pattern = float(rng.choice([0, 1, 2, 3], p=[0.72, 0.12, 0.10, 0.06]))
    style = (pattern, float(rng.random()), float(rng.random()), float(rng.random()))
    pace = float(np.clip(rng.normal(1.32, 0.19), 0.75, 1.85)) * (0.85 if child or body.age == "old" else 1.0)
    return Look(
        shape,
        scale,
        body.height_m * scale,
        dress,
        style,
        bag,
        (bag_colour[0], bag_colour[1], bag_colour[2]),
        (cover[0], cover[1], cover[2]) if holds else None,
        pace,
    )


def _varied(
    rng: np.random.Generator, colours: tuple[tuple[int, int, int], ...], spread: float = 10.0
) -> npt.NDArray[np.float64]:
    base = np.array(colours[int(rng.integers(len(colours)))], np.float64)
    return np.asarray(np.clip(base + rng.normal(0.0, spread) + rng.normal(0.0, spread * 0.4, 3), 4, 250))
