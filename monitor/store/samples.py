"""Samples: the records of a window that were kept. People query them with plain SQL, so rows they stay."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Delete, Insert, RowMapping, Select, bindparam, delete, insert, select

from monitor.store import erasures
from monitor.store.canonical import json_text
from monitor.store.tables import samples


@dataclass(frozen=True, slots=True)
class Sample:
    """One kept record, its text redacted already. A rate weighs each by 1 / inclusion_probability."""

    stratum: str
    event_id: str
    event_us: int
    rank: float
    inclusion_probability: float
    text: str | None
    prediction: str | None
    score: float | None
    version: str | None
    segments: Mapping[str, Any]
    features: Mapping[str, Any]
    flags: Mapping[str, Any]


_JSON = ("segments", "features", "flags")


def of_window(conn: Connection, model_id: int, window_start_us: int) -> list[Sample]:
    """The sample of one window, by stratum and rank."""
    given = {"model": model_id, "start": window_start_us}
    return [_sample(row._mapping) for row in conn.execute(_of_window(), given)]


def smallest_ranks(conn: Connection, model_id: int, from_us: int, to_us: int, limit: int) -> list[Sample]:
    """The `limit` kept records of smallest rank of the windows in [from_us, to_us): the same ones every time."""
    query = (
        select(*(samples.c[name] for name in Sample.__slots__))
        .where(
            samples.c.model_id == model_id,
            samples.c.window_start_us >= from_us,
            samples.c.window_start_us < to_us,
        )
        .order_by(samples.c.rank, samples.c.event_id)
        .limit(limit)
    )
    return [_sample(row._mapping) for row in conn.execute(query)]


def merge(
    conn: Connection,
    model_id: int,
    window_start_us: int,
    new: Sequence[Sample],
    keep: Callable[[Sequence[Sample]], Sequence[Sample]],
) -> int:
    """Make the sample of a window what `keep` (a bottom-k) leaves of the stored and the new records together.

    A record that is stored already comes once, as it was stored. `keep` sets the inclusion probabilities,
    which fall as the window fills. Returns the size of the sample.
    """
    stored = of_window(conn, model_id, window_start_us)
    there = {sample.event_id for sample in stored}
    kept = keep([*stored, *(sample for sample in new if sample.event_id not in there)])
    replace(conn, model_id, window_start_us, kept)
    return len(kept)


def replace(conn: Connection, model_id: int, window_start_us: int, rows: Sequence[Sample]) -> None:
    """Make the sample of a window exactly these rows, without records that were erased."""
    # Deleting first also holds the table against an erasure, which waits until these rows can be found.
    conn.execute(_deleting(), {"model": model_id, "start": window_start_us})
    erased = erasures.among(conn, model_id, [sample.event_id for sample in rows])
    new = [_row(model_id, window_start_us, sample) for sample in rows if sample.event_id not in erased]
    if new:
        conn.execute(_inserting(), new)


def _row(model_id: int, window_start_us: int, sample: Sample) -> dict[str, object]:
    fields: dict[str, object] = {name: getattr(sample, name) for name in Sample.__slots__}
    for name in _JSON:
        fields[name] = json_text(fields[name])
    return {"model_id": model_id, "window_start_us": window_start_us, **fields}


def _sample(row: RowMapping) -> Sample:
    return Sample(**{**dict(row), **{name: json.loads(row[name]) for name in _JSON}})


@cache
def _of_window() -> Select[Any]:
    return (
        select(*(samples.c[name] for name in Sample.__slots__))
        .where(samples.c.model_id == bindparam("model"), samples.c.window_start_us == bindparam("start"))
        .order_by(samples.c.stratum, samples.c.rank, samples.c.event_id)
    )


@cache
def _deleting() -> Delete:
    return delete(samples).where(
        samples.c.model_id == bindparam("model"), samples.c.window_start_us == bindparam("start")
    )


@cache
def _inserting() -> Insert:
    return insert(samples)
