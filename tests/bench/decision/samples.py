"""Independent samples: windows drawn from the very distribution of the reference, and from one that moved.

Eleven columns (eight numbers, categories of 10, 100 and 1,000 levels), twelve weeks of days without any rhythm. Such
data needs no season and no second null: what is asked is that having them does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from checks import floors
from checks.baseline import Baseline, fit_with_null, score
from checks.seasons import DAY_US, WEEK_US, Calendar
from checks.series import Observations, Series
from tests.bench.decision.common import Figure

Floats = npt.NDArray[np.float64]

CALENDAR = Calendar(DAY_US, "UTC")
ORIGIN_US = 2_600 * WEEK_US + 4 * DAY_US
DAYS = 84
WINDOWS = 250  # judged for each size and repetition
SIZES = (100, 1_000, 10_000, 50_000)
LEVELS = (10, 100, 1_000)
NUMBERS, GROUPS, OWN_BINS = 8, 20, 64
ALPHA = 0.05
MOST_FALSE, LEAST_POWER = 1.2 * ALPHA, 0.8
MOVES = ("a share of 10 %", "two of twenty groups", "the mean")


def figures(repetitions: int) -> Iterator[Figure]:
    """Per number of records: false alarms of a window over its columns, and power at twice the floor.

    In brackets the least and the most that a repetition found: one reference in which chance looked like storms would
    not show in their mean.
    """
    for n in SIZES:
        false, found = [], {move: list[float]() for move in MOVES}
        least = dict.fromkeys(MOVES, np.inf)
        for seed in range(repetitions):
            draw = np.random.default_rng([seed, n])
            world = _World(draw)
            reference = world.observe(np.full(DAYS, n), draw, 0)
            baseline = fit_with_null(reference, CALENDAR).baseline
            false += _alarms(baseline, world.observe(np.full(WINDOWS, n), draw, DAYS)).tolist()
            for move in MOVES:
                series, records = world.floor(move)
                least[move] = records
                obs = world.observe(np.full(WINDOWS, n), draw, DAYS, move)
                found[move].append(float((_p(baseline, obs)[:, series] < ALPHA).mean()))
        name = f"independent samples, n = {n:,}"
        yield Figure(
            f"{name}: a window alarms (at {ALPHA} over its columns)", float(np.mean(false)), MOST_FALSE, True
        )
        for move, hits in found.items():
            bar = LEAST_POWER if n >= least[move] else None
            what = f"{name}: {move} moved by twice the floor (least records {least[move]:,.0f}"
            yield Figure(f"{what}; {min(hits):.2f}–{max(hits):.2f})", float(np.mean(hits)), bar)


class _World:
    """The distributions of eleven columns, the same in every window."""

    def __init__(self, draw: np.random.Generator) -> None:
        self.numbers = [draw.dirichlet(np.full(GROUPS, 8.0)) for _ in range(NUMBERS)]
        self.numbers[0] = np.full(GROUPS, 1 / GROUPS)
        self.categories = [_zipf(size) for size in LEVELS]
        self.series = self._series()

    def _series(self) -> tuple[Series, ...]:
        out = []
        for i in range(NUMBERS):
            out += [_one("jsd", f"x{i}", "distribution"), _one("mean", f"x{i}", "mean")]
        for size in LEVELS:
            name = f"c{size}"
            out += [_one("jsd", name, "distribution"), _one("unseen_rate", name, "rate")]
            out += [_one("value_share", name, "rate", str(value)) for value in range(10)]
        return tuple(out)

    def floor(self, move: str) -> tuple[int, float]:
        """The series that a move is for, and the records at which its floor is found four times in five."""
        names = [one.name for one in self.series]
        both = (1.96 + 0.84) ** 2
        if move == "a share of 10 %":
            s = names.index("value_share(c10):2")
            share, size = self.categories[0][2], floors.floor_of(self.series[s]).size
            return s, both * share * (1 - share) / size**2
        if move == "the mean":
            s = names.index("mean(x0)")
            return s, both / floors.floor_of(self.series[s]).size ** 2
        s = names.index("jsd(x0)")
        # 8·n·JSD is about a non-central χ² of 19 degrees of freedom: at 20.0 it is found so, at .05.
        return s, 20.0 / (8 * floors.floor_of(self.series[s]).size)

    def _moved(self, move: str | None) -> tuple[list[Floats], list[Floats]]:
        numbers, categories = list(self.numbers), list(self.categories)
        if move == "a share of 10 %":
            first = categories[0].copy()
            first[0], first[2] = first[0] - 0.04, first[2] + 0.04
            categories[0] = first
        elif move == "two of twenty groups":
            numbers[0] = _at_distance(numbers[0], 2 * 0.003)
        elif move == "the mean":
            # A lift of 0.2 standard deviations of a uniform: a slope of the shares.
            slope = np.linspace(-1, 1, GROUPS)
            positions = np.arange(GROUPS) - (GROUPS - 1) / 2
            sd = np.sqrt(np.mean(np.square(positions)))
            numbers[0] = 1 / GROUPS * (1 + slope * 0.2 * sd / np.mean(slope * positions))
        return numbers, categories

    def observe(
        self, n: npt.NDArray[np.int64], draw: np.random.Generator, first: int, move: str | None = None
    ) -> Observations:
        numbers, categories = self._moved(move)
        zero, values = np.zeros(len(n)), np.arange(GROUPS, dtype=np.float64)
        x: list[Floats] = []
        xx: list[Floats] = []
        bins = {}
        for shares in numbers:
            counts = draw.multinomial(n, shares)
            bins[len(x)] = counts
            x += [zero, counts.astype(np.float64) @ values]
            xx += [zero, counts.astype(np.float64) @ np.square(values)]
        for shares in categories:
            counts = draw.multinomial(n, shares)
            bins[len(x)] = _binned(counts)
            x += [zero, zero, *counts[:, :10].astype(np.float64).T]
            xx += [zero] * 12
        start = ORIGIN_US + (first + np.arange(len(n), dtype=np.int64)) * DAY_US
        size = np.repeat(n[:, None].astype(np.float64), len(x), axis=1)
        return Observations(self.series, start, size, np.stack(x, axis=1), np.stack(xx, axis=1), bins)


def _one(metric: str, column: str, kind: str, term: str = "") -> Series:
    return Series(metric, column, "*", term, kind, "inputs")  # type: ignore[arg-type]  # one of series.Kind


def _zipf(size: int) -> Floats:
    shares = 1 / (2 + np.arange(size))
    return np.asarray(shares / shares.sum())


def _binned(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The commonest levels, all others in one bin and unseen ones in another, as `drift` does."""
    own = counts[:, :OWN_BINS]
    others = counts[:, OWN_BINS:].sum(axis=1, keepdims=True)
    return np.concatenate([own, others, np.zeros_like(others)], axis=1)


def _at_distance(shares: Floats, wanted: float) -> Floats:
    """The shares with mass moved from one bin to another, at a JSD of `wanted` nats."""
    from checks.distances import jsd

    for moved in np.linspace(0.0005, shares[0], 2_000):
        out = shares.copy()
        out[0], out[1] = out[0] - moved, out[1] + moved
        if jsd(shares, out) >= wanted:
            return np.asarray(out)
    raise ValueError(f"{wanted} nats cannot be had by moving one bin into the next")


def _p(baseline: Baseline, obs: Observations) -> Floats:
    """float64[W, S]: the p of every series, times the number of its tests: columns, and series of a column."""
    columns: Sequence[str] = [one.column for one in obs.series]
    tests = np.array([columns.count(name) for name in columns]) * len(set(columns))
    return np.asarray(np.fmin(score(baseline, obs).p * tests, 1.0))


def _alarms(baseline: Baseline, obs: Observations) -> npt.NDArray[np.bool_]:
    return np.asarray(np.nanmin(_p(baseline, obs), axis=1) < ALPHA)
