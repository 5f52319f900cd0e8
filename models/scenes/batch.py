"""Every story in processes of its own, some at once: what `make scenes` runs.

A story's process is `python -m models.scenes render`, which goes on where it was stopped; so does all of this.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from models.scenes.story import Story

LOOK_EVERY_S: Final = 1.0
PERSON_COSTS_FRAMES: Final = 1.0
"""Somebody who stands there from the start makes a story as much longer as so many frames. [E]"""
LAST_WORDS: Final = 2000


def frames(story: Story, most: int | None = None) -> int:
    """How many pictures the story makes, over all its cameras."""
    return len(story.frame_times_s()[:most]) * len(story.cameras)


def longest_first(stories: Mapping[str, Story]) -> list[str]:
    """Their names, so that no long one is left to the end, when the other processes have nothing to do."""

    def cost(story: Story) -> float:
        return frames(story) + PERSON_COSTS_FRAMES * sum(crowd.number for crowd in story.standing)

    return sorted(stories, key=lambda name: cost(stories[name]), reverse=True)


def done(stories: Iterable[Story], out: Path, most: int | None = None) -> int:
    """Frames that are on disk: their truth is written last."""
    return sum(
        min(sum(1 for _ in (out / story.story / camera / "pictures").glob("*.json")), frames(story, most))
        for story in stories
        for camera in story.cameras
    )


def render_all(
    stories: Mapping[str, Story], out: Path, jobs: int, most: int | None, progress: Callable[[int], None]
) -> dict[str, str]:
    """Renders into `out`, `jobs` stories at once. Returns the last words of each that failed.

    `stories`: by their names, or the paths of files; the answer has the same keys.
    """
    out.mkdir(parents=True, exist_ok=True)
    waiting = longest_first(stories)
    running: dict[str, subprocess.Popen[bytes]] = {}
    failed: dict[str, str] = {}
    # the software renderer would start a thread for each core in every process
    environment = os.environ | {"LP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // jobs))}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name = waiting.pop(0)
                running[name] = _started(name, _log(out, stories[name]), out, most, environment)
            time.sleep(LOOK_EVERY_S)
            for name, process in list(running.items()):
                if process.poll() is not None:
                    del running[name]
                    if process.returncode != 0:
                        failed[name] = _log(out, stories[name]).read_text(errors="replace")[-LAST_WORDS:]
            progress(done(stories.values(), out, most))
    finally:
        for process in running.values():
            process.send_signal(signal.SIGINT)
        for process in running.values():
            process.wait()
    return failed


def _log(out: Path, story: Story) -> Path:
    return out / f"{story.story}.log"


def _started(
    name: str, log_path: Path, out: Path, most: int | None, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    bound = [] if most is None else ["--frames", str(most)]
    with log_path.open("wb") as log:
        # its own session: Ctrl-C reaches this process, which then ends the others
        return subprocess.Popen(
            [sys.executable, "-m", "models.scenes", "render", name, "--out", str(out), *bound],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
