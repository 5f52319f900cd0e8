"""Milliseconds a picture takes, per model and input size, on one thread; and what this device holds in a CPU share."""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge.detector import Detector
from models.density import assemble
from models.density.head import About, fresh
from models.density.taps import TAPS, taps_of
from models.input_size import parsed
from models.manifest import Model, UnknownModel, manifest
from models.store import ModelMissing, WrongContent, located

PICTURE_PX: Final = (576, 768)
SIZES_PX: Final = ((320, 416), (480, 640), (576, 768), (672, 896), (768, 1024))
RATES_PER_S: Final = (1.0, 2.0, 5.0, 10.0, 15.0)
"""Pictures a second that advice is given for."""
WARM_UP: Final = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """Median and 90th percentile of the whole `detect`, and the median of bare onnxruntime on the same tensor.

    `cpu_ms`: processor time of a whole `detect`, all threads; unlike the others it does not grow with other work on
    the machine. `density`: with a people map.
    """

    model: str
    density: bool
    input_size: tuple[int, int]
    detect_ms: float
    detect_p90_ms: float
    bare_ms: float
    cpu_ms: float


def machine() -> str:
    """What the numbers were measured on."""
    return f"{_processor()}, {os.cpu_count()} cores, onnxruntime {onnxruntime.__version__}, 1 thread"


def timed(model: str, input_size: tuple[int, int] | None, repeats: int, density: bool = False) -> Timing:
    """Time a model on a synthetic picture of 768x576. Bare and whole runs alternate, so that noise hits both.

    `density`: with a head's nodes added; what weights they hold does not change the time.
    """
    if repeats < 2:
        raise ValueError(f"bench: --repeats {repeats}; at least 2")
    detector = _with_map(model, input_size) if density else Detector.load(model, input_size=input_size)
    picture = synthetic_picture()
    tensor, _, _ = detector.tensor(picture)
    feed = {detector.session.get_inputs()[0].name: tensor}
    whole_ms, bare_ms, cpu_ms = [], [], []
    for turn in range(repeats + WARM_UP):
        bare = _ms(lambda: detector.session.run(None, feed))
        begun_s = process_time()
        whole = _ms(lambda: detector.detect(picture))
        cpu = (process_time() - begun_s) * 1000
        if turn >= WARM_UP:
            bare_ms.append(bare)
            whole_ms.append(whole)
            cpu_ms.append(cpu)
    return Timing(
        model,
        density,
        detector.network_size(*PICTURE_PX),
        median(whole_ms),
        quantiles(whole_ms, n=10)[-1],
        median(bare_ms),
        median(cpu_ms),
    )


def _with_map(name: str, input_size: tuple[int, int] | None) -> Detector:
    model = manifest().named(name)
    content = located(model).read_bytes()
    about = About(
        backbone=name,
        backbone_sha256=hashlib.sha256(content).hexdigest(),
        tall_px=(1.0, 2.0),
        trained_on="nothing",
    )
    taps = taps_of(model)
    whole = assemble.assembled(content, fresh(about, taps, 0), taps)
    return Detector(model, whole, input_size=input_size)


def rate_per_s(timing: Timing, cpu_share: float, cores: int) -> float:
    """Pictures a second within a share (0 to 1) of all processor time of the device, and on one core: the network runs
    on one thread."""
    return 1000.0 * min(cpu_share * cores, 1.0) / timing.cpu_ms


def advice(timings: Iterable[Timing], cpu_share: float, cores: int) -> list[str]:
    """For each of `RATES_PER_S` the largest input that holds it, of each model, without and with a people map."""
    some = list(timings)
    lines = []
    for rate in RATES_PER_S:
        held = [one for one in some if rate_per_s(one, cpu_share, cores) >= rate]
        best: dict[tuple[str, bool], Timing] = {}
        for one in held:
            before = best.get((one.model, one.density))
            if before is None or one.input_size > before.input_size:
                best[one.model, one.density] = one
        words = [
            f"{one.model} {'x'.join(map(str, one.input_size))}{' with people map' if one.density else ''}"
            for one in best.values()
        ]
        lines.append(f"{rate:g} pictures a second: {', '.join(words) if words else 'none of these'}")
    return lines


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to a parser."""
    parser.add_argument("names", nargs="*", metavar="MODEL")
    parser.add_argument("--input-size", type=parsed, metavar="HxW", action="append")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--cpu-share", type=float, default=0.5, help="of all cores, 0 to 1")
    parser.add_argument("--no-density", action="store_true", help="the detectors alone")


def run(options: argparse.Namespace) -> int:
    """Measure and print; returns the exit status. Raises ValueError, `UnknownModel` for what can not be measured."""
    if not 0.0 < options.cpu_share <= 1.0:
        raise ValueError(f"bench: --cpu-share {options.cpu_share}; must lie above 0 and not above 1")
    cores = os.cpu_count() or 1
    print(machine())
    print(
        f"{'model':<24} {'map':<4} {'input':>9} {'detect ms':>10} {'p90':>7} {'bare ms':>8} {'ratio':>6} {'CPU ms':>7} "
        f"{'per s':>6}"
    )
    found = []
    for model in _meant(options.names):
        for density in (False, True) if model.name in TAPS and not options.no_density else (False,):
            for size in options.input_size or SIZES_PX:
                took = timed(model.name, size, options.repeats, density)
                found.append(took)
                print(
                    f"{model.name:<24} {'yes' if density else 'no':<4} {'x'.join(map(str, took.input_size)):>9} "
                    f"{took.detect_ms:>10.1f} {took.detect_p90_ms:>7.1f} {took.bare_ms:>8.1f} "
                    f"{took.detect_ms / took.bare_ms:>6.2f} {took.cpu_ms:>7.1f} "
                    f"{rate_per_s(took, options.cpu_share, cores):>6.1f}",
                    flush=True,
                )
    print(
        f"\nWithin {100 * options.cpu_share:.0f} % of {cores} cores, the largest input of each model that holds"
    )
    for line in advice(found, options.cpu_share, cores):
        print(f"  {line}")
    print(
        "All cameras of the device share this; video decoding and tracking come on top (docs/performance.md)."
    )
    return 0


def main(given: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="esplanade-models bench", description=__doc__)
    arguments(parser)
    return run(parser.parse_args(given))


def _meant(names: list[str]) -> list[Model]:
    known = manifest()
    if names:
        return [known.named(name) for name in names]
    here = []
    for model in known.model:
        try:
            located(model)
        except (ModelMissing, WrongContent):
            print(f"{model.name:<24} not here; esplanade-models fetch {model.name}")
        else:
            here.append(model)
    if not here:
        raise UnknownModel("bench: no model is here; esplanade-models fetch MODEL")
    return here


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
