"""From arrivals off the broker to facts the monitor can trust, and to what the database keeps of them.

Every message ends in exactly one way: stored, known already (a duplicate), refused with a reason, or, where our own
code failed on it, a fault. None of them stops the next one.
"""

from __future__ import annotations

import re
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import msgspec
import numpy as np

from contract import limits
from contract.instants import from_ms, to_ms
from contract.intake import Observation, envelope, observation, read
from contract.messages import AgentStatus, CameraHealth, Reading, RefusedSeq
from contract.refusal import RefusalReason, Refused
from contract.topics import Said as SaidOn
from contract.topics import parse
from hub.batch import Batch, CameraMinute, Refusal, Said, StoredReading, larger
from hub.clocks import Clocks
from hub.last_words import LastWords, Word
from hub.site import Site
from hub.streams import YOUNG_MS, Stream, Streams

MINUTE_MS = 60_000
LATE_MIN_MS = 3_000  # contract: a camera is silent after max(3 s, 3 periods); what comes later is history
LATE_PERIODS = 3
FUTURE_MS = int(limits.FUTURE_MAX_S * 1000)
REFUSED_SEQS_SAID = 50
FAULT_TEXT_MAX = 4_000
_IDENTIFIER = re.compile(r"[a-z0-9-]{1,40}")
_READING = msgspec.json.Decoder(Reading)


class Arrival(NamedTuple):
    """A message off the broker. `again`: retained or delivered before, so its age says nothing about a clock."""

    topic: str
    payload: bytes
    received_ms: int
    again: bool
    mid: int
    qos: int
    connection: int


class Seen(NamedTuple):
    """A new reading with its times corrected. `live`: recent enough to be judged."""

    observation: Observation
    received_ms: int
    live: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """A status or a health message."""

    message: CameraHealth | AgentStatus
    received_ms: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Our own code failed: what it was doing, and the traceback."""

    at_ms: int
    where: str
    text: str


def fault(at_ms: int, where: str) -> Fault:
    """The exception being handled, as a Fault."""
    return Fault(at_ms, where, traceback.format_exc()[-FAULT_TEXT_MAX:])


class Stored(Protocol):
    """What ingest asks of the store: the rare look-ups behind a duplicate."""

    def payload(self, stream: int, seq: int) -> bytes | None: ...

    def was_refused(self, stream: int, seq: int) -> bool: ...


class Ingest:
    """Sorts arrivals. On media time (`media`) now is the newest capture time accepted, and no clock is measured."""

    def __init__(self, *, site: Site, store: Stored, streams: Streams, clocks: Clocks, media: bool) -> None:
        self.streams = streams
        self.clocks = clocks
        self._site = site
        self._store = store
        self._media = media
        self._agent_of = {camera.id: camera.agent for camera in site.cameras}
        self._agents = frozenset(self._agent_of.values())
        self._fresh: dict[tuple[int, int], bytes] = {}  # accepted in this batch, not in the store yet
        self._words = LastWords()
        self.refused_seqs: dict[str, deque[RefusedSeq]] = {}
        self.newest_ms: int | None = None

    def sort(self, arrivals: Iterable[Arrival], batch: Batch) -> Iterator[Seen | Heard | Fault]:
        """Yields the facts in the order of arrival; what is to be kept goes into `batch`."""
        self._fresh.clear()
        for arrival in arrivals:
            try:
                fact = self._fact(arrival, batch)
            except Refused as refused:
                self._refuse(arrival, refused, batch)
                continue
            except Exception:  # noqa: BLE001 a fault in one message is shown and must not stop the others
                found = fault(arrival.received_ms, f"reading a message on {arrival.topic[:200]}")
                self._keep(arrival, "fault", found.text, batch)
                yield found
                continue
            if fact is not None:
                yield fact
                if self._words.waiting and isinstance(fact, Seen) and fact.live:
                    yield from self._released(fact, batch)

    def _released(self, seen: Seen, batch: Batch) -> Iterator[Heard]:
        reading = seen.observation.reading
        for word in self._words.release(reading.agent, reading.boot):
            batch.said[word.key] = word.said
            yield Heard(word.message, seen.received_ms)

    def _fact(self, arrival: Arrival, batch: Batch) -> Seen | Heard | None:
        message = read(arrival.topic, arrival.payload)
        if isinstance(message, Observation):
            return self._reading(arrival, message, batch)
        self._known_sender(message)
        will = isinstance(message, AgentStatus) and message.state == "offline"  # written when it connected
        if not arrival.again and not self._media and not will:
            self._note_clock(message.agent, message.boot, arrival.received_ms, to_ms(message.sent_at), batch)
        word = self._word(arrival.topic, arrival.received_ms, arrival.payload, message)
        if not self._words.take(word):
            batch.counts["outdated"] += 1
            return None
        batch.said[word.key] = word.said
        return Heard(message, self._now_ms(arrival.received_ms))

    def _word(
        self, topic: str, received_ms: int, payload: bytes, message: CameraHealth | AgentStatus
    ) -> Word:
        camera = message.camera if isinstance(message, CameraHealth) else ""
        said_ms = to_ms(message.sent_at)
        if not self._media:
            clock = self.clocks.get(message.agent, message.boot)
            said_ms = min(received_ms, said_ms + (0 if clock is None else clock.correction_ms))
        return Word(message, Said(message.agent, camera, topic, received_ms, payload), said_ms)

    def said_before(self, said: Iterable[tuple[str, int, bytes]]) -> Iterator[Heard]:
        """Stored statuses and health messages, after a restart. What this version can not read is left out."""
        for topic, received_ms, payload in said:
            try:
                message = read(topic, payload)
            except Refused:
                continue
            if not isinstance(message, Observation):
                self._words.take(self._word(topic, received_ms, payload, message))
                yield Heard(message, self._now_ms(received_ms))

    def _now_ms(self, received_ms: int) -> int:
        if not self._media:
            return received_ms
        return to_ms(self._site.replay_start) if self.newest_ms is None else self.newest_ms

    def _known_sender(self, message: CameraHealth | AgentStatus) -> None:
        if message.site != self._site.site:
            raise Refused(
                RefusalReason.UNKNOWN_SITE, f"this hub serves {self._site.site}, not {message.site}"
            )
        if isinstance(message, CameraHealth) and self._agent_of.get(message.camera) != message.agent:
            raise Refused(
                RefusalReason.UNKNOWN_CAMERA,
                f"the site file has no camera {message.camera} at agent {message.agent}; add it there, or mend "
                "the agent's file",
            )
        if message.agent not in self._agents:
            raise Refused(
                RefusalReason.UNKNOWN_CAMERA,
                f"no camera of the site file stands at agent {message.agent}; add one, or mend the agent's file",
            )

    def _note_clock(self, agent: str, boot: str, received_ms: int, sent_at_ms: int, batch: Batch) -> None:
        clock = self.clocks.heard(agent, boot)
        before = clock.offset_ms
        clock.note(received_ms=received_ms, sent_at_ms=sent_at_ms)
        if clock.offset_ms is not None and (
            before is None or abs(clock.offset_ms - before) > LATE_MIN_MS // 10
        ):
            batch.clocks[agent, boot] = clock.offset_ms

    # --- readings ----------------------------------------------------------------------------------------

    def _reading(self, arrival: Arrival, observation: Observation, batch: Batch) -> Seen | None:
        reading = observation.reading
        if not self._is_ours(observation):
            self._site.refuse_stranger(observation)
        received_ms, shift_ms = arrival.received_ms, 0
        if not self._media:
            if not arrival.again:
                self._note_clock(reading.agent, reading.boot, received_ms, observation.sent_at_ms, batch)
            clock = self.clocks.get(reading.agent, reading.boot)
            shift_ms = 0 if clock is None else clock.correction_ms
            ahead_ms = observation.captured_to_ms + shift_ms - received_ms
            if ahead_ms > FUTURE_MS:
                raise Refused(
                    RefusalReason.FUTURE,
                    f"captured {ahead_ms / 1000:.1f} s ahead of the hub's clock; check the device's time source",
                )
        said_ms = observation.captured_to_ms
        stream = self.streams.get(reading.agent, reading.boot, reading.camera)
        # a device that thinks it is 1970 says what lies below any floor: once its clock is known it is heard
        young = shift_ms != 0 and received_ms - said_ms - shift_ms < YOUNG_MS
        if (
            not young
            and self.streams.is_below_floor(reading.agent, reading.camera, said_ms)
            and (stream is None or stream.is_above_all(reading.seq))
        ):
            raise Refused(
                RefusalReason.TOO_OLD,
                f"captured {from_ms(said_ms)}; the hub has dropped boots that old, so it may be stored already",
            )
        if stream is None:
            stream = self.streams.open(reading.agent, reading.boot, reading.camera)
        batch.streams[stream.id] = stream
        stream.touched_ms = received_ms
        if not stream.is_above_all(reading.seq) and self._is_known(stream, observation):
            batch.counts["duplicates"] += 1
            return None
        if shift_ms:
            observation = _shifted(observation, shift_ms)
        if self._media:
            self.newest_ms = max(observation.captured_to_ms, self.newest_ms or observation.captured_to_ms)
            received_ms = self.newest_ms
        late_after_ms = max(LATE_MIN_MS, LATE_PERIODS * reading.period_s * 1000)
        live = received_ms - observation.captured_to_ms <= late_after_ms
        # nothing between here and the row can fail: what is settled is stored
        stream.settle(reading.seq, oldest_seq=reading.oldest_seq)
        stream.captured_ms = max(stream.captured_ms, said_ms)
        batch.counts["readings"] += 1
        if not live:
            batch.counts["late"] += 1
        batch.readings.append(
            StoredReading(
                stream.id,
                reading.seq,
                observation.captured_to_ms,
                shift_ms,
                arrival.received_ms,
                not live,
                arrival.payload,
            )
        )
        # as it came: hundreds of unpacked grids kept until the commit would push all else out of the caches
        self._fresh[stream.id, reading.seq] = arrival.payload
        _roll_up(observation, live, batch)
        return Seen(observation, received_ms, live)

    def _is_ours(self, observation: Observation) -> bool:
        """What `Site.refuse_stranger` lets through, by look-up: readings come by the thousand."""
        reading, ground = observation.reading, observation.ground
        return (
            self._agent_of.get(reading.camera) == reading.agent
            and reading.site == self._site.site
            and (ground is None or ground.frame.cell_m == self._site.cell_m)
            and not reading.crossings
        )

    def _is_known(self, stream: Stream, observation: Observation) -> bool:
        """Whether this very reading is stored. Raises Refused when another one has its number."""
        seq = observation.reading.seq
        payload = self._fresh.get((stream.id, seq)) or self._store.payload(stream.id, seq)
        if payload is None:
            return seq <= stream.forgotten or self._store.was_refused(stream.id, seq)
        if _said_once(_READING.decode(payload)) != _said_once(observation.reading):
            raise Refused(
                RefusalReason.SEQ_CONFLICT,
                f"boot {stream.boot} seq {seq} is stored with another content; two agents share a boot id",
            )
        return True

    # --- refusals ----------------------------------------------------------------------------------------

    def _refuse(self, arrival: Arrival, refused: Refused, batch: Batch) -> None:
        self._keep(arrival, refused.reason.value, refused.detail, batch)
        address = parse(arrival.topic)
        if address is None or address.topic.said is not SaidOn.READING:
            return
        who = envelope(arrival.payload)
        if who is None or (who.site, who.agent, who.camera) != (address.site, address.agent, address.camera):
            return
        if self._agent_of.get(who.camera) != who.agent or who.site != self._site.site:
            return
        if not _IDENTIFIER.fullmatch(who.boot):
            return
        said = self.refused_seqs.setdefault(who.agent, deque(maxlen=REFUSED_SEQS_SAID))
        said.append(RefusedSeq(boot=who.boot, camera=who.camera, seq=who.seq, reason=refused.reason.value))
        if not self._settles(refused.reason, who.agent, who.boot):
            return
        stream = self.streams.get(who.agent, who.boot, who.camera)
        if stream is None:
            stream = self.streams.open(who.agent, who.boot, who.camera)
        batch.streams[stream.id] = stream
        stream.touched_ms = arrival.received_ms
        if stream.is_above_all(who.seq):
            # oldest_seq of a message that is not trusted is not trusted either
            stream.settle(who.seq, oldest_seq=0)
            batch.refused_seqs.append((stream.id, who.seq, refused.reason.value))

    def _settles(self, reason: RefusalReason, agent: str, boot: str) -> bool:
        if reason is RefusalReason.FUTURE or (reason is RefusalReason.TOO_OLD and not self._media):
            # a clock not measured yet may still be corrected: the agent sends it again, and then it fits
            clock = self.clocks.get(agent, boot)
            return clock is not None and clock.sure
        return reason.settles

    def _keep(self, arrival: Arrival, reason: str, detail: str, batch: Batch) -> None:
        batch.counts[f"refused.{reason}"] += 1
        batch.refusals.append(
            Refusal(
                arrival.received_ms,
                arrival.topic[:400],
                reason,
                detail[:FAULT_TEXT_MAX],
                len(arrival.payload),
                arrival.payload[: limits.REFUSED_KEPT_BYTES],
            )
        )


def _said_once(reading: Reading) -> Reading:
    """The reading without what is set anew at each publish."""
    return msgspec.structs.replace(reading, sent_at="", oldest_seq=0)


def _shifted(observation: Observation, shift_ms: int) -> Observation:
    try:
        vehicles = tuple(
            msgspec.structs.replace(one, captured_at=from_ms(to_ms(one.captured_at) + shift_ms))
            for one in observation.reading.vehicles
        )
    except OverflowError:
        raise Refused(RefusalReason.TIME_BROKEN, "captured_at leaves the calendar once corrected") from None
    return replace(
        observation,
        reading=msgspec.structs.replace(observation.reading, vehicles=vehicles),
        captured_from_ms=observation.captured_from_ms + shift_ms,
        captured_to_ms=observation.captured_to_ms + shift_ms,
    )


def corrected(payload: bytes, offset_ms: int) -> Observation:
    """A stored reading as it was judged."""
    reading = _READING.decode(payload)
    found = observation(reading)
    return _shifted(found, offset_ms) if offset_ms else found


def _roll_up(observation: Observation, live: bool, batch: Batch) -> None:
    reading = observation.reading
    minute_ms = (observation.captured_to_ms - 1) // MINUTE_MS * MINUTE_MS
    row = batch.camera_minutes.get((reading.camera, minute_ms))
    if row is None:
        row = batch.camera_minutes[reading.camera, minute_ms] = CameraMinute()
    row.readings += 1
    row.late += not live
    row.outside_sum += reading.people_outside_grid
    row.vehicles_max = max(row.vehicles_max, len(reading.vehicles))
    ground = observation.ground
    if ground is not None:
        # a short reading, without a grid, tells of frames that the full one after it counts too
        row.frames_used += reading.frames_used
        row.frames_dropped += reading.frames_dropped
        people = float(np.add.reduce(ground.people, axis=None, where=ground.observed))
        row.grids += 1
        row.people_sum += people
        row.people_max = larger(row.people_max, people)
    for crossing in reading.crossings:
        counts = batch.line_minutes.setdefault((crossing.line, crossing.kind, minute_ms), [0, 0])
        counts[0] += crossing.forward
        counts[1] += crossing.backward
