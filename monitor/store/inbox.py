"""The inbox: what was pushed, kept as it came from before the answer until it is read and the horizon has passed.

Batches of a model are numbered in the order of their commits, so that a reader that has read up to a number has
read everything there is: whoever adds one holds the row of `inboxes` until it commits.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, func, select, update

from monitor.store.inserts import insert_on
from monitor.store.tables import inbox, inboxes

_PAIR = 12  # bytes of an id's hash and of its content's
_AT_ONCE = 100


class Line(NamedTuple):
    """One record as it came. A tuple, as there are ten thousand in a second.

    raw      the JSON object, without a line end
    key      of its event id and model: 64 bits, see `recent_ids.key_of`
    content  of `raw`: 32 bits, tells two records of one id apart
    us       its event time
    """

    raw: bytes
    key: int
    content: int
    us: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that came together: `body` has one JSON object per line and ends with a line end."""

    number: int
    records: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Fill:
    """How much an inbox holds; `newest_us` is the latest event time in it, `received_us` when something last came."""

    records: int = 0
    bytes: int = 0
    newest_us: int | None = None
    received_us: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one inbox may hold, read or not. Beyond it nothing is taken."""

    records: int = 5_000_000
    bytes: int = 1 << 30


# ----- adding -------------------------------------------------------------------------------------------------


def next_number(conn: Connection, model_id: int) -> tuple[int, Fill]:
    """The number of the batch that this transaction may add, and what is in the inbox now.

    Until the transaction ends nobody else adds to this inbox.
    """
    conn.execute(insert_on(conn, inboxes).values(model_id=model_id).on_conflict_do_nothing())
    taken = conn.execute(
        update(inboxes)
        .where(inboxes.c.model_id == model_id)
        .values(last_number=inboxes.c.last_number + 1)
        .returning(inboxes.c.last_number, inboxes.c.records, inboxes.c.bytes)
    ).one()
    return taken.last_number, Fill(taken.records, taken.bytes)


def add(conn: Connection, model_id: int, number: int, lines: Sequence[Line], now_us: int) -> None:
    """Keep at least one record as the batch of this number."""
    body = b"\n".join([line.raw for line in lines]) + b"\n"
    times = [line.us for line in lines]
    conn.execute(
        inbox.insert(),
        {
            "model_id": model_id,
            "number": number,
            "received_us": now_us,
            "records": len(lines),
            "first_us": min(times),
            "last_us": max(times),
            "body": body,
            "ids": pack(lines),
        },
    )
    count(conn, model_id, len(lines), len(body))


def pack(lines: Sequence[Line]) -> bytes:
    """The hashes of n ids, then of n contents: uint64[n], uint32[n], little-endian."""
    return struct.pack(
        f"<{len(lines)}Q{len(lines)}I", *[line.key for line in lines], *[line.content for line in lines]
    )


def unpack(ids: bytes) -> tuple[Sequence[int], Sequence[int]]:
    """(hashes of ids, hashes of contents), each of n."""
    n = len(ids) // _PAIR
    values = struct.unpack(f"<{n}Q{n}I", ids)
    return values[:n], values[n:]


def ids_after(conn: Connection, model_id: int, number: int) -> Iterator[tuple[int, bytes]]:
    """(number, packed ids) of the batches after a number, the newest first."""
    query = (
        select(inbox.c.number, inbox.c.ids)
        .where(inbox.c.model_id == model_id, inbox.c.number > number)
        .order_by(inbox.c.number.desc())
        .execution_options(yield_per=_AT_ONCE)
    )
    with conn.execute(query) as rows:
        for row in rows:
            yield row.number, bytes(row.ids)


# ----- reading ------------------------------------------------------------------------------------------------


def after(conn: Connection, model_id: int, number: int, records: int, size: int) -> list[Batch]:
    """The batches after a number, in order: as many as hold at most `records` and `size` bytes, at least one."""
    query = (
        select(inbox.c.number, inbox.c.records, inbox.c.body)
        .where(inbox.c.model_id == model_id, inbox.c.number > number)
        .order_by(inbox.c.number)
    )
    return _page(conn, query, records, size)


def overlapping(
    conn: Connection, model_id: int, span: tuple[int, int], number: int, records: int, size: int
) -> list[Batch]:
    """Like `after`, of the batches with event times around the span [from_us, to_us)."""
    query = (
        select(inbox.c.number, inbox.c.records, inbox.c.body)
        .where(
            inbox.c.model_id == model_id,
            inbox.c.number > number,
            inbox.c.first_us < span[1],
            inbox.c.last_us >= span[0],
        )
        .order_by(inbox.c.number)
    )
    return _page(conn, query, records, size)


def fill(conn: Connection, model_id: int) -> Fill:
    """What the inbox of a model holds."""
    counted = conn.execute(
        select(inboxes.c.records, inboxes.c.bytes).where(inboxes.c.model_id == model_id)
    ).one_or_none()
    if counted is None:
        return Fill()
    times = conn.execute(
        select(func.max(inbox.c.last_us), func.max(inbox.c.received_us)).where(inbox.c.model_id == model_id)
    ).one()
    return Fill(counted.records, counted.bytes, *times)


# ----- forgetting ---------------------------------------------------------------------------------------------


def trim(conn: Connection, model_id: int, read: int, before_us: int, limits: Limits) -> int:
    """Drop a slice of the batches up to number `read`: those that came before a time, and, while the inbox is
    more than half full, the oldest. Returns how many; 0 once there is nothing more to drop.
    """
    oldest = conn.execute(
        select(inbox.c.number, inbox.c.received_us, inbox.c.records, func.length(inbox.c.body).label("size"))
        .where(inbox.c.model_id == model_id, inbox.c.number <= read)
        .order_by(inbox.c.number)
        .limit(_AT_ONCE)
    ).all()
    if not oldest:
        return 0
    now = fill(conn, model_id)
    records, size, dropped = now.records, now.bytes, 0
    for batch in oldest:
        crowded = records > limits.records // 2 or size > limits.bytes // 2
        if batch.received_us >= before_us and not crowded:
            break
        records, size, dropped = records - batch.records, size - batch.size, dropped + 1
    if dropped:
        last = oldest[dropped - 1].number
        conn.execute(delete(inbox).where(inbox.c.model_id == model_id, inbox.c.number <= last))
        count(conn, model_id, records - now.records, size - now.bytes)
    return dropped


def count(conn: Connection, model_id: int, records: int, size: int) -> None:
    """Change the counters by what is added or dropped in the same transaction."""
    conn.execute(
        update(inboxes)
        .where(inboxes.c.model_id == model_id)
        .values(records=inboxes.c.records + records, bytes=inboxes.c.bytes + size)
    )


def _page(conn: Connection, query: Select[*tuple[Any, ...]], records: int, size: int) -> list[Batch]:
    found: list[Batch] = []
    with conn.execute(query.execution_options(yield_per=10)) as rows:
        for row in rows:
            body = bytes(row.body)
            records, size = records - row.records, size - len(body)
            if found and (records < 0 or size < 0):
                break
            found.append(Batch(row.number, row.records, body))
    return found


# ----- erasing ------------------------------------------------------------------------------------------------


def erase(conn: Connection, model_id: int, keys: Collection[int]) -> int:
    """Take records out of their batches, read or not, by the keys of their ids; returns how many.

    Every batch of the model is looked at: call it in a transaction of its own.
    """
    next_number(conn, model_id)  # until the end of the transaction nobody adds or trims
    gone = frozenset(keys)
    erased = 0
    found = conn.execute(select(inbox.c.number, inbox.c.ids).where(inbox.c.model_id == model_id)).all()
    for number, ids in found:
        names, contents = unpack(bytes(ids))
        kept = [index for index, key in enumerate(names) if key not in gone]
        if len(kept) == len(names):
            continue
        erased += len(names) - len(kept)
        here = (inbox.c.model_id == model_id) & (inbox.c.number == number)
        body = bytes(conn.execute(select(inbox.c.body).where(here)).scalar_one())
        if not kept:
            conn.execute(delete(inbox).where(here))
            count(conn, model_id, -len(names), -len(body))
            continue
        raws = body.split(b"\n")
        left = [Line(raws[index], names[index], contents[index], 0) for index in kept]
        rest = b"\n".join([line.raw for line in left]) + b"\n"
        conn.execute(update(inbox).where(here).values(records=len(left), body=rest, ids=pack(left)))
        count(conn, model_id, len(left) - len(names), len(rest) - len(body))
    return erased
