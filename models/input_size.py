"""A network input size as people write it: 576x768 is 576 high and 768 wide."""

from __future__ import annotations

import argparse


def parsed(text: str) -> tuple[int, int]:
    """(height, width) from `HxW`. Raises `argparse.ArgumentTypeError`."""
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write height x width, such as 576x768")
    return int(height), int(width)
