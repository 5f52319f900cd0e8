"""`esplanade-models train`: samples, people-free pictures, features, fit, trim; each goes on where it was stopped.

The folder holds `samples/`, `negatives/`, `features-...`, `MODEL.fit.npz` (checkpoint) and, at the end, `MODEL.head`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.density import clutter, crops, features, head, negatives, sample, trim
from models.density.fit import FitWrong, Plan, fit
from models.density.inputs import backbone
from models.density.progress import Bar
from models.density.taps import NoTaps, taps_of
from models.manifest import UnknownModel, manifest
from models.store import ModelMissing, WrongContent

KEPT_BACK: Final = 7
"""One view in so many is kept back for scale and threshold."""
EMPTY_WEIGHT: Final = 2.5
"""How much a people-free picture counts against a rendered one. [E]"""
CLUTTER_SHARE: Final = 8
"""For so many samples there is one picture of nothing (`clutter`)."""
LEAST_SAMPLES: Final = 49


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to a parser."""
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to work in; the same command goes on there"
    )
    parser.add_argument("--model", default=manifest().default, help="the detector whose features are used")
    parser.add_argument("--samples", type=int, default=1600, help="pictures to render (about 1.3 s each)")
    parser.add_argument("--variants", type=int, default=3, help="crops of each picture")
    parser.add_argument(
        "--steps", type=int, default=6000, help="steps of the fit, eight crops each (about 0.12 s)"
    )
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--no-negatives", action="store_true", help="without real pictures; counts people where nobody is"
    )
    parser.add_argument("--created-at", default="", metavar="UTC", help="written into the head as it stands")


def train(options: argparse.Namespace) -> int:
    """Train; returns the exit status."""
    try:
        _refuse(options)
        return _train(options)
    except KeyboardInterrupt:
        print("\ntrain: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except ModuleNotFoundError as wrong:
        return _complain(f"{wrong}; rendering needs what docs/scenes.md lists")
    except (UnknownModel, NoTaps, ModelMissing, WrongContent, FitWrong, negatives.NegativesWrong) as wrong:
        return _complain(str(wrong))
    except (ValueError, OSError, RuntimeError) as wrong:
        return _complain(str(wrong))


def _complain(what: str) -> int:
    print(f"train: {what}", file=sys.stderr)
    return 1


def _refuse(options: argparse.Namespace) -> None:
    if options.samples < LEAST_SAMPLES:
        raise ValueError(f"--samples {options.samples}: at least {LEAST_SAMPLES}")
    if options.variants < 1 or options.steps < 1:
        raise ValueError("--variants and --steps must be at least 1")
    if not 0.0 < options.rate < 1.0:
        raise ValueError(f"--rate {options.rate}: must lie between 0 and 1")
    if options.out.exists() and not options.out.is_dir():
        raise ValueError(f"--out {options.out}: is no folder")


def _train(options: argparse.Namespace) -> int:
    model = manifest().named(options.model)
    taps, network = taps_of(model), backbone(model)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    _samples(out / "samples", options.samples)
    empties = _empties(out / "negatives", options.no_negatives)
    learned, kept_back = split(options.samples)
    folder = out / f"features-{model.name}-{options.seed}-{len(empties)}-{crops.RECIPE}"
    nothings = [clutter.clutter(options.seed, number) for number in range(options.samples // CLUTTER_SHARE)]
    with_people = features.of_samples(
        folder,
        out / "samples",
        learned,
        options.variants,
        empties,
        model,
        network,
        options.seed,
        Bar("features"),
    )
    held = features.of_samples(
        folder / "held", out / "samples", kept_back, 1, [], model, network, options.seed, Bar("held back")
    )
    without = features.of_empties(
        folder,
        [*empties, *nothings],
        3 * options.variants,
        model,
        network,
        options.seed,
        EMPTY_WEIGHT,
        Bar("people-free"),
    )
    about = head.About(
        backbone=model.name,
        backbone_sha256=model.sha256,
        tall_px=crops.TALL_PX,
        trained_on=f"{len(learned)} rendered pictures (seed {options.seed}), {len(empties)} people-free real views",
        created_at=options.created_at,
    )
    near_std, far_std = features.deviations(with_people)
    plan = Plan(steps=options.steps, rate=options.rate, seed=options.seed)
    bar = Bar("fit")
    fitted = fit(
        head.fresh(about, taps, options.seed, near_std, far_std),
        features.Both(with_people, without),
        plan,
        checkpoint=out / f"{model.name}.fit.npz",
        progress=lambda done, of, loss: bar(done, of, f"loss {loss:.4f}"),
    )
    done = trim.trimmed(fitted, held)
    numbers = {"rendered_mae": done.mae, "rendered_bias": done.bias, "rendered_empty": done.empty}
    finished = replace(done.head, about=msgspec.structs.replace(about, held_out=numbers))
    path = out / f"{model.name}.head"
    head.write(finished, path)
    print(
        f"{path}: {finished.parameters} weights, scale {finished.scale:.3f}, threshold {finished.threshold:.3f}; on "
        f"{len(held)} rendered crops kept back: mean absolute error {done.mae:.1f} people, "
        f"bias {100 * done.bias:+.1f} %, {done.empty:.2f} people where nobody is"
    )
    return 0


def split(samples: int) -> tuple[list[int], list[int]]:
    """Numbers of the samples to learn from, and of those kept back: one whole view in `KEPT_BACK`, so that all lights
    are among them."""
    a_view = sample.CROWDS_A_VIEW + 1
    back = [i for i in range(samples) if i // a_view % KEPT_BACK == KEPT_BACK - 1]
    learned = [i for i in range(samples) if i // a_view % KEPT_BACK != KEPT_BACK - 1]
    return learned, back


def _samples(folder: Path, count: int) -> None:
    if all(sample.path_of(folder, i).with_suffix(".npz").is_file() for i in range(count)):
        return
    from models.density.sampler import write

    write(folder, count, Bar("pictures"))


def _empties(folder: Path, without: bool) -> list[NDArray[np.uint8]]:
    if without:
        return []
    negatives.fetch(folder, _say)
    return [picture for _, picture in negatives.pictures(folder, "train")]


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main(given: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="esplanade-models train", description=__doc__)
    arguments(parser)
    return train(parser.parse_args(given))


if __name__ == "__main__":
    sys.exit(main())
