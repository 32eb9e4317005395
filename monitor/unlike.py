"""`driftglass unlike`: windows that as a whole are like none of the reference, whether or not an alert is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from monitor.alerts.message import safe
from monitor.contract import parse
from monitor.errors import NotFound
from monitor.reports.words import called
from monitor.store import baselines, contracts, listing, models, tables
from monitor.store import series as stored_series
from monitor.store.engine import Store
from monitor.terminal import clock, headed, iso, print_json, print_out

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from sqlalchemy import Connection

# Of reference windows at most so many are as far as what is shown; of fewer than a hundred, none.
RARE = 0.01
# What is normal covers 95 % of windows: so many standard deviations to each side.
_HALF_BAND = 1.96
_MOST_Z = 8.0


@dataclass(frozen=True, slots=True)
class Unlike:
    """A window that is farther from its nearest reference windows than all but `share` of these are from theirs of
    other blocks; `series` keep it there, the farthest first."""

    window_us: int
    distance: float
    share: float
    series: tuple[str, ...]


def unlike(conn: Connection, model_id: int, limit: int) -> list[Unlike]:
    """The newest windows after the reference that are unlike all of it, newest first; none without three blocks.

    Read from the stored measurements: how far each value is from the expected one, in units of its own band.
    NotFound while the model has no baseline.
    """
    import numpy as np

    from checks import seasons, unusual

    saved = baselines.current(conn, model_id)
    if saved is None:
        raise NotFound("there is no baseline yet; run `driftglass run` until the reference has closed")
    names, start_us, z = _profile(conn, model_id, saved.reference["from_us"])
    before = start_us < saved.reference["to_us"]
    calendar = parse(contracts.current(conn, model_id).body).calendar()
    normal = unusual.usual(z[before], seasons.blocks(start_us[before], calendar).of) if before.any() else None
    if normal is None or before.all():
        return []
    later = np.flatnonzero(~before)
    distances, shares = unusual.distance(normal, z[later])
    rare = max(RARE, 1 / (1 + len(normal.distances)))
    found = [
        Unlike(
            int(start_us[row]),
            float(distances[place]),
            float(shares[place]),
            tuple(names[s] for s in unusual.carriers(normal, z[row])),
        )
        for place, row in reversed(list(enumerate(later.tolist())))
        if shares[place] <= rare
    ]
    return found[:limit]


def _profile(
    conn: Connection, model_id: int, from_us: int
) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The names of the series, the windows from `from_us` on, and how far each value lies from its expected one."""
    import numpy as np

    m = tables.measurements
    columns = (
        m.c.window_start_us,
        m.c.series_id,
        m.c.value,
        m.c.expected,
        m.c.expected_low,
        m.c.expected_high,
    )
    query = select(*columns).where(
        m.c.model_id == model_id, m.c.window_start_us >= from_us, listing.latest_revision(m)
    )
    rows = conn.execute(query).all()
    # The database gives None where a number does not exist.
    table = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, len(columns))
    value, expected, low, high = table[:, 2:].T
    half = np.where(value >= expected, high - expected, expected - low) / _HALF_BAND
    z = np.where(half > 0, (value - expected) / np.where(half > 0, half, 1.0), 0.0)
    start_us, row = np.unique(np.array([one[0] for one in rows], dtype=np.int64), return_inverse=True)
    keys, column = np.unique(table[:, 1].astype(np.int64), return_inverse=True)
    profile = np.full((len(start_us), len(keys)), np.nan)
    profile[row, column] = np.clip(z, -_MOST_Z, _MOST_Z)
    known = {one.id: called(*one.name) for one in stored_series.everyone(conn, model_id)}
    return [known[key] for key in keys.tolist()], start_us, profile


def show_unlike(store: Store, model: str | None, *, limit: int, as_json: bool) -> None:
    """Print the newest windows that are unlike the reference, with the alerts that were open then."""
    with store.read() as conn:
        chosen = [models.get(conn, model)] if model else models.everyone(conn)
        rows = [
            (one.name, found, _open_then(conn, one.id, found.window_us))
            for one in chosen
            if one.baseline_id is not None
            for found in unlike(conn, one.id, limit)
        ]
    rows = sorted(rows, key=lambda row: (-row[1].window_us, row[0]))[:limit]
    if as_json:
        print_json(
            [
                {"model": name, "window": iso(found.window_us), "distance": found.distance}
                | {"share": found.share, "series": found.series, "alerts": alerts}
                for name, found, alerts in rows
            ]
        )
        return
    from rich.text import Text

    if not rows:
        print_out("no window is unlike those of its reference")
        return
    table = headed("window (UTC)", "model", "as far in the reference", "what keeps it there", "alerts")
    for name, found, alerts in rows:
        told = safe("; ".join(found.series))
        numbers = ", ".join(f"#{alert}" for alert in alerts) or "none"
        table.add_row(clock(found.window_us), Text(safe(name)), f"{found.share:.2%}", Text(told), numbers)
    print_out(table)


def _open_then(conn: Connection, model_id: int, window_us: int) -> list[int]:
    """The alerts whose change covers the window."""
    e = tables.episodes
    query = select(e.c.id).where(
        e.c.model_id == model_id,
        e.c.since_us <= window_us,
        e.c.closed_us.is_(None) | (e.c.closed_us > window_us),
    )
    return sorted(conn.execute(query).scalars())
