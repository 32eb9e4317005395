"""Made-up daily streams without a change: twelve columns with a week's rhythm, each stream with habits of its own.

What real days do and independent draws do not: shares that wander and remember yesterday, weeks that differ as a
whole, days of storms that move a column for a day or two, timetables that are more regular than chance, values that
only some weeks hold.
Every stream draws how much of each it has, so that a rule that fits one of them does not fit all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from checks.seasons import DAY_US, WEEK_US, Calendar
from checks.series import Family, Kind, Observations, Series

Floats = npt.NDArray[np.float64]

CALENDAR = Calendar(DAY_US, "UTC")
ORIGIN_US = 2_600 * WEEK_US + 4 * DAY_US  # a Monday
REFERENCE_DAYS = 84

GROUPS = 20
LEVELS = (3, 11, 66)
WANDERING, STORMY, TIMETABLES = 4, 2, 2

INJECTIONS = ("shift", "relabelled", "unseen", "zeroed")
_POSITIONS = np.arange(GROUPS + 1, dtype=np.float64)  # the last is the value zero


@dataclass
class _Days:
    """Builds one stream; every draw from one generator, in one order, and what an injection draws from another."""

    generator: np.random.Generator
    other: np.random.Generator
    days: int
    changed: slice
    injection: str | None
    series: list[Series] = field(default_factory=list)
    stats: list[tuple[Floats, Floats, Floats]] = field(default_factory=list)
    bins: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        draw = self.generator
        self.weekday = np.arange(self.days) % 7
        level = np.exp(draw.uniform(np.log(200), np.log(2_000)))
        rhythm = np.exp(draw.normal(0, draw.uniform(0.02, 0.3), 7))[self.weekday]
        expected = (
            level
            * rhythm
            * np.exp(draw.uniform(0.01, 0.12) * self.wander() + draw.uniform(0, 0.06) * self.week())
        )
        self.n = draw.poisson(expected).astype(np.float64)

    def wander(self) -> Floats:
        """A stationary AR(1) of unit variance that remembers a day or two, or nothing."""
        memory = self.generator.choice([0.0, 0.3, 0.6])
        noise = self.generator.standard_normal(self.days)
        out = np.empty(self.days)
        out[0] = noise[0]
        for t in range(1, self.days):
            out[t] = memory * out[t - 1] + np.sqrt(1 - memory**2) * noise[t]
        return out

    def week(self) -> Floats:
        """A level for each week, of unit variance: the year's course, its weeks in any order."""
        return np.asarray(self.generator.standard_normal(self.days // 7 + 1)[np.arange(self.days) // 7])

    def put(
        self,
        metric: str,
        column: str,
        kind: Kind,
        n: Floats,
        x: Floats,
        xx: Floats,
        family: Family = "inputs",
        term: str = "",
    ) -> None:
        self.series.append(Series(metric, column, "*", term, kind, family))
        self.stats.append((n, x, xx))

    def shares(self, size: int, season: float, noise: float, storms: float = 0.0) -> Floats:
        """[days, size]: the chance of each bin on each day."""
        draw = self.generator
        slope = np.linspace(-1, 1, size)
        odds = (
            np.log(draw.dirichlet(np.full(size, 2.0)) + 1e-4)
            + season * draw.normal(size=(7, size))[self.weekday]
        )
        odds = odds + noise * self.wander()[:, None] * slope
        odds = odds + noise * self.wander()[:, None] * draw.normal(size=size)
        odds = odds + draw.uniform(0, 1.0) * noise * self.week()[:, None] * draw.normal(size=size)
        if storms:
            # A bad day in ten, some of them very bad; what is left of it shows the next day.
            bad = storms * draw.exponential(size=self.days) * (draw.random(self.days) < 0.1)
            bad[1:] += 0.4 * bad[:-1]
            odds = odds + bad[:, None] * slope
        odds = np.exp(odds - odds.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def counts(self, shares: Floats, regular: float = 0.0) -> npt.NDArray[np.int64]:
        """Counts of each day; a part `regular` of the records is the same every day, as in a timetable."""
        n = self.n.astype(np.int64)
        planned = np.floor(regular * self.n[:, None] * shares).astype(np.int64)
        return np.asarray(planned + self.generator.multinomial(n - planned.sum(axis=1), shares))

    def moved(self, counts: npt.NDArray[np.int64], share: float, to: int) -> npt.NDArray[np.int64]:
        """The counts with a share of the records of the changed days moved into bin `to`."""
        out = counts.copy()
        taken = self.other.binomial(out[self.changed], share)
        out[self.changed] -= taken
        out[self.changed, to] += taken.sum(axis=1)
        return out

    def number(self, name: str, shares: Floats, regular: float = 0.0) -> None:
        counts = self.counts(shares, regular)
        if self.injection == "shift" and name == "stormy 0":
            # Six values in ten one group up: about 0.1 standard deviations.
            up = self.other.binomial(counts[self.changed, :-1], 0.6)
            counts[self.changed, :-1] -= up
            counts[self.changed, 1:] += up
        counts = np.concatenate([counts, np.zeros((self.days, 1), np.int64)], axis=1)
        if self.injection == "zeroed" and name == "timetable 0":
            counts = self.moved(counts, 0.02, GROUPS)
        zero = np.zeros(self.days)
        self.bins[len(self.series)] = counts
        self.put("jsd", name, "distribution", self.n, zero, zero)
        values = np.where(_POSITIONS == GROUPS, 0.0, 5.0 + _POSITIONS)
        tall = counts.astype(np.float64)
        self.put("mean", name, "mean", self.n, tall @ values, tall @ np.square(values))
        for metric in ("null_rate", "type_failure_rate", "non_finite_rate"):
            self.put(metric, name, "rate", self.n, zero, zero, "quality")

    def category(self, name: str, shares: Floats, regular: float = 0.0) -> None:
        counts = self.counts(shares, regular)
        if self.injection == "relabelled" and name == "levels 11":
            counts = self.moved(counts, 0.08, int(np.argsort(counts.sum(axis=0))[-3]))
        # What the reference never held is unseen; a tenth of the levels comes and goes by the week.
        known = counts[:REFERENCE_DAYS].sum(axis=0) > 0
        unseen = counts[:, ~known].sum(axis=1, keepdims=True)
        counts = np.concatenate([counts[:, known], unseen], axis=1)
        if self.injection == "unseen" and name == "levels 11":
            counts = self.moved(counts, 0.02, counts.shape[1] - 1)
        zero = np.zeros(self.days)
        self.bins[len(self.series)] = counts
        self.put("jsd", name, "distribution", self.n, zero, zero)
        self.put("unseen_rate", name, "rate", self.n, counts[:, -1].astype(np.float64), zero)
        mass = counts[:REFERENCE_DAYS].sum(axis=0)
        for value in np.argsort(-mass[:-1], kind="stable")[:10]:
            self.put(
                "value_share",
                name,
                "rate",
                self.n,
                counts[:, value].astype(np.float64),
                zero,
                term=str(value),
            )
        for metric in ("null_rate", "type_failure_rate"):
            self.put(metric, name, "rate", self.n, zero, zero, "quality")


def generate(
    seed: int, days: int = 2 * REFERENCE_DAYS, injection: str | None = None, change: int = REFERENCE_DAYS
) -> Observations:
    """One stream; with an injection (one of INJECTIONS) from day `change` on, else without a change."""
    made = _Days(
        np.random.default_rng([seed, 11]),
        np.random.default_rng([seed, 13]),
        days,
        slice(change, None),
        injection,
    )
    draw = made.generator
    zero = np.zeros(days)
    made.put("volume", "", "volume", made.n, made.n, zero, "volume")
    made.put("duplicate_id_rate", "", "rate", made.n, zero, zero, "quality")
    for i in range(WANDERING):
        made.number(f"wandering {i}", made.shares(GROUPS, draw.uniform(0, 0.4), draw.uniform(0, 0.15)))
    for i in range(STORMY):
        made.number(
            f"stormy {i}", made.shares(GROUPS, draw.uniform(0, 0.2), 0.1, storms=draw.uniform(0.5, 2))
        )
    for i in range(TIMETABLES):
        made.number(f"timetable {i}", made.shares(GROUPS, 0.1, 0.03), regular=draw.uniform(0.3, 0.9))
    for size in LEVELS:
        made.category(f"levels {size}", made.shares(size, draw.uniform(0, 0.4), draw.uniform(0, 0.1)))
    made.category("passing levels", _passing(made))
    start = ORIGIN_US + np.arange(days, dtype=np.int64) * DAY_US
    n, x, xx = (np.stack(part, axis=1) for part in zip(*made.stats, strict=True))
    return Observations(tuple(made.series), start, n, x, xx, made.bins)


def _passing(made: _Days) -> Floats:
    """[days, 60]: forty steady levels, twenty rare ones of which some weeks have a few."""
    draw, size = made.generator, 60
    base = np.concatenate([draw.dirichlet(np.full(40, 3.0)), draw.uniform(0, 0.003, 20)])
    week = np.arange(made.days) // 7
    here = draw.random((week.max() + 1, size)) < draw.uniform(0.1, 0.6)
    here[:, :40] = True
    shares = base * here[week]
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
