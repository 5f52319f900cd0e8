"""`esplanade-models`: list, fetch, verify, bench and evaluate the detectors of the manifest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from models.fetch import Progress, fetch
from models.input_size import parsed
from models.manifest import Manifest, Model, UnknownModel, manifest
from models.store import ModelMissing, WrongContent, home, located

MEGABYTE = 1_000_000


def main(given: list[str] | None = None) -> int:
    """Entry point; returns the exit status: 0 all well, 1 something named in a message is not, 2 wrong usage."""
    options = _parser().parse_args(given)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
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

    timing = commands.add_parser(
        "bench", help="milliseconds a picture takes, on one thread (needs the edge extra)"
    )
    timing.add_argument("names", nargs="*", metavar="MODEL")
    timing.add_argument("--input-size", type=parsed, metavar="HxW", action="append")
    timing.add_argument("--repeats", type=int, default=30)
    timing.set_defaults(run=_bench)

    evaluating = commands.add_parser("eval", help="people counted against hand labels (needs the edge extra)")
    evaluating.add_argument("rest", nargs=argparse.REMAINDER, help="as for python -m models.eval")
    evaluating.set_defaults(run=_eval)
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


def _bench(options: argparse.Namespace) -> int:
    from models import bench

    known = manifest()
    print(bench.machine())
    print(f"{'model':<24} {'input':>9} {'detect ms':>10} {'p90':>7} {'bare ms':>8} {'ratio':>6}")
    for model in _named(known, options.names) or known.model:
        if not options.names and _state(model) != "yes":
            print(f"{model.name:<24} not here; esplanade-models fetch {model.name}")
            continue
        for size in options.input_size or bench.SIZES_PX:
            took = bench.timed(model.name, size, options.repeats)
            print(
                f"{model.name:<24} {'x'.join(map(str, took.input_size)):>9} {took.detect_ms:>10.1f} "
                f"{took.detect_p90_ms:>7.1f} {took.bare_ms:>8.1f} {took.detect_ms / took.bare_ms:>6.2f}",
                flush=True,
            )
    return 0


def _eval(options: argparse.Namespace) -> int:
    from models.eval.__main__ import main as evaluate

    return evaluate(options.rest)


if __name__ == "__main__":
    sys.exit(main())
