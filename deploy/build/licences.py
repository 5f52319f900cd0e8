"""Refuses a dependency whose licence an Apache-2.0 distribution can not bear, and writes the SBOM (`make check`).

The rules are licences.toml. A licence is judged as an SPDX expression: every part of an AND must be allowed, one
part of an OR is enough. What states no licence that SPDX knows is refused too, until somebody has read it.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from license_expression import ExpressionError, Licensing, get_spdx_licensing

from deploy.build import sbom
from deploy.build.components import ROOT, Component, components

RULES = Path(__file__).with_name("licences.toml")


@dataclass(frozen=True, slots=True)
class Borne:
    """A package that may carry one licence outside `allowed`, in these sets and nowhere else, for this reason."""

    licence: str
    sets: frozenset[str]
    why: str


@dataclass(frozen=True, slots=True)
class Rules:
    """licences.toml, read."""

    allowed: frozenset[str]
    restated: dict[str, dict[str, str]]  # kind -> package -> expression
    bundled: dict[str, dict[str, str]]  # package -> library -> expression
    borne: dict[str, frozenset[str]]  # package -> licences its bundled libraries may carry beside `allowed`
    packages: dict[str, Borne] = field(default_factory=dict)


def read_rules(path: Path = RULES) -> Rules:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return Rules(
        allowed=frozenset(table["allowed"]),
        restated=table["restated"],
        bundled=table["bundled"],
        borne={package: frozenset(names) for package, names in table["bundled_borne"].items()},
        packages={
            name: Borne(entry["licence"], frozenset(entry["sets"]), entry["why"])
            for name, entry in table["borne"].items()
        },
    )


@cache
def _spdx() -> Licensing:
    return get_spdx_licensing()


def may(expression: str, allowed: frozenset[str]) -> bool:
    """Whether `expression` can be met with `allowed` alone. Raises ExpressionError where SPDX knows no such name."""
    spdx = _spdx()
    return _holds(spdx.parse(expression, validate=True, strict=True), allowed, spdx)


def _holds(node: Any, allowed: frozenset[str], spdx: Licensing) -> bool:
    if isinstance(node, spdx.OR):
        return any(_holds(part, allowed, spdx) for part in node.args)
    if isinstance(node, spdx.AND):
        return all(_holds(part, allowed, spdx) for part in node.args)
    return str(node) in allowed


def _bearable(component: Component, rules: Rules) -> frozenset[str]:
    """The licences it may carry itself: the allowed ones, and one more where licences.toml bears it in all its sets."""
    borne = rules.packages.get(component.name)
    if borne is None or component.kind != "pypi" or not set(component.used_by) <= borne.sets:
        return rules.allowed
    return rules.allowed | {borne.licence}


def refusals(found: Iterable[Component], rules: Rules) -> Iterator[str]:
    """One line for everything that may not stay."""
    for component in found:
        stated = rules.restated.get(component.kind, {}).get(component.name, component.licence)
        where = f"{component.kind} {component.name} {component.version}"
        try:
            if not stated:
                yield f"{where}: states no licence; read it and restate it in licences.toml"
            elif not may(stated, _bearable(component, rules)):
                yield f"{where}: {stated} is not a licence that an Apache-2.0 distribution can bear"
        except ExpressionError:
            yield f"{where}: SPDX knows no {stated!r}; read its licence and restate it in licences.toml"
        read = rules.bundled.get(component.name, {})
        bearable = rules.allowed | rules.borne.get(component.name, frozenset())
        for library in component.libraries:
            if library not in read:
                yield f"{where}: bundles {library}, whose licence nobody has read (licences.toml)"
            elif not may(read[library], bearable):
                yield f"{where}: bundles {library} under {read[library]}"


def main() -> int:
    rules = read_rules()
    found = components()
    refused = list(refusals(found, rules))
    for line in refused:
        print(line, file=sys.stderr)
    target = ROOT / "build" / "sbom.cdx.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(sbom.document(found, rules.restated, rules.bundled), encoding="utf-8")
    print(f"licences: {len(found)} components, {len(refused)} refused; SBOM in {target.relative_to(ROOT)}")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
