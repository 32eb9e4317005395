"""What is sent, record by record, before it may enter the inbox.

Here is refused what could never be counted: what is no JSON object, or has no id or no time. What is odd *inside* a
record (bytes that are no UTF-8, NUL, lone surrogates, NaN, a cell of another type) is evidence: it is taken as it
came and seen by the same checks as records from files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from monitor.contract.values import word
from monitor.sources.moments import DAY_US, EARLIEST_US, parse
from monitor.sources.raw_json import patient, to_bytes

MAX_RECORD_BYTES = 1 << 20
MAX_DEPTH = 32  # of objects and lists in a record
MAX_ID_BYTES = 500

DETAILS = {
    "not_json": "not a JSON object",
    "utf_16": "not UTF-8: it looks like UTF-16; send UTF-8",
    "too_long": f"longer than {MAX_RECORD_BYTES >> 20} MiB",
    "too_deep": f"objects and lists inside each other more than {MAX_DEPTH} deep",
    "duplicate_key": "a name stands in it twice",
    "missing_id": "there is no event id",
    "unusable_id": f"the event id is no word or number of at most {MAX_ID_BYTES} bytes",
    "missing_time": "there is no event time",
    "unreadable_time": "the event time cannot be read",
    "absurd_time": "the event time lies before 1990, or more than a day ahead",
    "duplicate_differs": "a record with this event id, and other content, came before",
    "missing_label": "there is no label",
    "unmapped": "this inference has no record in it: see docs/ingest.md for what is read",
}

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_KEYS = re.compile(rb'"\s*:')
# Possessive: a string is never tried another way, which would take a hundred bytes of memory per character.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
_LINE = re.compile(rb"[^\n]+")
_RECORDS = re.compile(rb'\s*\{\s*"records"\s*:\s*(?=\[)')
_OPEN, _SHUT = frozenset(b"[{"), frozenset(b"]}")


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that was not taken: its place in the request from 0, why, and the column that was at fault."""

    index: int
    reason: str
    column: str | None
    raw: bytes

    @property
    def detail(self) -> str:
        return DETAILS[self.reason]


class Taken(NamedTuple):
    """A record that may be counted. `raw` is one line. A tuple, as there are ten thousand in a second."""

    number: int  # its place in the request, from 0
    raw: bytes
    event_id: bytes
    us: int


@dataclass(slots=True)
class Checked:
    """The records of one request, apart."""

    taken: list[Taken] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


class Refusal(Exception):
    """One record cannot be used, for a reason of DETAILS."""

    def __init__(self, reason: str, column: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column


def check(raws: Iterable[bytes], id_column: str, time_column: str, zone: ZoneInfo, now_us: int) -> Checked:
    """Records one by one: one that cannot be used keeps no other one out."""
    checked = Checked()
    for index, raw in enumerate(raws):
        try:
            record = one_object(raw)
            event_id = id_of(record.get(id_column), id_column)
            us = time_of(record.get(time_column), time_column, zone, now_us)
        except Refusal as refusal:
            checked.refused.append(Refused(index, refusal.reason, refusal.column, raw))
            continue
        checked.taken.append(Taken(index, raw, event_id, us))
    return checked


def one_object(raw: bytes) -> dict[str, Any]:
    """The JSON object that a line is. Raises Refusal."""
    if len(raw) > MAX_RECORD_BYTES:
        raise Refusal("too_long")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _depth(raw) > MAX_DEPTH:
        raise Refusal("too_deep")
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        record = patient(raw)
    if type(record) is not dict:
        raise Refusal("utf_16" if record is None and b"\x00" in raw else "not_json")
    # One colon after a quote per name, or there may be a name twice: only then it is read again, slowly.
    spaced = b'" ' in raw or b'"\t' in raw or b'"\r' in raw
    names = len(_KEYS.findall(raw)) if spaced else raw.count(b'":')
    if names > len(record) and _has_duplicate_keys(raw):
        raise Refusal("duplicate_key")
    return record


def id_of(value: Any, column: str) -> bytes:
    """The bytes of an event id as counting sees it: 17 and "17" are the same. Raises Refusal."""
    if type(value) is str:
        found = value.encode() if value.isascii() else to_bytes(value)
    elif value is None:
        found = b""
    elif isinstance(value, bool | int | float) and value == value and abs(value) != float("inf"):
        found = word(value).encode()
    else:
        raise Refusal("unusable_id", column)
    if not found:
        raise Refusal("missing_id", column)
    if len(found) > MAX_ID_BYTES:
        raise Refusal("unusable_id", column)
    return found


def time_of(value: Any, column: str, zone: ZoneInfo, now_us: int) -> int:
    """Microseconds UTC of an event time. Raises Refusal."""
    if value is None or value == "":
        raise Refusal("missing_time", column)
    text = value if type(value) is str else _number_word(value)
    us = None if text is None else parse(text, zone)
    if us is None:
        raise Refusal("unreadable_time", column)
    if not EARLIEST_US <= us <= now_us + DAY_US:
        raise Refusal("absurd_time", column)
    return us


# ----- cutting a body ------------------------------------------------------------------------------------------


def lines(body: bytes) -> Iterator[bytes]:
    """The records of NDJSON: one per line, empty lines left out. One at a time: a body may be all line ends."""
    for found in _LINE.finditer(body.removeprefix(_BOM)):
        if stripped := found[0].strip(_SPACE):
            yield stripped


def elements(body: bytes) -> Iterator[bytes]:
    """The records of a JSON document, each as one line: of one object, a list, or {"records": [...]}.

    A list is cut at its commas without being read as a whole: a bad element does not spoil the others, and a
    document costs no more memory than its largest element.
    """
    body = body.removeprefix(_BOM).strip(_SPACE)
    found = _RECORDS.match(body)
    if found is None and not body.startswith(b"["):
        if body:
            yield _one_line(body)
        return
    start = (found.end() if found else 0) + 1
    depth = 1
    for token in _TOKEN.finditer(body, start):
        sign = body[token.start()]
        if sign in _OPEN:
            depth += 1
        elif sign in _SHUT:
            depth -= 1
        if depth == 0 or (depth == 1 and sign == 0x2C):
            if element := _one_line(body[start : token.start()]):
                yield element
            start = token.end()
        if depth == 0:
            break
    if depth and (rest := _one_line(body[start:])):
        yield rest  # the list has no end: what is left is no record


def _one_line(raw: bytes) -> bytes:
    """JSON has no line ends inside strings: those between can be spaces."""
    return raw.strip(_SPACE).replace(b"\r", b" ").replace(b"\n", b" ")


def _depth(raw: bytes) -> int:
    depth = deepest = 0
    for token in _TOKEN.finditer(raw):
        sign = raw[token.start()]
        if sign in _OPEN:
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif sign in _SHUT:
            depth -= 1
    return deepest


def _has_duplicate_keys(raw: bytes) -> bool:
    import json

    def pairs(found: Sequence[tuple[str, Any]]) -> None:
        if len({name for name, _ in found}) != len(found):
            raise _Twice

    try:
        json.loads(raw.decode("utf-8", "surrogateescape").removeprefix("\ufeff"), object_pairs_hook=pairs)
    except _Twice:
        return True
    return False


class _Twice(Exception):
    """A name stands twice in one object."""


def _number_word(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return word(value) if value == value and abs(value) != float("inf") else None
