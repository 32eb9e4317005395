"""Measurements: one number per series and window, with its interval and what was expected.

A window that is measured or judged again gets rows of a higher revision and keeps the old ones; the highest
counts (`listing.measured` selects it; `listing.measurements` gives it in pages).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from monitor.store import series
from monitor.store.inserts import bulk_replace, nullable
from monitor.store.listing import measured
from monitor.store.tables import measurements, verdicts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

NUMBERS = ("n", "value", "low", "high", "expected", "expected_low", "expected_high")
JUDGED = ("status", "z", "p", "effect", "cusum", "threshold", "provisional")


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measurement of the revision that counts, with its verdict once judged. None where undefined."""

    window_start_us: int
    series_id: int
    revision: int
    n: float
    value: float | None
    low: float | None
    high: float | None
    expected: float | None
    expected_low: float | None
    expected_high: float | None
    status: str | None
    z: float | None
    p: float | None
    effect: float | None
    cusum: float | None
    threshold: float | None
    provisional: int | None


def write(
    conn: Connection,
    model_id: int,
    start_us: Sequence[int],
    revision: int | Sequence[int],
    series_ids: Sequence[int],
    *,
    n: Floats,
    value: Floats,
    low: Floats,
    high: Floats,
    expected: Floats,
    expected_low: Floats,
    expected_high: Floats,
) -> None:
    """Write W windows of S series, with one revision or one for each; every array is float64[W, S], NaN (stored as
    null) where undefined.

    `n` is always defined. Rows of the same windows, series and revisions are replaced.
    """
    numbers = (n, value, low, high, expected, expected_low, expected_high)
    replace_grid(
        conn, measurements, model_id, start_us, revision, series_ids, NUMBERS, [nullable(a) for a in numbers]
    )


def replace_grid(
    conn: Connection,
    table: Any,
    model_id: int,
    start_us: Sequence[int],
    revision: int | Sequence[int],
    series_ids: Sequence[int],
    names: Sequence[str],
    columns: Sequence[Sequence[Any]],
) -> None:
    """Replace rows (window, series) of one revision, or of one for each window; each column is flat, W·S cells, window
    by window.
    """
    starts, keys = [int(start) for start in start_us], [int(key) for key in series_ids]
    revisions = [revision] * len(starts) if isinstance(revision, int) else revision
    for column, name in zip(columns, names, strict=True):
        if len(column) != len(starts) * len(keys):
            raise ValueError(f"{name} has {len(column)} cells for {len(starts)} windows x {len(keys)} series")
    bulk_replace(
        conn,
        table,
        ("model_id", "window_start_us", "revision", "series_id", *names),
        ("model_id", "window_start_us", "revision", "series_id"),
        list(
            zip(
                (model_id for _ in starts for _ in keys),
                (start for start in starts for _ in keys),
                (revision for revision in revisions for _ in keys),
                (key for _ in starts for key in keys),
                *columns,
                strict=True,
            )
        ),
    )


def timeline(
    conn: Connection, model_id: int, series_id: int, from_us: int | None = None, to_us: int | None = None
) -> list[Measurement]:
    """One series over the windows that start in [from_us, to_us), oldest first, by that series' own index."""
    m = measurements
    query = measured().where(m.c.series_id == series_id, m.c.model_id == model_id)
    if from_us is not None:
        query = query.where(m.c.window_start_us >= from_us)
    if to_us is not None:
        query = query.where(m.c.window_start_us < to_us)
    return [_measurement(row._mapping) for row in conn.execute(query.order_by(m.c.window_start_us))]


def export(
    conn: Connection, model_id: int, from_us: int | None = None, to_us: int | None = None
) -> Iterator[str]:
    """CSV in canonical order, by window and then series by name: first the header, then a block per window.

    Numbers are the shortest text that reads back to the same double (repr) and nothing depends on keys: two
    databases with the same measurements give the same bytes.
    """
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["window_start", "metric", "column", "segment", "term", "revision", *NUMBERS, *JUDGED])
    yield _drain(lines)
    order = {one.id: (rank, one.name) for rank, one in enumerate(series.everyone(conn, model_id))}
    m = measurements
    chosen = select(m.c.window_start_us).where(m.c.model_id == model_id).distinct()
    if from_us is not None:
        chosen = chosen.where(m.c.window_start_us >= from_us)
    if to_us is not None:
        chosen = chosen.where(m.c.window_start_us < to_us)
    columns = [m.c.series_id, m.c.revision, *(m.c[name] for name in NUMBERS)]
    judged = [verdicts.c[name] for name in JUDGED]
    for start_us in conn.execute(chosen.order_by(m.c.window_start_us)).scalars().all():
        moment = _moment(start_us)
        query = measured().with_only_columns(*columns, *judged, maintain_column_froms=True)
        rows = conn.execute(query.where(m.c.model_id == model_id, m.c.window_start_us == start_us)).all()
        for row in sorted(rows, key=lambda row: order[row.series_id][0]):
            writer.writerow([moment, *order[row.series_id][1], *row[1:]])
        yield _drain(lines)


def _measurement(row: Any) -> Measurement:
    return Measurement(**{name: row[name] for name in Measurement.__slots__})


def _drain(lines: io.StringIO) -> str:
    text = lines.getvalue()
    lines.seek(0)
    lines.truncate()
    return text


def _moment(us: int) -> str:
    # Not fromtimestamp: a float of seconds cannot hold every microsecond.
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).isoformat()
