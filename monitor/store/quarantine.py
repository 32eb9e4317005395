"""Quarantine: records and cells that could not be used, each with a reason and a little evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from monitor.store.inserts import insert_on
from monitor.store.tables import quarantine

EVIDENCE_BYTES = 2048  # kept of each raw record


@dataclass(frozen=True, slots=True)
class Entry:
    """What was set aside, from where and why. `counted`: the record still counts, only this cell does not."""

    window_start_us: int | None
    piece: str
    place: str
    reason: str
    column: str | None
    detail: str
    counted: bool
    raw: bytes | None = None


def add(conn: Connection, model_id: int, entries: Sequence[Entry], now_us: int) -> None:
    """Keep entries; one that is there already (same piece, place, reason and column) is not kept twice."""
    if not entries:
        return
    rows = [
        {
            "model_id": model_id,
            "window_start_us": entry.window_start_us,
            "piece": entry.piece,
            "place": entry.place,
            "reason": entry.reason,
            "column": entry.column or "",
            "detail": entry.detail,
            "counted": int(entry.counted),
            "raw": None if entry.raw is None else entry.raw[:EVIDENCE_BYTES],
            "created_us": now_us,
        }
        for entry in entries
    ]
    conn.execute(insert_on(conn, quarantine).on_conflict_do_nothing(), rows)


def counts(
    conn: Connection, model_id: int, from_us: int | None = None, to_us: int | None = None
) -> dict[tuple[str, str], int]:
    """Entries per (reason, column), "" for whole records; with a span, those of windows that start in it."""
    query = select(quarantine.c.reason, quarantine.c.column, func.count()).where(
        quarantine.c.model_id == model_id
    )
    if from_us is not None:
        query = query.where(quarantine.c.window_start_us >= from_us)
    if to_us is not None:
        query = query.where(quarantine.c.window_start_us < to_us)
    grouped = conn.execute(query.group_by(quarantine.c.reason, quarantine.c.column))
    return dict(sorted(((reason, column), count) for reason, column, count in grouped))
