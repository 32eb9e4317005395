"""What judging and fitting cost on one core, in seconds: they are few enough to be told as such."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from checks import decision
from checks.baseline import fit, score
from checks.seasons import HOUR_US, WEEK_US, Calendar
from checks.series import Family, Kind, Observations, Series
from tests.bench.decision.common import Figure

CALENDAR = Calendar(HOUR_US, "UTC")
ORIGIN_US = 2_600 * WEEK_US + 4 * 24 * HOUR_US
HOURS = 12 * 168
RECORDS = 200.0
BINS = 20
FITTED, JUDGED = 500, 1_000
MOST_FIT, MOST_JUDGE = 60.0, 1.0
# Of ten series as a plan of many features has them: six rates, two means, two distributions.
KINDS: tuple[Kind, ...] = (
    "rate",
    "rate",
    "rate",
    "rate",
    "rate",
    "rate",
    "mean",
    "mean",
    "distribution",
    "distribution",
)


def figures(_: int) -> Iterator[Figure]:
    """A fit of twelve weeks of hours with 500 series, and one window of 1,000 series."""
    obs = made(FITTED, HOURS, 1)
    fit(made(10, HOURS, 2), CALENDAR)  # compiles
    began = time.perf_counter()
    fit(obs, CALENDAR)
    took = time.perf_counter() - began
    yield Figure(f"cost: fit of {HOURS:,} hours with {FITTED} series, s", took, MOST_FIT, at_most=True)
    obs = made(JUDGED, 15 * 24, 3)
    baseline = fit(obs, CALENDAR)
    state, seconds = decision.State.empty(baseline), []
    for hour in range(5):
        own = obs.rows(slice(hour, hour + 1))
        began = time.perf_counter()
        scores = score(baseline, own, obs)
        state, _judgement = decision.step(baseline, state, scores, own, ())
        seconds.append(time.perf_counter() - began)
    what = f"cost: scores and judgement of one window with {JUDGED:,} series, s"
    yield Figure(what, float(np.median(seconds)), MOST_JUDGE, at_most=True)


def made(count: int, hours: int, seed: int) -> Observations:
    """A volume and `count` other series of RECORDS an hour, with a day's rhythm."""
    draw = np.random.default_rng(seed)
    rhythm = np.exp(0.7 * np.sin(2 * np.pi * np.arange(hours) / 24))
    n = draw.poisson(RECORDS * rhythm).astype(np.float64)
    series = [Series("volume", "", "*", "", "volume", "volume")]
    x, xx, bins = [n], [np.zeros(hours)], {}
    families: tuple[Family, ...] = ("inputs", "quality", "predictions", "language")
    for i in range(count):
        kind = KINDS[i % len(KINDS)]
        series.append(Series("metric", f"column {i}", "*", "", kind, families[i % len(families)]))
        hits = draw.binomial(n.astype(np.int64), draw.uniform(0.001, 0.3)).astype(np.float64)
        if kind == "distribution":
            bins[i + 1] = draw.multinomial(n.astype(np.int64), draw.dirichlet(np.full(BINS, 3.0)))
        x.append(np.zeros(hours) if kind == "distribution" else hits)
        xx.append(2 * hits if kind == "mean" else np.zeros(hours))
    start = ORIGIN_US + np.arange(hours, dtype=np.int64) * HOUR_US
    size = np.repeat(n[:, None], count + 1, axis=1)
    return Observations(tuple(series), start, size, np.stack(x, axis=1), np.stack(xx, axis=1), bins)
