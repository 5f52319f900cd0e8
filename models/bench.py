"""Milliseconds a picture takes, per model and input size, on one thread."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter
from typing import Final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge.detector import Detector

PICTURE_PX: Final = (576, 768)
SIZES_PX: Final = ((320, 416), (480, 640), (576, 768), (672, 896), (768, 1024))
WARM_UP: Final = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """Median and 90th percentile of the whole `detect`, and the median of bare onnxruntime on the same tensor."""

    input_size: tuple[int, int]
    detect_ms: float
    detect_p90_ms: float
    bare_ms: float


def machine() -> str:
    """What the numbers were measured on."""
    return f"{_processor()}, {os.cpu_count()} cores, onnxruntime {onnxruntime.__version__}, 1 thread"


def timed(model: str, input_size: tuple[int, int] | None, repeats: int) -> Timing:
    """Time a model on a synthetic picture of 768x576. Bare and whole runs alternate, so that noise hits both."""
    detector = Detector.load(model, input_size=input_size)
    picture = synthetic_picture()
    tensor, _, _ = detector.tensor(picture)
    feed = {detector.session.get_inputs()[0].name: tensor}
    whole_ms, bare_ms = [], []
    for turn in range(repeats + WARM_UP):
        bare = _ms(lambda: detector.session.run(None, feed))
        whole = _ms(lambda: detector.detect(picture))
        if turn >= WARM_UP:
            bare_ms.append(bare)
            whole_ms.append(whole)
    return Timing(
        detector.network_size(*PICTURE_PX), median(whole_ms), quantiles(whole_ms, n=10)[-1], median(bare_ms)
    )


def synthetic_picture() -> NDArray[np.uint8]:
    """Smooth noise of fixed seed: no network is faster or slower for what it shows."""
    noise = np.random.default_rng(7).integers(0, 256, (36, 48, 3), np.uint8)
    return np.asarray(cv2.resize(noise, PICTURE_PX[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _ms(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return (perf_counter() - start) * 1000


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()
