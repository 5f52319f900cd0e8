"""Turns the fixed input size that some ONNX files declare into a free one."""

from __future__ import annotations


class InputFixed(ValueError):
    """The file's input can not be freed; the message says why."""


def free_fixed_sides(content: bytes, fixed_px: tuple[int, int]) -> bytes:
    """Turn the declared height and width of an ONNX file's input into free ones. Raises `InputFixed`.

    In the file a dimension is `0a 03 08 <two bytes>`: a submessage of 3 bytes holding dim_value as a varint. It
    becomes a dim_param of the same length, so nothing else in the file moves. The two dimensions stand side by side.
    """
    if any(not 128 <= side < 16384 for side in fixed_px):
        raise InputFixed(f"fixed_px {fixed_px}: only sides from 128 to 16383 can be freed in place")
    sides = b"".join(b"\x0a\x03\x08" + bytes([side & 0x7F | 0x80, side >> 7]) for side in fixed_px)
    if content.count(sides) != 1:
        raise InputFixed(
            f"the file declares an input of {fixed_px} {content.count(sides)} times, expected once"
        )
    return content.replace(sides, b"\x0a\x03\x12\x01h\x0a\x03\x12\x01w")
