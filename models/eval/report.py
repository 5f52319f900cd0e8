"""Scores of stories as text: the same tables on the terminal and, between two marks, in docs/accuracy.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from models.eval import density_bands
from models.eval.density_bands import added
from models.eval.story_scores import DISTANCES_M, HEIGHTS_PX, StoryScore

BEGIN: Final = "<!-- eval scenes: begin (written by esplanade-models eval scenes --write) -->"
END: Final = "<!-- eval scenes: end -->"

HIGHER_STEPS: Final = {
    "vehicle.unauthorised": ("vehicle.in_crowd",),
    "density.caution": ("density.warning", "density.critical", "density.extreme"),
    "density.warning": ("density.critical", "density.extreme"),
    "density.critical": ("density.extreme",),
}
"""Steps of one alert: a vehicle in a crowd is an unauthorised one, told under the worse name at once."""


class NoMarks(ValueError):
    """The document has no place for the report; the message says what to add."""


def written(path: Path, text: str) -> None:
    """Puts the report between its marks. Raises NoMarks, OSError."""
    whole = path.read_text(encoding="utf-8")
    if whole.count(BEGIN) != 1 or whole.count(END) != 1 or whole.index(END) < whole.index(BEGIN):
        raise NoMarks(f"{path}: needs one line `{BEGIN}` and, after it, one line `{END}`")
    head, rest = whole.split(BEGIN)
    path.write_text(f"{head}{BEGIN}\n\n{text.strip()}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


def report(scores: Sequence[StoryScore]) -> str:
    """All tables. The same scores give the same text."""
    ways = list(dict.fromkeys(one.way for one in scores))
    parts = [_summary(scores)]
    for way in ways:
        same = [one for one in scores if one.way == way]
        parts += [f"### {way[0].upper()}{way[1:]}", _bands(same), _places(same)]
        if not way.startswith("labels"):
            parts.append(_heights(same))
        parts += [_zones(same), _vehicles(same), _lines(same), _alerts(same)]
    return "\n\n".join(part for part in parts if part)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _summary(scores: Sequence[StoryScore]) -> str:
    rows = [
        (
            one.story,
            one.way,
            str(one.frames),
            f"{one.total_found / one.total_true - 1.0:+.1%}" if one.total_true >= 1.0 else "nobody",
            f"{one.twice}",
        )
        for one in scores
    ]
    return "**People on the ground, all windows of a story together**\n\n" + _table(
        (
            "story",
            "looked at by",
            "frames",
            "total against truth",
            "two tracks nearest to one vehicle, frames",
        ),
        rows,
    )


def _bands(scores: Sequence[StoryScore]) -> str:
    rows = []
    cells, patches = added(one.cells for one in scores), added(one.patches for one in scores)
    for name, cell, patch in zip(density_bands.names(), cells, patches, strict=True):
        rows.append(
            (
                name,
                *(
                    text
                    for band in (cell, patch)
                    for text in (
                        (
                            str(band.n),
                            f"{band.mean_absolute:.2f}",
                            f"{band.bias:+.2f}",
                            f"{band.share_within:.1%}",
                        )
                        if band.n
                        else ("0", "", "", "")
                    )
                ),
            )
        )
    head = ("people per m²", "cells", "MAE", "bias", "in 95 %", "6 x 6 m", "MAE", "bias", "in 95 %")
    return (
        "Density by how full it truly is (errors in people per m²; share inside the stated 95 % interval):\n\n"
        + (_table(head, rows))
    )


def _places(scores: Sequence[StoryScore]) -> str:
    rows = []
    for k, (low, high) in enumerate(pairwise(DISTANCES_M)):
        some = [one.distances[k] for one in scores]
        known = [one for one in some if one is not None]
        if known:
            rows.append(
                (
                    f"over {low:g}" if high == float("inf") else f"{low:g} to {high:g}",
                    str(sum(one.n for one in known)),
                    f"{np.average([one.median_m for one in known], weights=[one.n for one in known]):.2f}",
                    f"{max(one.p90_m for one in known):.2f}",
                )
            )
    return "Where people are placed (metres from where they stand):\n\n" + _table(
        ("from the camera, m", "people", "median, mean over stories", "nine in ten within, worst story"), rows
    )


def _heights(scores: Sequence[StoryScore]) -> str:
    rows = []
    for k, (low, high) in enumerate(pairwise(HEIGHTS_PX)):
        labelled, found = (
            sum(getattr(one.heights[k], key) for one in scores) for key in ("labelled", "found")
        )
        finds, right = (sum(getattr(one.heights[k], key) for one in scores) for key in ("finds", "right"))
        rows.append(
            (
                f"over {low:g}" if high == float("inf") else f"{low:g} to {high:g}",
                str(labelled),
                f"{found / labelled:.2f}" if labelled else "",
                f"{right / finds:.2f}" if finds else "",
            )
        )
    return "People by height of their box (at least 60 % seen; overlap of one half):\n\n" + _table(
        ("box height, px", "labelled", "recall", "precision"), rows
    )


def _zones(scores: Sequence[StoryScore]) -> str:
    rows = [
        (
            one.story,
            zone.zone,
            str(zone.seconds),
            f"{zone.true_mean:.1f}",
            f"{zone.found_mean:.1f}",
            f"{zone.near / zone.seconds:.0%}",
            f"{zone.stated / zone.seconds:.0%}",
        )
        for one in scores
        for zone in one.zones
        if zone.true_mean >= 0.5
    ]
    head = (
        "story",
        "zone",
        "seconds",
        "people, true",
        "told",
        "within 3 % or one person",
        "in the stated interval",
    )
    return "Zones, as the hub tells them:\n\n" + _table(head, rows) if rows else ""


def _vehicles(scores: Sequence[StoryScore]) -> str:
    rows, every = [], []
    for one in scores:
        fast = [v for v in one.vehicles if v.absolute_relative_error is not None]
        seen, followed = (
            sum(getattr(v, key) for v in one.vehicles) for key in ("frames_seen", "frames_followed")
        )
        if not seen:
            continue
        every += [v.absolute_relative_error for v in fast if v.absolute_relative_error is not None]
        places = [v.place_median_m for v in one.vehicles if v.place_median_m is not None]
        rows.append(
            (
                one.story,
                str(len(one.vehicles)),
                f"{min(1.0, followed / seen):.0%}",
                f"{np.median([v.absolute_relative_error for v in fast]):.1%}" if fast else "none so fast",
                f"{np.median(places):.2f}" if places else "",
            )
        )
    if not rows:
        return ""
    head = ("story", "vehicles", "frames followed", "speed error, median vehicle", "place error, median, m")
    whole = (
        f"\n\nAll {len(every)} vehicles of 10 km/h and more: median speed error {np.median(every):.1%}."
        if every
        else ""
    )
    return "Vehicles:\n\n" + _table(head, rows) + whole


def _lines(scores: Sequence[StoryScore]) -> str:
    rows = [
        (
            one.story,
            line.line,
            f"{line.true_forward} / {line.true_backward}",
            f"{line.forward} / {line.backward}",
        )
        for one in scores
        for line in one.lines
        if line.true_forward + line.true_backward
    ]
    return (
        "Crossings, forward / backward:\n\n" + _table(("story", "line", "true", "told"), rows) if rows else ""
    )


def _alerts(scores: Sequence[StoryScore]) -> str:
    rows = []
    hours = false = 0.0
    for one in scores:
        hours += one.hours
        wrong = [r for r in one.raised if r.onset_s is None]
        false += len(wrong)
        for asked in one.due:
            answers = (asked.rule, *HIGHER_STEPS.get(asked.rule, ()))
            right = [r for r in one.raised if r.rule in answers and r.onset_s is not None]
            first = min((r.at_s for r in right), default=None)
            told = "never raised" if first is None else _when(asked.rule, first - asked.onset_s)
            rows.append((one.story, asked.rule, f"{asked.onset_s:.1f}", told))
        rows += [(one.story, r.rule, "", f"**false**, {r.severity}, at {r.at_s:.0f} s") for r in wrong]
        if not one.due and not wrong:
            rows.append((one.story, "none is due", "", "none raised"))
    head = ("story", "rule", "true from, s", "first alert")
    rate = f"\n\n{false:.0f} false alerts in {hours:.2f} hours: {false / max(hours, 1e-9):.1f} an hour."
    return "Alerts:\n\n" + _table(head, rows) + rate


def _when(rule: str, late_s: float) -> str:
    return f"{-late_s:.0f} s before" if late_s < 0 else f"{late_s:.1f} s after"
