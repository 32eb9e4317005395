"""From the bytes of a request to rows of the store, in one transaction: what is answered as accepted is kept."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from sqlalchemy import Connection

from monitor import telemetry
from monitor.api.problems import Problem
from monitor.clock import Clock
from monitor.contract import Contract
from monitor.sources import inferences, intake
from monitor.sources.inferences import Event
from monitor.sources.intake import Checked, Refusal, Refused, Taken
from monitor.store import halves, inbox, labels, quarantine
from monitor.store.engine import Store
from monitor.store.halves import Half
from monitor.store.inbox import Limits, Line
from monitor.store.labels import Label
from monitor.store.recent_ids import RecentIds, content_of, key_of

UNPACKED_BYTES = 16 << 20
MAX_RECORDS = 20_000  # of one request
NOTED = 1_000  # so many refused records of a request are answered and set aside; all of them are counted
RETRY_FULL_SECONDS = 30

received = telemetry.counter("ingest_records", "Records and labels that were sent", ("kind", "outcome"))

TOO_MANY = Problem(413, f"one request holds at most {MAX_RECORDS:,} records; send them in several")
FULL = Problem(
    429,
    "as many records as this model may hold wait to be read; send these again later",
    {"Retry-After": str(RETRY_FULL_SECONDS)},
)


@dataclass(frozen=True, slots=True)
class Target:
    """The model that records are sent to."""

    model_id: int
    contract: Contract


@dataclass(slots=True)
class Outcome:
    """What became of the records of a request."""

    accepted: int = 0
    duplicates: int = 0
    refused: list[Refused] = field(default_factory=list)

    def count(self, kind: str) -> None:
        """Add to the metrics, once it is committed."""
        received.labels(kind, "accepted").inc(self.accepted)
        received.labels(kind, "duplicate").inc(self.duplicates)
        received.labels(kind, "quarantined").inc(len(self.refused))


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body without its content encoding. Raises Problem: 413 beyond UNPACKED_BYTES, 415 for another encoding."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Problem(415, "a body comes as it is, or as gzip", {"Accept-Encoding": "gzip, identity"})
    made = bytearray()
    rest = body
    try:
        while rest:  # a gzip file may be several, one after the other
            member = zlib.decompressobj(16 + zlib.MAX_WBITS)
            made += member.decompress(rest, UNPACKED_BYTES + 1 - len(made))
            if len(made) > UNPACKED_BYTES:
                raise Problem(
                    413, f"this unpacks to more than {UNPACKED_BYTES >> 20} MiB; send it in several"
                )
            if not member.eof:
                raise Problem(400, "the gzip stream ends in the middle")
            rest = member.unused_data
    except zlib.error as error:
        raise Problem(400, "this is no gzip stream") from error
    return bytes(made)


class Receiver:
    """Takes records and labels into one store; shared by the threads of a process."""

    def __init__(self, store: Store, clock: Clock, limits: Limits) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._recent = RecentIds()

    def records(self, target: Target, raws: Sequence[bytes]) -> Outcome:
        """Keep what can be used of records, each a line. Raises Problem 413, 429."""
        if len(raws) > MAX_RECORDS:
            raise TOO_MANY
        now_us = self._clock.now_us()
        checked = self._check(target, raws, now_us)
        outcome = Outcome(refused=checked.refused)
        with self._store.write() as conn:
            if checked.taken:
                number = self._enter(conn, target.model_id)
                self._keep(conn, target.model_id, number, checked.taken, outcome, now_us)
            self._set_aside(conn, target.model_id, outcome.refused, now_us)
        outcome.count("record")
        return outcome

    def events(self, target: Target, sent: Sequence[Event | Refused]) -> Outcome:
        """Keep halves of inferences, and the records of those that are whole now. Raises Problem 413, 429."""
        if len(sent) > MAX_RECORDS:
            raise TOO_MANY
        now_us = self._clock.now_us()
        outcome = Outcome(refused=[one for one in sent if isinstance(one, Refused)])
        with self._store.write() as conn:
            number = self._enter(conn, target.model_id)
            found: list[Taken] = []
            for index, event in enumerate(sent):
                if isinstance(event, Event):
                    found += self._join(conn, target, index, event, outcome, now_us)
            joined = Outcome()
            self._keep(conn, target.model_id, number, found, joined, now_us)
            outcome.refused += joined.refused
            self._set_aside(conn, target.model_id, outcome.refused, now_us)
        outcome.count("inference")
        return outcome

    def labels(self, target: Target, raws: Sequence[bytes]) -> Outcome:
        """Keep labels, each a line; one that is there already is a duplicate. Raises Problem 413."""
        if len(raws) > MAX_RECORDS:
            raise TOO_MANY
        now_us = self._clock.now_us()
        found, outcome = _labels(target.contract, raws, now_us)
        with self._store.write() as conn:
            known = labels.known(conn, target.model_id, found)
            fresh = []
            for label in found:
                key = (label.event_id, label.labelled_us)
                if known.get(key) != label.label:
                    fresh.append(label)
                    known[key] = label.label
            labels.add(conn, target.model_id, fresh, now_us)
            self._set_aside(conn, target.model_id, outcome.refused, now_us)
        outcome.accepted, outcome.duplicates = len(fresh), len(found) - len(fresh)
        outcome.count("label")
        return outcome

    def _check(self, target: Target, raws: Sequence[bytes], now_us: int) -> Checked:
        source = target.contract.source
        assert source.id is not None
        return intake.check(raws, source.id, source.time, target.contract.zone, now_us)

    def _enter(self, conn: Connection, model_id: int) -> int:
        """Hold the inbox until the transaction ends, knowing what came before."""
        number, there = inbox.next_number(conn, model_id)
        if there.records >= self._limits.records or there.bytes >= self._limits.bytes:
            received.labels("record", "full").inc()
            raise FULL
        self._recent.refresh(conn, model_id)
        return number

    def _keep(
        self,
        conn: Connection,
        model_id: int,
        number: int,
        taken: Sequence[Taken],
        outcome: Outcome,
        now_us: int,
    ) -> None:
        """Put records that did not come before into the inbox as batch `number`."""
        batch: dict[int, Line] = {}
        for record in taken:
            key, content = key_of(model_id, record.event_id), content_of(record.raw)
            before = batch[key].content if key in batch else self._recent.content(key)
            if before is None:
                batch[key] = Line(record.raw, key, content, record.us)
            elif before == content:
                outcome.duplicates += 1
            else:
                outcome.refused.append(Refused(record.number, "duplicate_differs", None, record.raw))
        if batch:
            inbox.add(conn, model_id, number, list(batch.values()), now_us)
        outcome.accepted += len(batch)

    def _join(
        self, conn: Connection, target: Target, index: int, event: Event, outcome: Outcome, now_us: int
    ) -> list[Taken]:
        """The records of an inference if this event makes it whole; else the event waits."""
        keys = [key_of(target.model_id, name.encode()) for name in inferences.first_id(event.id)]
        if any(self._recent.content(key) is not None for key in keys):
            outcome.duplicates += 1
            return []
        other = "response" if event.half == "request" else "request"
        waiting = halves.take(conn, target.model_id, event.id, other)
        if waiting is None:
            kept = halves.add(conn, target.model_id, Half(event.id, event.half, event.us, event.body), now_us)
            outcome.accepted += kept
            outcome.duplicates += not kept
            return []
        second = Event(
            event.id, "request" if other == "request" else "response", waiting.event_us, waiting.body
        )
        request, response = (event, second) if event.half == "request" else (second, event)
        try:
            made = inferences.records(request, response, target.contract)
        except Refusal as refusal:
            outcome.refused.append(Refused(index, refusal.reason, refusal.column, request.body))
            return []
        checked = self._check(target, made, now_us)
        outcome.accepted += bool(checked.taken)
        outcome.refused += [Refused(index, one.reason, one.column, one.raw) for one in checked.refused]
        return checked.taken

    def _set_aside(self, conn: Connection, model_id: int, refused: Sequence[Refused], now_us: int) -> None:
        """Write down what was refused. The same request again adds nothing: it has the same name."""
        if not refused:
            return
        name = blake2b(b"\n".join([one.raw for one in refused]), digest_size=8).hexdigest()
        entries = [
            quarantine.Entry(
                window_start_us=None,
                piece=f"push@{name}",
                place=f"record {one.index}",
                reason=one.reason,
                column=one.column,
                detail=one.detail,
                counted=False,
                raw=one.raw,
            )
            for one in refused[:NOTED]
        ]
        quarantine.add(conn, model_id, entries, now_us)


def _labels(contract: Contract, raws: Sequence[bytes], now_us: int) -> tuple[list[Label], Outcome]:
    """Labels by the contract's names, or by those that every contract understands: event_id, label, labelled_at."""
    spec = contract.labels
    assert spec is not None
    outcome = Outcome()
    found: list[Label] = []
    for index, raw in enumerate(raws):
        try:
            record = intake.one_object(raw)
            event_id = intake.id_of(record.get(spec.key, record.get("event_id")), spec.key)
            label = _word_of(record.get(spec.value, record.get("label")), spec.value)
            said_us = 0
            if spec.labelled is not None:
                said = record.get(spec.labelled, record.get("labelled_at"))
                said_us = intake.time_of(said, spec.labelled, contract.zone, now_us)
        except Refusal as refusal:
            outcome.refused.append(Refused(index, refusal.reason, refusal.column, raw))
            continue
        found.append(Label(_readable(event_id), label, said_us))
    return found, outcome


def _word_of(value: object, column: str) -> str:
    try:
        return _readable(intake.id_of(value, column))
    except Refusal as refusal:
        raise Refusal("missing_label", column) from refusal


def _readable(raw: bytes) -> str:
    """As sampled records spell their ids: a label must find its record."""
    return raw.decode("utf-8", "backslashreplace").replace("\x00", "\N{SYMBOL FOR NULL}")
