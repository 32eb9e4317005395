"""The flight protocol (data/README.md): an honest null with real seasons, read as the product reads records.

Weeks of a real year are permuted whole, 12 are the reference and the next 12 monitored: no change point. A plan
is learnt from the reference records, every window is counted under it, and the series are those of that plan.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks import drift, profile
from checks.batch import Batch, Column, categories, numbers
from checks.learner import Learner
from checks.plan import Plan
from checks.seasons import DAY_US, WEEK_US, Calendar
from checks.series import Observations

_FOLDER = Path(os.environ.get("DRIFTGLASS_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
DATA = _FOLDER / "flights" / "pnwflights.parquet"
NUMBERS = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "distance", "hour", "minute")
CATEGORIES = ("carrier", "origin", "dest")
COLUMNS = [*NUMBERS, *CATEGORIES]
CALENDAR = Calendar(DAY_US, "UTC")
FEATURES = tuple(Column(name, "feature", "category" if name in CATEGORIES else "number") for name in COLUMNS)
REFERENCE_WEEKS = MONITORED_WEEKS = 12
REFERENCE_DAYS = REFERENCE_WEEKS * 7
DAYS = REFERENCE_DAYS + MONITORED_WEEKS * 7
CHANGE = REFERENCE_DAYS + MONITORED_WEEKS // 2 * 7  # the window from which an injection is in the data
INJECTIONS = ("delays +3 min", "8 % relabelled", "2 % unseen", "2 % zero")

# A Monday, so that permuted weeks keep their weekdays on the windows' grid.
ORIGIN_US = 2_500 * WEEK_US + 4 * DAY_US


@dataclass(frozen=True)
class Flights:
    """Complete rows with the number of their complete week (0..51) and of their day in it, Monday first."""

    columns: dict[str, npt.NDArray[np.generic]]
    week: npt.NDArray[np.intp]
    day: npt.NDArray[np.intp]


def load() -> Flights:
    import pandas as pd

    frame = pd.read_parquet(DATA).dropna(subset=COLUMNS)
    date = pd.to_datetime(frame[["year", "month", "day"]])
    monday = date - pd.to_timedelta(date.dt.weekday, unit="D")
    complete = date.groupby(monday).transform("nunique") == 7
    frame, date, monday = frame[complete], date[complete], monday[complete]
    week = np.unique(monday, return_inverse=True)[1]
    columns = {name: frame[name].to_numpy() for name in COLUMNS}
    return Flights(columns, week.astype(np.intp), date.dt.weekday.to_numpy().astype(np.intp))


@dataclass(frozen=True)
class Stream:
    """Rows of 24 permuted weeks: window number 0..167 of every row, and its values."""

    window: npt.NDArray[np.intp]
    columns: dict[str, npt.NDArray[np.generic]]


def stream(flights: Flights, seed: int) -> Stream:
    order = np.random.default_rng(seed).permutation(flights.week.max() + 1)[
        : REFERENCE_WEEKS + MONITORED_WEEKS
    ]
    place = np.full(flights.week.max() + 1, -1)
    place[order] = np.arange(len(order))
    kept = place[flights.week] >= 0
    window = place[flights.week[kept]] * 7 + flights.day[kept]
    return Stream(window.astype(np.intp), {name: values[kept] for name, values in flights.columns.items()})


def inject(original: Stream, kind: str, seed: int) -> Stream:
    """One of INJECTIONS from the middle of the monitored weeks on."""
    generator = np.random.default_rng([seed, 1])
    late = original.window >= CHANGE
    columns = dict(original.columns)

    def some(share: float) -> npt.NDArray[np.bool_]:
        return late & (generator.random(len(late)) < share)

    if kind == "delays +3 min":
        for name in ("dep_delay", "arr_delay"):
            columns[name] = columns[name].astype(np.float64) + 3 * late
    elif kind == "8 % relabelled":
        columns["carrier"] = np.where(some(0.08), "OO", columns["carrier"])
    elif kind == "2 % unseen":
        columns["carrier"] = np.where(some(0.02), "ZZ", columns["carrier"])
    elif kind == "2 % zero":
        zeroed = some(0.02)
        for name in ("distance", "air_time"):
            columns[name] = np.where(zeroed, 0.0, columns[name])
    return Stream(original.window, columns)


def between(rows: Stream, first: int, end: int) -> Stream:
    """The rows of the windows first … end − 1."""
    kept = (rows.window >= first) & (rows.window < end)
    return Stream(rows.window[kept], {name: values[kept] for name, values in rows.columns.items()})


def learn(rows: Stream) -> Plan:
    """The plan that the product makes of the reference records."""
    learner = Learner(FEATURES)
    learner.add(_batch(between(rows, 0, REFERENCE_DAYS)))
    return learner.plan()


def observe(rows: Stream, plan: Plan, first: int = 0, end: int = DAYS) -> Observations:
    """The windows first … end − 1, counted under the plan."""
    mine = between(rows, first, end)
    profiles = profile.count(_batch(mine), plan, ORIGIN_US + mine.window.astype(np.int64) * DAY_US)
    starts = (ORIGIN_US + np.arange(first, end, dtype=np.int64) * DAY_US).tolist()
    nothing = profile.empty(plan)
    return drift.observe([profiles.get(start, nothing) for start in starts], starts, plan)


def _batch(rows: Stream) -> Batch:
    count = len(rows.window)
    # Whoever the records are, their hashes are spread: an odd multiple of the row's number is.
    hashes = np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    cells = {
        column.name: (categories if column.kind == "category" else numbers)(
            pa.array(rows.columns[column.name])
        )
        for column in FEATURES
    }
    ids = pa.array([str(i).encode() for i in range(count)], pa.large_binary())
    return Batch(ids, hashes.view(np.int64), ORIGIN_US + rows.window.astype(np.int64) * DAY_US, cells)
