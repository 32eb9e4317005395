"""Everything measured and kept of a model, as tables: CSV here, Parquet in a process of its own.

    csv(store, model_id, "samples", from_us, to_us)                   pieces of text
    python -m monitor.exporting MODEL_ID WHAT FROM_US|- TO_US|-       Parquet to standard output

Each window is one read of the store, so a slow reader keeps neither a connection nor the write-ahead log. The
process that serves the API must not load pyarrow: its child holds one row group at a time, and ends.
"""

from __future__ import annotations

import csv as csv_module
import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import IO, Any, Literal

from sqlalchemy import Connection, select

from monitor.store import listing, measurements
from monitor.store import tables as t
from monitor.store.engine import Store

What = Literal["measurements", "samples"]

ROWS = 20_000
SERIES = ("metric", "column", "segment", "term")
FIGURES = ("revision", *measurements.NUMBERS, *measurements.JUDGED)
KEPT = (
    *("window_start_us", "event_id", "event_us", "stratum", "inclusion_probability", "text", "prediction"),
    *("score", "version", "segments", "features", "flags"),
)
COLUMNS: dict[What, tuple[str, ...]] = {
    "measurements": ("window_start_us", *SERIES, *FIGURES),
    "samples": KEPT,
}
_DATABASE = "DRIFTGLASS_DATABASE_URL"


def environment(store: Store) -> dict[str, str]:
    """For the child: how it reaches the same store. Not on its command line, which everybody may read."""
    return {**os.environ, _DATABASE: store.address}


def csv(store: Store, model_id: int, what: What, from_us: int | None, to_us: int | None) -> Iterator[str]:
    """A header, then a piece per window of [from, to), oldest first; measurements as `driftglass export` has them."""
    if what == "measurements":
        with store.read() as conn:
            (header,) = measurements.export(conn, model_id, 0, 0)
        yield header
    else:
        yield _lines([[name.removesuffix("_us") for name in KEPT]])
    for start_us in _starts(store, model_id, what, from_us, to_us):
        with store.read() as conn:
            if what == "measurements":
                blocks = list(measurements.export(conn, model_id, start_us, start_us + 1))[1:]
            else:
                blocks = [_lines(_timed(row) for row in rows(conn, model_id, what, start_us))]
        yield from blocks


def rows(conn: Connection, model_id: int, what: What, start_us: int) -> list[tuple[Any, ...]]:
    """The rows of one window in canonical order, columns as in COLUMNS."""
    if what == "samples":
        s = t.samples
        query = (
            select(*(s.c[name] for name in KEPT))
            .where(s.c.model_id == model_id, s.c.window_start_us == start_us)
            .order_by(s.c.stratum, s.c.rank, s.c.event_id)
        )
        return [tuple(row) for row in conn.execute(query)]
    m = t.measurements
    measured = listing.measured().where(m.c.model_id == model_id, m.c.window_start_us == start_us)
    found = [tuple(row[name] for name in COLUMNS[what]) for row in conn.execute(measured).mappings()]
    # Sorted here: a database with a language's collation would order otherwise than another.
    return sorted(found, key=lambda row: row[1:5])


def write_parquet(
    store: Store, model_id: int, what: What, from_us: int | None, to_us: int | None, output: IO[bytes]
) -> int:
    """The same as Parquet (zstd, row groups of some 20,000); returns the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = COLUMNS[what]
    schema = pa.schema([(name.removesuffix("_us"), _type(pa, name)) for name in names])
    written = 0
    waiting: list[tuple[Any, ...]] = []

    with pq.ParquetWriter(output, schema, compression="zstd") as writer:

        def flush() -> None:
            cells = zip(*waiting, strict=True)
            arrays = [pa.array(list(one), field.type) for one, field in zip(cells, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            waiting.clear()

        for start_us in _starts(store, model_id, what, from_us, to_us):
            with store.read() as conn:
                found = rows(conn, model_id, what, start_us)
            waiting += found
            written += len(found)
            if len(waiting) >= ROWS:
                flush()
        if waiting:
            flush()
    return written


def _type(pa: Any, name: str) -> Any:
    if name.endswith("_us"):
        return pa.timestamp("us", "UTC")
    if name in ("revision", "provisional"):
        return pa.int32()
    numbers = {*measurements.NUMBERS, *measurements.JUDGED, "inclusion_probability", "score"} - {"status"}
    return pa.float64() if name in numbers else pa.string()


def _starts(store: Store, model_id: int, what: What, from_us: int | None, to_us: int | None) -> Sequence[int]:
    table = t.measurements if what == "measurements" else t.samples
    chosen = select(table.c.window_start_us).where(table.c.model_id == model_id).distinct()
    if from_us is not None:
        chosen = chosen.where(table.c.window_start_us >= from_us)
    if to_us is not None:
        chosen = chosen.where(table.c.window_start_us < to_us)
    with store.read() as conn:
        return conn.execute(chosen.order_by(table.c.window_start_us)).scalars().all()


def _timed(row: tuple[Any, ...]) -> list[Any]:
    from datetime import UTC, datetime, timedelta

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [
        (epoch + timedelta(microseconds=cell)).isoformat() if name.endswith("_us") else cell
        for name, cell in zip(KEPT, row, strict=True)
    ]


def _lines(found: Any) -> str:
    lines = io.StringIO()
    csv_module.writer(lines, lineterminator="\n").writerows(found)
    return lines.getvalue()


def main() -> None:
    """The child."""
    model_id, what, from_us, to_us = sys.argv[1:]
    if what not in COLUMNS:
        sys.exit(f"{what}: write measurements or samples")
    store = Store(os.environ[_DATABASE])
    try:
        kind: What = "samples" if what == "samples" else "measurements"
        write_parquet(store, int(model_id), kind, _bound(from_us), _bound(to_us), sys.stdout.buffer)
    finally:
        store.close()


def _bound(text: str) -> int | None:
    return None if text == "-" else int(text)


if __name__ == "__main__":
    main()
