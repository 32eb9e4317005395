"""Parts: the encoded profile of a window's records in one piece of input, and what finds duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, Update, bindparam, func, select, update
from sqlalchemy.sql.dml import ReturningInsert

from monitor.store.inserts import insert_on
from monitor.store.tables import parts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Part:
    """What a reading found of one window in one piece (a file, a page of rows, a push batch).

    `event_hashes` comes from `pack`; None if duplicates need not be looked for.
    """

    plan_id: str
    window_start_us: int
    piece: str
    body: bytes
    records: int
    event_hashes: bytes | None = None


def pack(event_hash: npt.NDArray[np.int64], content_hash: npt.NDArray[np.int64]) -> bytes:
    """int64[n] hashes of event ids and contents as little-endian pairs, uncompressed: hashes are noise."""
    import numpy as np

    pairs = np.stack([event_hash, content_hash], axis=1)
    return np.ascontiguousarray(pairs, dtype="<i8").tobytes()


def add(conn: Connection, model_id: int, new: Sequence[Part], now_us: int) -> set[tuple[int, str]]:
    """Keep parts; returns (window start, piece) of those that were new. What is there already stays."""
    if not new:
        return set()
    rows = [
        {
            "model_id": model_id,
            "plan_id": part.plan_id,
            "window_start_us": part.window_start_us,
            "piece": part.piece,
            "body": part.body,
            "records": part.records,
            "event_hashes": part.event_hashes,
            "created_us": now_us,
        }
        for part in new
    ]
    taken = conn.execute(_adding(conn.dialect.name), rows)
    return {(row.window_start_us, row.piece) for row in taken}


def bodies_between(
    conn: Connection, model_id: int, plan_id: str, from_us: int, to_us: int
) -> Iterator[tuple[int, bytes]]:
    """(window start, encoded profile) of every part of windows in [from_us, to_us), by window, streamed."""
    given = {"model": model_id, "plan": plan_id, "from": from_us, "to": to_us}
    with conn.execute(_bodies(), given) as rows:
        for row in rows:
            yield row.window_start_us, bytes(row.body)


def records(conn: Connection, model_id: int, plan_id: str, from_us: int, to_us: int) -> dict[int, int]:
    """Window start → records in the parts of a window, for the windows in [from_us, to_us) that have parts."""
    query = (
        select(parts.c.window_start_us, func.sum(parts.c.records))
        .where(
            parts.c.model_id == model_id,
            parts.c.plan_id == plan_id,
            parts.c.window_start_us >= from_us,
            parts.c.window_start_us < to_us,
        )
        .group_by(parts.c.window_start_us)
    )
    return {start_us: int(total) for start_us, total in conn.execute(query)}


def hashes_by_window(
    conn: Connection, model_id: int, plan_id: str
) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """(window start, int64[n, 2] of (event, content) hashes) of every part whose hashes are still kept."""
    import numpy as np

    query = select(parts.c.window_start_us, parts.c.event_hashes).where(
        parts.c.model_id == model_id, parts.c.plan_id == plan_id, parts.c.event_hashes.is_not(None)
    )
    for row in conn.execute(query.order_by(parts.c.window_start_us, parts.c.piece)):
        yield (
            row.window_start_us,
            np.frombuffer(bytes(row.event_hashes), dtype="<i8").reshape(-1, 2).astype(np.int64),
        )


def newest_id(conn: Connection, model_id: int) -> int | None:
    """The key of the part that was added last, None while there is none: it tells whether others have read since."""
    newest: int | None = conn.execute(_newest(), {"model": model_id}).scalar_one()
    return newest


def windows_of_piece(conn: Connection, model_id: int, plan_id: str, piece: str) -> list[int]:
    """The windows a piece of input holds records of, empty if it was not kept; all were written at once."""
    given = {"model": model_id, "plan": plan_id, "named": piece}
    return list(conn.execute(_of_piece(), given).scalars())


def forget_event_hashes(conn: Connection, model_id: int, before_us: int) -> int:
    """Drop the hashes of windows that start before the horizon; returns of how many parts."""
    return conn.execute(_forgetting(), {"model": model_id, "before": before_us}).rowcount


@cache
def _adding(dialect: str) -> ReturningInsert[Any]:
    statement = insert_on(dialect, parts).on_conflict_do_nothing()
    return statement.returning(parts.c.window_start_us, parts.c.piece)


@cache
def _bodies() -> Select[Any]:
    return (
        select(parts.c.window_start_us, parts.c.body)
        .where(
            parts.c.model_id == bindparam("model"),
            parts.c.plan_id == bindparam("plan"),
            parts.c.window_start_us >= bindparam("from"),
            parts.c.window_start_us < bindparam("to"),
        )
        .order_by(parts.c.window_start_us, parts.c.piece)
        .execution_options(yield_per=100)
    )


@cache
def _newest() -> Select[Any]:
    return select(func.max(parts.c.id)).where(parts.c.model_id == bindparam("model"))


@cache
def _of_piece() -> Select[Any]:
    return (
        select(parts.c.window_start_us)
        .where(
            parts.c.model_id == bindparam("model"),
            parts.c.plan_id == bindparam("plan"),
            parts.c.piece == bindparam("named"),
        )
        .order_by(parts.c.window_start_us)
    )


@cache
def _forgetting() -> Update:
    old = update(parts).where(
        parts.c.model_id == bindparam("model"),
        parts.c.window_start_us < bindparam("before"),
        parts.c.event_hashes.is_not(None),
    )
    return old.values(event_hashes=None)
