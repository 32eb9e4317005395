"""From a page as it came to a batch of typed records, and what had to be set aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.batch import (
    Batch,
    Categories,
    Cell,
    Cells,
    Column,
    Numbers,
    Texts,
    absent,
    categories,
    numbers,
    texts,
)
from monitor.contract import Contract
from monitor.sources import EVIDENCE_BYTES, Page, Reject, times
from monitor.sources.moments import DAY_US, EARLIEST_US
from monitor.windows import grid

Mask = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.int64]

# Of cells that are wrong in the same way so many per page are kept to look at; the profile counts all of
# them.
SHOWN = 100
# Of lost records each is noted, but so many per page with their content.
WITH_CONTENT = 1_000


@dataclass(frozen=True)
class Conformed:
    """The records of a page that have an id and a time, and what was set aside.

    `origin` names the file or table, `piece` the page. `content_hash` int64[n] tells two records with the
    same id apart: it covers the time and every declared column.
    """

    piece: str
    batch: Batch
    content_hash: Hashes
    places: tuple[npt.NDArray[np.int64], str]
    rejects: list[Reject]

    def place(self, index: int) -> str:
        """Where record `index` stands in its input: "line 17"."""
        rows, unit = self.places
        return f"{unit} {rows[index]}"


def conform(page: Page, contract: Contract, now_us: int | None = None) -> Conformed:
    """Type the records of a page.

    Records without an event time, with one that cannot be read, lies before 1990 or more than a day after
    `now_us`, or without an event id are rejected. Where the contract names no id column, a record's id is
    blake2b(content, origin, line): the same line of the same file has the same id when it is read again. A
    cell of another type, or a text that is no UTF-8, is a reject too, but its record counts.
    """
    length = len(page.rows)
    us, rejects, kept = _times(page, contract, length, now_us)
    cells = {column.name: _cells(page, column, length) for column in contract.columns()}
    content = content_hashes(list(cells.values()), us)
    ids, no_id = _ids(page, contract.source.id, content, length)
    rejects += _lost(
        page, np.flatnonzero(kept & no_id), "missing_id", contract.source.id, "there is no event id"
    )
    kept &= ~no_id
    counted = [
        *_unlike_their_kind(page, contract.columns(), cells, kept),
        *_no_utf8(page, cells, kept),
        *(reject for reject in page.rejects if reject.counted),
    ]
    windows = _windows(page, us, kept, contract, rejected=bool(counted))
    rejects = [reject for reject in page.rejects if not reject.counted] + rejects
    rejects += [replace(reject, window_us=windows.get(reject.place)) for reject in counted]
    hashes = event_hashes(ids)
    batch = Batch(columns=cells, event_ids=pa.array(ids, pa.large_binary()), event_hash=hashes, event_us=us)
    rows = page.rows
    if not kept.all():
        batch, content, rows = batch.where(kept), content[kept], rows[kept]
    return Conformed(page.piece, batch, content, (rows, page.unit), rejects)


def event_hashes(ids: Sequence[bytes]) -> Hashes:
    """int64[n]: the first 8 bytes of blake2b of each event id, little-endian."""
    return np.frombuffer(b"".join([blake2b(one).digest()[:8] for one in ids]), "<i8").astype(np.int64)


def content_hashes(columns: Sequence[Cells], us: npt.NDArray[np.int64]) -> Hashes:
    """int64[n] over the time and the cells of each record: different content, different hash."""
    mixed = _mix(us.view(np.uint64))
    for cells in columns:
        mixed = _mix(mixed ^ _cell_hashes(cells) ^ cells.state.astype(np.uint64))
    return mixed.view(np.int64)


def _times(
    page: Page, contract: Contract, length: int, now_us: int | None
) -> tuple[npt.NDArray[np.int64], list[Reject], Mask]:
    name = contract.source.time
    if name not in page.table.schema.names:
        everything = np.arange(length)
        detail = f"there is no column {name} in this piece"
        return (
            np.zeros(length, np.int64),
            _lost(page, everything, "missing_time", name, detail),
            np.zeros(length, np.bool_),
        )
    column = _one_array(page.table.column(name))
    us, missing, unreadable = times.parse(column, contract.zone)
    if name in page.wrong:
        unreadable[page.wrong[name]], missing[page.wrong[name]] = True, False
    early = ~missing & ~unreadable & (us < EARLIEST_US)
    late = (
        ~missing & ~unreadable & (us > now_us + DAY_US) if now_us is not None else np.zeros(length, np.bool_)
    )
    rejects = [
        *_lost(page, np.flatnonzero(missing), "missing_time", name, "there is no event time"),
        *_lost(page, np.flatnonzero(unreadable), "unreadable_time", name, "the event time cannot be read"),
        *_lost(page, np.flatnonzero(early), "absurd_time", name, "the event time lies before 1990"),
        *_lost(page, np.flatnonzero(late), "absurd_time", name, "the event time lies more than a day ahead"),
    ]
    return us, rejects, ~(missing | unreadable | early | late)


def _ids(page: Page, name: str | None, content: Hashes, length: int) -> tuple[list[bytes], Mask]:
    if name is None:
        origin = blake2b(page.origin.encode("utf-8", "surrogateescape"), digest_size=16).digest()
        both = zip(content.tolist(), page.rows.tolist(), strict=True)
        derived = [blake2b(b"%d:%d" % pair, key=origin, digest_size=16).hexdigest().encode() for pair in both]
        return derived, np.zeros(length, np.bool_)
    if name not in page.table.schema.names:
        return [b""] * length, np.ones(length, np.bool_)
    array = _one_array(page.table.column(name))
    words = array if _is_bytes(array.type) else array.cast(pa.large_string())
    raw = words.cast(pa.large_binary())
    missing = pc.or_(raw.is_null(), pc.equal(pc.binary_length(raw), 0))
    gone = pc.fill_null(missing, True).to_numpy(zero_copy_only=False).copy()
    return pc.fill_null(raw, b"").to_pylist(), gone


def _cells(page: Page, column: Column, length: int) -> Cells:
    if column.name not in page.table.schema.names:
        return absent(column.kind, length)
    array = page.table.column(column.name)
    cells: Cells
    if column.kind == "number":
        cells = numbers(array)
    elif column.kind == "category":
        cells = categories(array, column.values)
    else:
        cells = texts(array)
    if column.name in page.wrong:
        cells.state[page.wrong[column.name]] = Cell.TYPE_FAILURE
    return cells


def _cell_hashes(cells: Cells) -> npt.NDArray[np.uint64]:
    if isinstance(cells, Numbers):
        # -0.0 and 0.0 are the same number.
        return (cells.values + 0.0).view(np.uint64)
    if isinstance(cells, Categories):
        words = [blake2b(word.encode(), digest_size=8).digest() for word in cells.words]
        known = np.frombuffer(b"".join([*words, bytes(8)]), "<u8")
        return known[cells.codes]  # code -1 takes the last
    raw = [b"" if text is None else text for text in cells.values.to_pylist()]
    digests = b"".join([blake2b(text, digest_size=8).digest() for text in raw])
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): every input bit changes every output bit."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _lost(
    page: Page, indices: npt.NDArray[np.intp], reason: str, column: str | None, detail: str
) -> list[Reject]:
    """Rejects of whole records."""
    return [
        Reject(
            piece=page.piece,
            place=_place(page, index),
            reason=reason,
            column=column,
            detail=detail,
            counted=False,
            raw=_evidence(page, index) if number < WITH_CONTENT else None,
        )
        for number, index in enumerate(indices.tolist())
    ]


def _unlike_their_kind(
    page: Page, columns: Sequence[Column], cells: dict[str, Cells], kept: Mask
) -> Iterator[Reject]:
    """Cells that are not of their column's kind, but for those that the source has rejected already."""
    for column in columns:
        failed = (cells[column.name].state == Cell.TYPE_FAILURE) & kept
        if column.name in page.wrong:
            failed[page.wrong[column.name]] = False
        yield from _shown(page, column.name, failed, "wrong_type", f"is not a {column.kind}")


def _no_utf8(page: Page, cells: dict[str, Cells], kept: Mask) -> Iterator[Reject]:
    for name, column in cells.items():
        if isinstance(column, Texts):
            invalid = _invalid_utf8(column.values) & kept
            yield from _shown(page, name, invalid, "invalid_utf8", "holds bytes that are no UTF-8")


def _shown(page: Page, name: str, found: Mask, reason: str, detail: str) -> Iterator[Reject]:
    indices = np.flatnonzero(found)
    more = (
        f"; {len(indices)} such cells in this page, of which {SHOWN} are shown"
        if len(indices) > SHOWN
        else ""
    )
    for index in indices[:SHOWN].tolist():
        raw = _bytes_of(page.table.column(name)[index])
        yield Reject(page.piece, _place(page, index), reason, name, detail + more, True, raw)


def _invalid_utf8(values: Any) -> Mask:
    """bool[n]. Arrow checks a whole array at once; only where it fails is looked closer, half by half."""
    found = np.zeros(len(values), np.bool_)
    spans = [(0, len(values))]
    while spans:
        start, length = spans.pop()
        try:
            values.slice(start, length).cast(pa.large_string())
        except pa.ArrowInvalid:
            if length == 1:
                found[start] = True
                continue
            half = length // 2
            spans += [(start, half), (start + half, length - half)]
    return found


def _windows(
    page: Page, us: npt.NDArray[np.int64], kept: Mask, contract: Contract, *, rejected: bool
) -> dict[str, int]:
    """The window of each place that is kept, if any cell of them was rejected."""
    if not rejected:
        return {}
    starts = grid(contract).window_starts(us[kept])
    return {
        f"{page.unit} {row}": start
        for row, start in zip(page.rows[kept].tolist(), starts.tolist(), strict=True)
    }


def _place(page: Page, index: int) -> str:
    return f"{page.unit} {page.rows[index]}"


def _evidence(page: Page, index: int) -> bytes:
    """What is known of a record, cut to the size that quarantine keeps."""
    parts = (
        b"%s=%s" % (name.encode(), _bytes_of(page.table.column(name)[index]))
        for name in page.table.schema.names
    )
    return b"\n".join(parts)[:EVIDENCE_BYTES]


def _bytes_of(cell: Any) -> bytes:
    value = cell.as_py()
    if isinstance(value, bytes):
        return value[:EVIDENCE_BYTES]
    return str(value).encode("utf-8", "backslashreplace")[:EVIDENCE_BYTES]


def _one_array(column: Any) -> Any:
    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) and array.num_chunks == 1 else array
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _is_bytes(kind: Any) -> bool:
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    )
