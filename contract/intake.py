"""From bytes to a message that can be trusted: the one place where trust begins.

`read` checks everything that can be checked without knowing the site: size, encoding, types, ranges, the grid's
arrays, the order of times, and that the body says the same names as the topic. Whether site, camera and line exist,
and whether a time lies ahead, is for the hub to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from contract import limits
from contract.geometry import GroundGrid
from contract.instants import to_ms
from contract.messages import AgentStatus, CameraHealth, Reading
from contract.refusal import RefusalReason, Refused
from contract.topics import Said, parse

_AnyDecoder = (
    msgspec.json.Decoder[Reading] | msgspec.json.Decoder[CameraHealth] | msgspec.json.Decoder[AgentStatus]
)
_DECODERS: dict[Said, _AnyDecoder] = {
    Said.READING: msgspec.json.Decoder(Reading),
    Said.HEALTH: msgspec.json.Decoder(CameraHealth),
    Said.STATUS: msgspec.json.Decoder(AgentStatus),
}


class _Version(msgspec.Struct):
    schema: int


class Envelope(msgspec.Struct, frozen=True):
    """Who sent which reading: enough to settle a refused message."""

    site: str
    agent: str
    camera: str
    boot: str
    seq: int


# How msgspec words a number or a length outside its bounds.
_RANGE = re.compile(r"^Expected `\w+` (of length )?[<>]|out of range")
_VERSION = msgspec.json.Decoder(_Version)
_ENVELOPE = msgspec.json.Decoder(Envelope)


@dataclass(frozen=True, slots=True)
class Observation:
    """A Reading with its times in Unix milliseconds and its grid unpacked; `ground` is None when `grid` is."""

    reading: Reading
    captured_from_ms: int
    captured_to_ms: int
    sent_at_ms: int
    ground: GroundGrid | None


def observation(reading: Reading) -> Observation:
    """Unpacks and cross-checks a decoded reading. Raises Refused."""
    try:
        captured_from_ms = to_ms(reading.captured_from)
        captured_to_ms = to_ms(reading.captured_to)
        sent_at_ms = to_ms(reading.sent_at)
        for vehicle in reading.vehicles:
            to_ms(vehicle.captured_at)
    except ValueError as error:
        raise Refused(RefusalReason.TIME_BROKEN, str(error)) from None
    if captured_to_ms <= captured_from_ms:
        raise Refused(RefusalReason.TIME_BROKEN, "captured_to is not after captured_from")
    if captured_to_ms - captured_from_ms > limits.PERIOD_MAX_S * 1000:
        raise Refused(RefusalReason.TIME_BROKEN, "the window is longer than the longest period")
    if reading.oldest_seq > reading.seq:
        raise Refused(
            RefusalReason.OUT_OF_RANGE, f"oldest_seq {reading.oldest_seq} is after seq {reading.seq}"
        )
    ground = None
    if reading.grid is not None:
        try:
            ground = GroundGrid.from_wire(reading.grid)
        except ValueError as error:
            raise Refused(RefusalReason.GRID_BROKEN, str(error)) from None
    return Observation(reading, captured_from_ms, captured_to_ms, sent_at_ms, ground)


def read(topic: str, payload: bytes) -> Observation | CameraHealth | AgentStatus:
    """The message in `payload`, checked. Raises Refused with the reason."""
    if len(payload) > limits.MESSAGE_MAX_BYTES:
        raise Refused(
            RefusalReason.TOO_LARGE, f"{len(payload)} bytes; at most {limits.MESSAGE_MAX_BYTES} are accepted"
        )
    address = parse(topic)
    if address is None:
        raise Refused(RefusalReason.UNKNOWN_TOPIC, f"no message is expected on {topic[:200]}")
    message = _decode(_DECODERS[address.topic.said], payload)
    camera = "" if isinstance(message, AgentStatus) else message.camera
    if (message.site, message.agent, camera) != (address.site, address.agent, address.camera):
        raise Refused(
            RefusalReason.TOPIC_MISMATCH,
            f"the body names {message.site}/{message.agent}/{camera}, the topic {topic[:200]}",
        )
    if isinstance(message, Reading):
        return observation(message)
    try:
        to_ms(message.sent_at)
    except ValueError as error:
        raise Refused(RefusalReason.TIME_BROKEN, str(error)) from None
    return message


def envelope(payload: bytes) -> Envelope | None:
    """Who sent a refused reading, where the body still says so; used to settle it in the ack."""
    try:
        found = _ENVELOPE.decode(payload[: limits.MESSAGE_MAX_BYTES])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if 0 <= found.seq <= limits.SEQ_MAX else None


def _decode(decoder: _AnyDecoder, payload: bytes) -> Reading | CameraHealth | AgentStatus:
    try:
        return decoder.decode(payload)
    except UnicodeDecodeError as error:
        raise Refused(RefusalReason.NOT_UTF8, str(error)) from None
    except msgspec.ValidationError as error:
        raise Refused(_why_invalid(payload, str(error)), str(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(_why_undecodable(payload), str(error)) from None


def _why_undecodable(payload: bytes) -> RefusalReason:
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        return RefusalReason.NOT_UTF8
    return RefusalReason.NOT_JSON


def _why_invalid(payload: bytes, message: str) -> RefusalReason:
    try:
        if _VERSION.decode(payload).schema > limits.SCHEMA:
            return RefusalReason.SCHEMA_TOO_NEW
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return RefusalReason.WRONG_SHAPE
    return RefusalReason.OUT_OF_RANGE if _RANGE.search(message) else RefusalReason.WRONG_SHAPE
