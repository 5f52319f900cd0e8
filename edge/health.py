"""Whether a picture can be trusted: frozen, dark, covered or moved cameras are named, never averaged away.

Looks at a small grey copy twice a second. A fault must last `SUSTAIN_MS` before it is named and a good picture
`RECOVER_MS` before it is believed again, so that a lorry before the lens raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np

from contract.messages import PictureState
from edge.edge_directions import EdgeDirections, GreyPicture
from edge.frame import Picture

LOOK_EVERY_MS: Final = 500
SUSTAIN_MS: Final = 10_000
RECOVER_MS: Final = 3_000
SMALL: Final = (160, 120)
"""Width and height of the grey copy that is judged. [E]"""
FROZEN_MARGIN: Final = 0.1
FROZEN_SAMPLE_STEP: Final = 4
FROZEN_MEAN: Final = 0.5
FROZEN_MOST: Final = 8
KEYLESS_MS: Final = 120_000
"""Frozen: the sampled pixels are what they were, but for this share of the picture at its top and bottom, where a clock
drawn by the camera may go on. A sensor's noise never repeats; but a camera whose sensor hangs still encodes, and each
key frame then rounds the one picture a little otherwise: up to this mean and this single difference, of 255. Between
two key frames an encoder may leave out a living sensor's noise altogether, so one must have come; of an encoder that
sends none, a long time must have passed. [E]"""
DARK_MEAN: Final = 16.0
DARK_BRIGHT: Final = 48.0
"""Dark: mean grey below the first and the 99th percentile below the second, of 255. [E]"""
FLAT_DETAIL: Final = 1.0
LOST_DETAIL_SHARE: Final = 0.2
"""Covered: mean gradient of the grey copy below this, or below this share of what the camera usually shows. [E]"""
MOVED_LIKENESS: Final = 0.35
SHIFT_SHARE: Final = 0.03
SHIFT_RESPONSE: Final = 0.15
"""Moved: the edges correlate with the remembered ones less than this while their directions do not lie where they did,
or the whole picture lies shifted by this share of its width with at least this phase-correlation response. [E]"""
LEARN_LOOKS: Final = 20
LEARN_GAIN: Final = 1.0 / 240.0
"""Pictures before the remembered scene is used, and how fast it then follows light and weather (two minutes). [E]"""

WHAT_TO_DO: Final[dict[PictureState, str | None]] = {
    "good": None,
    "frozen": "the same picture comes again and again; restart the camera or its encoder",
    "dark": "the picture is black; check the lens cap, the lighting and the exposure",
    "covered": "the picture shows no detail; clean the lens and look for what covers it, fog too",
    "moved": "the camera looks elsewhere than when this agent started; turn it back, or calibrate again and restart",
    "none": "no picture comes; check the address, the network and the camera's power",
}


@dataclass(frozen=True, slots=True)
class PictureJudgement:
    """`since_ms`: capture time at which the state began."""

    state: PictureState
    since_ms: int

    @property
    def usable(self) -> bool:
        """Whether what is seen may be counted."""
        return self.state == "good"


class PictureHealth:
    """Judges one camera's pictures. Deterministic in the pictures and their times."""

    def __init__(self) -> None:
        self.judgement: PictureJudgement | None = None
        self._suspect: PictureState = "good"
        self._suspect_since_ms = 0
        self._looked_ms: int | None = None
        self._still: Picture | None = None
        self._still_since_ms = 0
        self._key_frames = 0
        self._looks = 0
        self._detail = 0.0
        self._scene: GreyPicture | None = None
        self._directions = EdgeDirections()
        self._window = cv2.createHanningWindow(SMALL, cv2.CV_32F)

    def observe(self, picture_bgr: Picture, captured_ms: int, key_frames: int = 1) -> PictureJudgement:
        """Takes one picture (masked) and returns the state now. `key_frames`: as in edge.frame.Frame."""
        self._key_frames += key_frames
        if self.judgement is None:
            self.judgement = PictureJudgement("good", captured_ms)
            self._suspect_since_ms = captured_ms
        if self._looked_ms is not None and 0 <= captured_ms - self._looked_ms < LOOK_EVERY_MS:
            return self.judgement
        if (
            self._looked_ms is not None and captured_ms < self._looked_ms
        ):  # a clock set back starts no long wait
            self._suspect_since_ms = min(self._suspect_since_ms, captured_ms)
            self._still_since_ms = min(self._still_since_ms, captured_ms)
        self._looked_ms = captured_ms
        suspect = self._fault(picture_bgr, captured_ms)
        if suspect != self._suspect:
            self._suspect, self._suspect_since_ms = suspect, captured_ms
        if suspect == self.judgement.state:
            return self.judgement
        # Frozen pictures have proved themselves over SUSTAIN_MS before they are suspected.
        sustain_ms = {"good": RECOVER_MS, "frozen": 0}.get(suspect, SUSTAIN_MS)
        if captured_ms - self._suspect_since_ms >= sustain_ms:
            self.judgement = PictureJudgement(suspect, self._suspect_since_ms)
        return self.judgement

    def _fault(self, picture_bgr: Picture, captured_ms: int) -> PictureState:
        if self._frozen(picture_bgr, captured_ms):
            return "frozen"
        small = cv2.resize(picture_bgr, SMALL, interpolation=cv2.INTER_AREA)
        grey = cast(GreyPicture, cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32))
        if float(grey.mean()) < DARK_MEAN and float(np.percentile(grey, 99)) < DARK_BRIGHT:
            return "dark"
        edges = _edges(grey)
        detail = float(edges.mean())
        if detail < FLAT_DETAIL:
            return "covered"
        if self._looks >= LEARN_LOOKS:
            fault = self._unlike(grey, edges, detail)
            if fault is not None:
                return fault
        self._learn(grey, edges, detail)
        return "good"

    def _unlike(self, grey: GreyPicture, edges: GreyPicture, detail: float) -> PictureState | None:
        """What the difference from the remembered scene means. Other light, as of lamps switched on, means nothing."""
        assert self._scene is not None, "nothing is compared before it is learned"
        lost = detail < LOST_DETAIL_SHARE * self._detail
        unlike = _likeness(edges, self._scene) < MOVED_LIKENESS
        if lost or unlike:
            if self._directions.in_place(grey):
                return None
            return "covered" if lost else "moved"
        # Copies, because phaseCorrelate of OpenCV 5 writes its window into what it is given.
        (dx, dy), response = cv2.phaseCorrelate(self._scene.copy(), edges.copy(), self._window)
        shifted = response >= SHIFT_RESPONSE and np.hypot(dx, dy) >= SHIFT_SHARE * SMALL[0]
        return "moved" if shifted else None

    def _frozen(self, picture_bgr: Picture, captured_ms: int) -> bool:
        margin = round(picture_bgr.shape[0] * FROZEN_MARGIN)
        sample = picture_bgr[margin:-margin:FROZEN_SAMPLE_STEP, ::FROZEN_SAMPLE_STEP, 1]
        if self._still is not None and _alike(self._still, sample):
            still_ms = captured_ms - self._still_since_ms
            return still_ms >= (SUSTAIN_MS if self._key_frames else KEYLESS_MS)
        self._still, self._still_since_ms, self._key_frames = sample.copy(), captured_ms, 0
        return False

    def _learn(self, grey: GreyPicture, edges: GreyPicture, detail: float) -> None:
        self._looks += 1
        gain = max(LEARN_GAIN, 1.0 / self._looks)
        self._detail += gain * (detail - self._detail)
        self._directions.learn(grey, gain)
        if self._scene is None:
            self._scene = edges.copy()
        else:
            self._scene += gain * (edges - self._scene)


def _alike(one: Picture, other: Picture) -> bool:
    """Whether an encoder may have made both from one picture."""
    if one.shape != other.shape:
        return False
    apart = cv2.absdiff(one, np.ascontiguousarray(other))
    return bool(apart.mean() <= FROZEN_MEAN and apart.max(initial=0) <= FROZEN_MOST)


def _edges(grey: GreyPicture) -> GreyPicture:
    """Gradient magnitude: what stays when the light changes."""
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3)
    return cast(GreyPicture, cv2.magnitude(across, down) / 8.0)


def _likeness(one: GreyPicture, other: GreyPicture) -> float:
    """Pearson correlation, 1 when equal, 0 when unrelated."""
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / max(1e-9, float(np.sqrt((a * a).sum() * (b * b).sum()))))
