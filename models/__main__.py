"""`esplanade-models`: list, fetch, verify, bench and evaluate the detectors of the manifest."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from models.fetch import Progress, fetch
from models.manifest import Manifest, Model, UnknownModel, manifest
from models.store import ModelMissing, WrongContent, home, located

MEGABYTE = 1_000_000

PASSED_ON = {
    "bench": "milliseconds a picture takes, and what this device holds in a CPU share (needs the edge extra)",
    "train": "train the general people map on rendered pictures (docs/density.md)",
    "gate": "measure a trained people map: real pictures without people, vtest.avi, rendered stories",
}
"""Commands that read their arguments themselves, in a module of their own."""
MODULE_OF = {"bench": "models.bench", "train": "models.density.train", "gate": "models.density.gate"}


def main(given: list[str] | None = None) -> int:
    """Entry point; returns the exit status: 0 all well, 1 something named in a message is not, 2 wrong usage."""
    words = sys.argv[1:] if given is None else given
    try:
        if words and words[0] in MODULE_OF:
            return _passed_on(words[0], words[1:])
        options = _parser().parse_args(words)
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except ModuleNotFoundError as missing:
        print(
            f"esplanade-models: {missing}; this needs the edge extra: install esplanade[edge]",
            file=sys.stderr,
        )
        return 1
    except (UnknownModel, ValueError, OSError) as wrong:
        print(f"esplanade-models: {wrong}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="esplanade-models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    listing = commands.add_parser("list", help="show the models and which of them are here")
    listing.set_defaults(run=_list)

    fetching = commands.add_parser("fetch", help="fetch models; a file with another hash is refused")
    fetching.add_argument("names", nargs="+", metavar="MODEL")
    fetching.add_argument(
        "--mirror", help="a folder or address instead of the manifest's (ESPLANADE_MODEL_MIRROR)"
    )
    fetching.set_defaults(run=_fetch)

    verifying = commands.add_parser("verify", help="check the files that are here against the manifest")
    verifying.add_argument(
        "names", nargs="*", metavar="MODEL", help="these must be here; all that are, without names"
    )
    verifying.set_defaults(run=_verify)

    for name, what in PASSED_ON.items():
        commands.add_parser(name, help=what, add_help=False)

    evaluating = commands.add_parser("eval", help="people counted against hand labels (needs the edge extra)")
    evaluating.add_argument("rest", nargs=argparse.REMAINDER, help="as for python -m models.eval")
    evaluating.set_defaults(run=_eval)

    calibrating = commands.add_parser(
        "calibrate", help="a density model for one camera, from heads marked by you (needs the edge extra)"
    )
    calibrating.add_argument("rest", nargs=argparse.REMAINDER, help="as for python -m models.calibrate")
    calibrating.set_defaults(run=_calibrate)
    return parser


def _named(known: Manifest, names: list[str]) -> list[Model]:
    return [known.named(name) for name in names]


def _list(_: argparse.Namespace) -> int:
    known = manifest()
    print(f"{'model':<24} {'MB':>5}  {'licence':<11} {'here':<9} what")
    for model in known.model:
        mark = " (default)" if model.name == known.default else ""
        size = model.size_bytes / MEGABYTE
        print(f"{model.name:<24} {size:>5.1f}  {model.licence:<11} {_state(model):<9} {model.summary}{mark}")
    print(f"fetched models go to {home()}")
    return 0


def _state(model: Model) -> str:
    try:
        located(model)
    except ModelMissing:
        return "no"
    except WrongContent:
        return "damaged"
    return "yes"


def _fetch(options: argparse.Namespace) -> int:
    for model in _named(manifest(), options.names):
        with _bar(model) as progress:
            path = fetch(model, mirror=options.mirror, progress=progress)
        print(f"{model.name}: {path}, sha256 {model.sha256} as in the manifest")
    return 0


@contextmanager
def _bar(model: Model) -> Iterator[Progress]:
    """A progress bar on a terminal, silence elsewhere."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda _: None
        return
    with tqdm(total=model.size_bytes, unit="B", unit_scale=True, desc=model.name, disable=None) as bar:
        yield bar.update


def _verify(options: argparse.Namespace) -> int:
    known = manifest()
    failed = 0
    for model in _named(known, options.names) or known.model:
        try:
            path = located(model)
        except ModelMissing as wrong:
            if options.names or model.shipped:
                failed += 1
                print(wrong)
            else:
                print(f"{model.name}: not fetched")
        except WrongContent as wrong:
            failed += 1
            print(wrong)
        else:
            print(f"{model.name}: {path} is right")
    return 1 if failed else 0


def _passed_on(command: str, words: list[str]) -> int:
    from importlib import import_module

    status: int = import_module(MODULE_OF[command]).main(words)
    return status


def _eval(options: argparse.Namespace) -> int:
    from models.eval.__main__ import main as evaluate

    return evaluate(options.rest)


def _calibrate(options: argparse.Namespace) -> int:
    # The matrices of a fit are small: threads that wait for each other cost more than they bring.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from models.calibrate.__main__ import main as calibrate

    return calibrate(options.rest)


if __name__ == "__main__":
    sys.exit(main())
