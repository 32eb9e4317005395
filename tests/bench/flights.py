"""The flight protocol (data/README.md): an honest null with real seasons, as Observations.

Weeks of a real year are permuted whole, 12 are the reference and the next 12 monitored: no change point.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from checks.seasons import DAY_US, WEEK_US, Calendar
from checks.series import Observations, Series

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "flights" / "pnwflights.parquet"
NUMBERS = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "distance", "hour", "minute")
CATEGORIES = ("carrier", "origin", "dest")
COLUMNS = [*NUMBERS, *CATEGORIES]
CALENDAR = Calendar(DAY_US, "UTC")
REFERENCE_WEEKS = MONITORED_WEEKS = 12
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
    late = original.window >= (REFERENCE_WEEKS + MONITORED_WEEKS // 2) * 7
    columns = dict(original.columns)

    def some(share: float) -> npt.NDArray[np.bool_]:
        return late & (generator.random(len(late)) < share)

    if kind == "delays +3 min":
        for name in ("dep_delay", "arr_delay"):
            columns[name] = columns[name] + 3 * late
    elif kind == "8 % relabelled":
        columns["carrier"] = np.where(some(0.08), "OO", columns["carrier"])
    elif kind == "2 % unseen":
        columns["carrier"] = np.where(some(0.02), "ZZ", columns["carrier"])
    elif kind == "2 % zero":
        zeroed = some(0.02)
        for name in ("distance", "air_time"):
            columns[name] = np.where(zeroed, 0.0, columns[name])
    return Stream(original.window, columns)


def observe(rows: Stream) -> Observations:
    """Per column a distribution over 20 equi-depth bins and atoms of the reference, unseen values, mean;
    volume."""
    windows = (REFERENCE_WEEKS + MONITORED_WEEKS) * 7
    reference = rows.window < REFERENCE_WEEKS * 7
    n = np.bincount(rows.window, minlength=windows).astype(np.float64)
    series: list[Series] = [Series("volume", "", "*", "", "volume", "volume")]
    stats: list[tuple[npt.NDArray[np.float64], ...]] = [(n, n, np.zeros(windows))]
    bins: dict[int, npt.NDArray[np.int64]] = {}
    for name in COLUMNS:
        values = rows.columns[name]
        codes, size, unseen = _codes(values, reference, name in CATEGORIES)
        counts = np.bincount(rows.window * size + codes, minlength=windows * size).reshape(windows, size)
        bins[len(series)] = counts
        series.append(Series("jsd", name, "*", "", "distribution", "inputs"))
        stats.append((n, np.zeros(windows), np.zeros(windows)))
        if name in CATEGORIES:
            series.append(Series("unseen_rate", name, "*", "", "rate", "inputs"))
            stats.append((n, counts[:, unseen].astype(np.float64), np.zeros(windows)))
        else:
            numbers = values.astype(np.float64)
            x = np.bincount(rows.window, weights=numbers, minlength=windows)
            xx = np.bincount(rows.window, weights=np.square(numbers), minlength=windows)
            series.append(Series("mean", name, "*", "", "mean", "inputs"))
            stats.append((n, x, xx))
    columns = [np.stack(part, axis=1) for part in zip(*stats, strict=True)]
    start = ORIGIN_US + np.arange(windows, dtype=np.int64) * DAY_US
    return Observations(tuple(series), start, columns[0], columns[1], columns[2], bins)


def _codes(
    values: npt.NDArray[np.generic], reference: npt.NDArray[np.bool_], category: bool
) -> tuple[npt.NDArray[np.intp], int, int]:
    """Bin of every row, number of bins, and the bin of unseen values (the last).

    Numbers: values on 1 % of the reference and zero are atoms with a bin of their own, between them 20
    quantiles; below and above the reference are bins too.
    """
    if category:
        known = np.unique(values[reference].astype(str))
        text = values.astype(str)
        place = np.minimum(np.searchsorted(known, text), len(known) - 1)
        return np.where(known[place] == text, place, len(known)).astype(np.intp), len(known) + 1, len(known)
    numbers = values.astype(np.float64)
    mine = numbers[reference]
    distinct, counts = np.unique(mine, return_counts=True)
    atoms = np.union1d(distinct[counts > 0.01 * len(mine)], [0.0]) if len(distinct) > 20 else distinct
    edges = np.unique(np.quantile(mine, np.linspace(0, 1, 21)))
    codes = np.searchsorted(edges, numbers, side="left")
    codes = np.where(numbers > edges[-1], len(edges), codes)
    place = np.minimum(np.searchsorted(atoms, numbers), len(atoms) - 1)
    codes = np.where(atoms[place] == numbers, len(edges) + 1 + place, codes)
    return codes.astype(np.intp), len(edges) + 1 + len(atoms), -1
