"""Asks for known vulnerabilities in all that the locks pin: pip-audit for Python, npm audit for the page.

Part of `make check`. Fails on what is found and not borne in vulnerable.toml. A service that does not answer, or does
not know a package, is no pass and no failure: it is said, loudly, with how many packages nobody was asked about.
Nothing is installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from deploy.build.components import ROOT, Pin, read_lock
from deploy.build.page_vendor import npm_command

BORNE = Path(__file__).with_name("vulnerable.toml")
# `make check` stays under a minute whatever the network does.
PYTHON_S, NPM_S = 25.0, 10.0
REQUEST_S = 5
KEYS = frozenset({"id", "package", "reason", "since", "until"})

Run = Callable[[Sequence[str], float], str]
"""Runs a command for at most so many seconds and gives its standard output; empty when it did not end in time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One known vulnerability in one pinned package. `names`: all ids it goes by."""

    package: str
    version: str
    names: frozenset[str]
    mend: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}: {', '.join(sorted(self.names))}; {self.mend}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said: what it found, which packages it answered for, and why not for the others."""

    found: tuple[Finding, ...]
    asked: int
    silent: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Borne:
    id: str
    package: str
    reason: str
    since: date
    until: date


class BadList(ValueError):
    """vulnerable.toml can not be used; the message says which entry."""


def read_borne(path: Path = BORNE) -> tuple[Borne, ...]:
    """Raises BadList for an entry without a reason or a date."""
    found = []
    for number, entry in enumerate(tomllib.loads(path.read_text(encoding="utf-8")).get("borne", []), start=1):
        if set(entry) != KEYS or not str(entry["reason"]).strip():
            raise BadList(f"{path.name}: entry {number} needs {', '.join(sorted(KEYS))}, and no other key")
        if type(entry["since"]) is not date or type(entry["until"]) is not date:
            raise BadList(f"{path.name}: entry {number}: since and until are dates, such as 2027-01-31")
        found.append(Borne(**entry))
    return tuple(found)


def faults(found: Iterable[Finding], borne: Sequence[Borne], today: date) -> tuple[list[str], list[str]]:
    """What fails, and what is only said."""
    failing, said = [], []
    used: set[Borne] = set()
    for finding in found:
        fitting = [one for one in borne if one.package == finding.package and one.id in finding.names]
        used.update(fitting)
        if not fitting:
            failing.append(f"VULNERABLE {finding}")
        elif all(one.until < today for one in fitting):
            failing.append(
                f"VULNERABLE {finding} (borne until {max(one.until for one in fitting)}, which is over)"
            )
        else:
            said.append(f"borne until {max(one.until for one in fitting)}: {finding}; {fitting[0].reason}")
    for one in borne:
        if one not in used:
            said.append(
                f"{one.id} in {one.package} was not found; if all was asked, take it out of {BORNE.name}"
            )
    return failing, said


# --- Python --------------------------------------------------------------------------------------------------


def pins(folder: Path = ROOT / "requirements") -> list[Pin]:
    """Every name and version of every lock, once, whatever platform it is for."""
    found = {(pin.name, pin.version): pin for lock in sorted(folder.glob("*.txt")) for pin in read_lock(lock)}
    return [found[key] for key in sorted(found)]


def ask_python(pinned: Sequence[Pin], run: Run) -> Answer:
    """pip-audit's first service for all, its second for those that the first does not know."""
    left, found, why = list(pinned), [], "no service answered"
    for service in ("pypi", "osv"):
        report = _pip_audit(left, service, run)
        if report is None:
            continue
        silent = {one["name"]: one["skip_reason"] for one in report if "skip_reason" in one}
        answered = {(one["name"], one["version"]) for one in report if "skip_reason" not in one}
        found += [
            Finding(
                one["name"],
                one["version"],
                frozenset({vulnerability["id"], *vulnerability.get("aliases", ())}),
                f"mended in {' or '.join(vulnerability['fix_versions']) or 'no version yet'}",
            )
            for one in report
            for vulnerability in one.get("vulns", ())
        ]
        left = [pin for pin in left if (pin.name, pin.version) not in answered]
        if silent:
            why = f"{service}: {next(iter(silent.values()))}"
        if not left:
            break
    return Answer(
        tuple(found), len(pinned), tuple(f"{pin.name} {pin.version}" for pin in left), why if left else ""
    )


def _pip_audit(pinned: Sequence[Pin], service: str, run: Run) -> list[dict[str, Any]] | None:
    """Its report, or None when it has none to give."""
    with tempfile.TemporaryDirectory() as folder:
        # a file holds a package once; a lock may pin two versions of it for two platforms
        files: list[dict[str, str]] = []
        for pin in pinned:
            file = next((one for one in files if pin.name not in one), None)
            if file is None:
                files.append(file := {})
            file[pin.name] = pin.version
        command = [sys.executable, "-m", "pip_audit", "--format", "json", "--no-deps", "--disable-pip"]
        command += [
            "--progress-spinner",
            "off",
            "--timeout",
            str(REQUEST_S),
            "--vulnerability-service",
            service,
        ]
        for number, file in enumerate(files):
            path = Path(folder) / f"{number}.txt"
            path.write_text(
                "".join(f"{name}=={version}\n" for name, version in file.items()), encoding="utf-8"
            )
            command += ["--requirement", str(path)]
        try:
            report: list[dict[str, Any]] = json.loads(run(command, PYTHON_S))["dependencies"]
        except (ValueError, KeyError, TypeError):
            return None
    return report


# --- npm -----------------------------------------------------------------------------------------------------


def ask_npm(run: Run, lock: Path = ROOT / "package-lock.json") -> Answer:
    packages = {
        path.removeprefix("node_modules/"): entry["version"]
        for path, entry in json.loads(lock.read_text(encoding="utf-8"))["packages"].items()
        if path
    }
    everything = tuple(f"{name} {version}" for name, version in sorted(packages.items()))
    try:
        report = json.loads(
            run(
                [
                    *npm_command(),
                    "audit",
                    "--package-lock-only",
                    "--audit=true",
                    "--fetch-retries=0",
                    "--json",
                ],
                NPM_S,
            )
        )
    except ValueError:
        return Answer((), len(packages), everything, "npm audit gave no report")
    if not isinstance(report, dict) or "vulnerabilities" not in report:
        why = str(report.get("message", "no report")) if isinstance(report, dict) else "no report"
        # its text names the registry, which is nobody's business here
        return Answer((), len(packages), everything, f"npm audit: {why.split(' - ')[0]}")
    found = [
        Finding(
            name,
            packages.get(name, "?"),
            frozenset(
                str(via["url"]).rsplit("/", 1)[-1] if via.get("url") else str(via["source"]) for via in causes
            ),
            "; ".join(str(via.get("title", "")) for via in causes),
        )
        for name, entry in report["vulnerabilities"].items()
        if (causes := [via for via in entry["via"] if isinstance(via, dict)])
    ]
    return Answer(tuple(found), len(packages), ())


# --- the command ---------------------------------------------------------------------------------------------


def _run(command: Sequence[str], seconds: float) -> str:
    quiet = {**os.environ, "NO_COLOR": "1"}
    try:
        ended = subprocess.run(
            command, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=seconds, check=False
        )
    except (subprocess.TimeoutExpired, OSError):
        return ""
    return ended.stdout


def main(run: Run = _run) -> int:
    try:
        borne = read_borne()
    except (BadList, tomllib.TOMLDecodeError) as error:
        print(error, file=sys.stderr)
        return 1
    answers = {"Python": ask_python(pins(), run), "npm": ask_npm(run)}
    found = [finding for answer in answers.values() for finding in answer.found]
    failing, said = faults(found, borne, datetime.now(UTC).date())
    for line in said:
        print(f"  {line}")
    for kind, answer in answers.items():
        if answer.silent:
            print(
                f"\n*** NOT AUDITED: {len(answer.silent)} of {answer.asked} {kind} packages. {answer.why}\n"
                f"*** This is no pass. {_some(answer.silent)}\n*** Run `make check` where the service answers.\n",
                file=sys.stderr,
            )
    for line in failing:
        print(line, file=sys.stderr)
    asked = sum(answer.asked for answer in answers.values())
    audited = asked - sum(len(answer.silent) for answer in answers.values())
    borne_now = len(found) - len(failing)
    print(f"vulnerabilities: {audited} of {asked} packages audited, {len(failing)} found, {borne_now} borne")
    return 1 if failing else 0


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


if __name__ == "__main__":
    sys.exit(main())
