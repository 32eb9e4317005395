"""Verdicts: what each measurement means, given the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select

from monitor.store.inserts import nullable
from monitor.store.listing import latest_revision
from monitor.store.measurements import replace_grid
from monitor.store.tables import series, verdicts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many series of a family had a status in a window."""

    window_start_us: int
    family: str
    status: str
    series: int


def write(
    conn: Connection,
    model_id: int,
    start_us: Sequence[int],
    revision: int | Sequence[int],
    series_ids: Sequence[int],
    *,
    status: Sequence[Sequence[str]] | npt.NDArray[np.str_],
    z: Floats,
    p: Floats,
    effect: Floats,
    cusum: Floats,
    threshold: Floats,
    baseline_id: int,
    provisional: bool,
) -> None:
    """Write W windows of S series, with one revision or one for each: `status` str[W, S], numbers float64[W, S]
    with NaN (null) where undefined.

    Rows of the same windows and revisions are replaced. A status of another word is an IntegrityError.
    """
    words = [str(word) for row in status for word in row]
    names = ("status", "z", "p", "effect", "cusum", "threshold", "baseline_id", "provisional")
    columns: list[Sequence[object]] = [
        words,
        *(nullable(array) for array in (z, p, effect, cusum, threshold)),
        [baseline_id] * len(words),
        [int(provisional)] * len(words),
    ]
    replace_grid(conn, verdicts, model_id, start_us, revision, series_ids, names, columns)


def tally(conn: Connection, model_id: int, from_us: int, to_us: int) -> list[Tally]:
    """Series per family and status, for windows that start in [from_us, to_us): the cells of a heat map."""
    v = verdicts
    query = (
        select(v.c.window_start_us, series.c.family, v.c.status, func.count())
        .join_from(v, series, series.c.id == v.c.series_id)
        .where(
            v.c.model_id == model_id,
            v.c.window_start_us >= from_us,
            v.c.window_start_us < to_us,
            latest_revision(v),
        )
        .group_by(v.c.window_start_us, series.c.family, v.c.status)
        .order_by(v.c.window_start_us, series.c.family, v.c.status)
    )
    return [Tally(*row) for row in conn.execute(query)]
