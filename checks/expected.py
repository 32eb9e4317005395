"""What reference windows say a window should hold: sums per place in the week, and levels predicted from
them.

Predictions for a reference window itself are made from the *other* blocks only, here and everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.seasons import Blocks, Calendar, Season, classes
from checks.series import Observations, Series

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

SAME_SEASON_WEIGHT = (
    0.8  # of rates and distributions; volumes and means differ too much between seasons to pool
)

# The finest season is taken only where it cuts the leave-one-block-out loss by this much: it has the fewest
# windows per class, and a class learnt from two of them alarms on the third.
FINEST_SEASON_GAIN = 0.15
COARSE_SEASON_GAIN = 0.01


@dataclass(frozen=True)
class Kinds:
    """Series numbers by kind, ascending."""

    volume: Ints
    rate: Ints
    mean: Ints
    distribution: Ints

    @classmethod
    def of(cls, series: tuple[Series, ...]) -> Kinds:
        def numbers(kind: str) -> Ints:
            return np.array([i for i, s in enumerate(series) if s.kind == kind], dtype=np.intp)

        return cls(numbers("volume"), numbers("rate"), numbers("mean"), numbers("distribution"))


@dataclass(frozen=True)
class Sums:
    """Sums over windows, each float64[..., S]: how many were observed, Σn, Σx, and Σ(xx − x²/n) within
    windows."""

    windows: Floats
    n: Floats
    x: Floats
    within: Floats

    def at(self, index: int | Ints) -> Sums:
        """One entry, or some, of the first axis."""
        return Sums(self.windows[index], self.n[index], self.x[index], self.within[index])

    def of_series(self, columns: Ints) -> Sums:
        """Some of the last axis."""
        return Sums(
            self.windows[..., columns], self.n[..., columns], self.x[..., columns], self.within[..., columns]
        )

    def __sub__(self, other: Sums) -> Sums:
        return Sums(
            self.windows - other.windows, self.n - other.n, self.x - other.x, self.within - other.within
        )

    def total(self) -> Sums:
        """Summed over the first axis."""
        return Sums(self.windows.sum(0), self.n.sum(0), self.x.sum(0), self.within.sum(0))


def observed(obs: Observations, kinds: Kinds) -> npt.NDArray[np.bool_]:
    """bool[W, S]: whether a window says anything of a series. No records is a volume of zero, not a gap."""
    sound = np.isfinite(obs.n) & np.isfinite(obs.x) & np.isfinite(obs.xx) & (obs.n >= 0)
    seen = sound & (obs.n > 0)
    seen[:, kinds.volume] = sound[:, kinds.volume]
    return seen


def tally(obs: Observations, kinds: Kinds, cell: Ints, block: Blocks, cells: int) -> Sums:
    """[K, C, S]: the sums of every block and cell."""
    seen = observed(obs, kinds)
    shape = (block.count, cells, len(obs.series))
    sums = Sums(*(np.zeros(shape) for _ in range(4)))
    n, x = np.where(seen, obs.n, 0.0), np.where(seen, obs.x, 0.0)
    within = np.where(seen & (obs.n > 1), obs.xx - np.square(x) / np.maximum(n, 1), 0.0)
    for w, (k, c) in enumerate(zip(block.of, cell, strict=True)):
        sums.windows[k, c] += seen[w]
        sums.n[k, c] += n[w]
        sums.x[k, c] += x[w]
        # Rounding can leave -1e-12 where all values are the same.
        sums.within[k, c] += np.maximum(within[w], 0.0)
    return sums


@dataclass(frozen=True)
class Folded:
    """Sums by season: `same` [C, S] holds at each cell the sums of its class, `pooled` [S] those of all
    cells."""

    same: Sums
    pooled: Sums

    def of_series(self, columns: Ints) -> Folded:
        """Some of the series."""
        return Folded(self.same.of_series(columns), self.pooled.of_series(columns))


def fold(sums: Sums, season: npt.NDArray[np.int8], slots: int) -> Folded:
    """Sums [C, S] folded by the season of each series, int8[S].

    A class without a window is answered by the same hour of any day, and failing that by all windows:
    Saturday 04:00 is more like other nights than like the mean of the day.
    """
    pooled = sums.total()
    same = Sums(*(np.empty_like(sums.n) for _ in range(4)))
    by_hour = _by_class(sums, Season.HOUR, slots)
    for kind in np.unique(season):
        columns = np.flatnonzero(season == kind)
        own = _by_class(sums.of_series(columns), Season(kind), slots)
        hour, everything = by_hour.of_series(columns), pooled.of_series(columns)
        for name in ("windows", "n", "x", "within"):
            fallback = np.where(hour.windows > 0, getattr(hour, name), getattr(everything, name))
            getattr(same, name)[:, columns] = np.where(own.windows > 0, getattr(own, name), fallback)
    return Folded(same, pooled)


def _by_class(sums: Sums, season: Season, slots: int) -> Sums:
    """At each cell the sums of all cells of its class, [C, S]."""
    label = classes(season, slots)
    parts = []
    for values in (sums.windows, sums.n, sums.x, sums.within):
        summed = np.zeros((label.max() + 1, values.shape[1]))
        np.add.at(summed, label, values)
        parts.append(summed[label])
    return Sums(*parts)


@dataclass(frozen=True)
class Level:
    """The predicted level of windows and how well the reference knows it, each float64[W, S].

    mean              volume: records; rate: share; mean: mean value
    sampling          variance of the prediction that counts leave, in the unit of the kind's dispersion
    between           the same that windows leave: times the dispersion, the variance from having few windows
    """

    mean: Floats
    sampling: Floats
    between: Floats

    def rows(self, index: slice) -> Level:
        """Those of some of the windows."""
        return Level(self.mean[index], self.sampling[index], self.between[index])


def level(folded: Folded, kinds: Kinds, cell: Ints, season: npt.NDArray[np.int8]) -> Level:
    """What windows at int[W] cells should hold. Volumes and means come from the same season alone."""
    same, pooled = folded.same.at(cell), folded.pooled
    mean = np.zeros((len(cell), len(season)))
    sampling, between = np.ones_like(mean), np.ones_like(mean)

    v = kinds.volume
    mean[:, v] = (same.x[:, v] + 0.5) / np.maximum(same.windows[:, v], 1)
    sampling[:, v] = 1 / (same.x[:, v] + 0.5)
    between[:, v] = 1 / np.maximum(same.windows[:, v], 1)

    m = kinds.mean
    mean[:, m] = same.x[:, m] / np.maximum(same.n[:, m], 1)
    sampling[:, m] = 1 / np.maximum(same.n[:, m], 1)
    between[:, m] = 1 / np.maximum(same.windows[:, m], 1)

    r = kinds.rate
    share = (pooled.x[r] + 0.5) / (pooled.n[r] + 1)
    # Pseudo-count 1 in all, towards the pooled share: half a message in a class of 50 would be 1 %.
    in_season = (same.x[:, r] + share) / (same.n[:, r] + 1)
    weight = np.where(season[r] == Season.NONE, 0.0, SAME_SEASON_WEIGHT)
    mean[:, r] = np.clip(weight * in_season + (1 - weight) * share, 1e-9, 1 - 1e-9)
    own, rest = np.square(weight), 1 - np.square(weight)
    sampling[:, r] = own / (same.n[:, r] + 1) + rest / (pooled.n[r] + 1)
    between[:, r] = own / np.maximum(same.windows[:, r], 1) + rest / np.maximum(pooled.windows[r], 1)
    return Level(mean, sampling, between)


def left_out_level(
    sums: Sums, kinds: Kinds, cell: Ints, block: Blocks, season: npt.NDArray[np.int8]
) -> Level:
    """[W, S]: each reference window predicted from the blocks it is not in; sums [K, C, S]."""
    slots = sums.n.shape[1] // 7
    total = sums.total()
    shape = (len(cell), len(season))
    out = Level(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    for k in range(block.count):
        mine = np.flatnonzero(block.of == k)
        part = level(fold(total - sums.at(k), season, slots), kinds, cell[mine], season)
        out.mean[mine], out.sampling[mine], out.between[mine] = part.mean, part.sampling, part.between
    return out


# ----- which season -----------------------------------------------------------------------------------------


def choose(losses: dict[Season, Floats]) -> npt.NDArray[np.int8]:
    """The season per series from leave-one-block-out losses float64[S] of each candidate."""
    size = len(next(iter(losses.values())))
    best = np.full(size, int(Season.NONE), dtype=np.int8)
    lowest = losses[Season.NONE].copy()
    plain = lowest.copy()
    for season in (Season.HOUR, Season.WEEKDAY, Season.WEEKEND_HOUR):
        if season in losses:
            better = (losses[season] < lowest) & (losses[season] < (1 - COARSE_SEASON_GAIN) * plain)
            best[better], lowest[better] = int(season), losses[season][better]
    if Season.WEEKDAY_HOUR in losses:
        finest = losses[Season.WEEKDAY_HOUR] < (1 - FINEST_SEASON_GAIN) * lowest
        best[finest] = int(Season.WEEKDAY_HOUR)
    return best


def choose_seasons(
    obs: Observations, kinds: Kinds, sums: Sums, cell: Ints, block: Blocks, calendar: Calendar
) -> npt.NDArray[np.int8]:
    """int8[S]: the season of every series, by the block left out. Sums are [K, C, S]."""
    seen = observed(obs, kinds)
    size = len(obs.series)
    losses: dict[Season, Floats] = {}
    for season in calendar.candidates():
        predicted = left_out_level(sums, kinds, cell, block, np.full(size, int(season), dtype=np.int8)).mean
        losses[season] = np.where(seen, _loss(obs, kinds, predicted), 0.0).sum(axis=0)
        for s in kinds.distribution:
            losses[season][s] = _distribution_loss(obs.bins[int(s)], cell, block, season, calendar)
    return choose(losses)


def _loss(obs: Observations, kinds: Kinds, predicted: Floats) -> Floats:
    """[W, S]: squared error of root volumes, binomial deviance of rates, weighted squared error of means."""
    from scipy.special import xlogy

    out = np.zeros_like(predicted)
    v, r, m = kinds.volume, kinds.rate, kinds.mean
    out[:, v] = np.square(np.sqrt(np.maximum(obs.x[:, v], 0)) - np.sqrt(predicted[:, v]))
    x, n, p = obs.x[:, r], np.maximum(obs.n[:, r], 1e-300), predicted[:, r]
    out[:, r] = xlogy(x, x / (n * p)) + xlogy(n - x, (n - x) / (n * (1 - p)))
    count = np.maximum(obs.n[:, m], 1e-300)
    out[:, m] = count * np.square(obs.x[:, m] / count - predicted[:, m])
    return out


# ----- distributions ----------------------------------------------------------------------------------------


def counts_by_class(bins: npt.NDArray[np.int64], label: Ints, size: int) -> npt.NDArray[np.int64]:
    """int64[size, B]: the counts int64[W, B] summed by the class int[W] of their window."""
    out = np.zeros((size, bins.shape[1]), dtype=np.int64)
    np.add.at(out, label, bins)
    return out


def base(by_class: Floats | npt.NDArray[np.int64], label: Ints, season: int) -> tuple[Floats, Floats]:
    """The expected shares float64[W, B] of windows of class int[W], and the records float64[W] they stand on.

    0.8 · same season + 0.2 · pooled, each with pseudo-counts of 1 in all.
    """
    width = by_class.shape[1]
    pooled = by_class.sum(axis=0)
    total = pooled.sum()
    shares = (pooled + 1 / width) / (total + 1)
    if season == Season.NONE:
        return np.broadcast_to(shares, (len(label), width)), np.full(len(label), float(max(total, 1)))
    own = by_class[label]
    size = own.sum(axis=1)
    in_season = (own + 1 / width) / (size + 1)[:, None]
    weight = np.where(size > 0, SAME_SEASON_WEIGHT, 0.0)[:, None]
    variance = np.square(weight[:, 0]) / np.maximum(size, 1) + (1 - np.square(weight[:, 0])) / max(total, 1)
    return weight * in_season + (1 - weight) * shares, 1 / variance


def left_out_base(
    bins: npt.NDArray[np.int64], cell: Ints, block: Blocks, season: int, slots: int
) -> tuple[Floats, Floats]:
    """`base` of every reference window from the blocks it is not in: float64[W, B] and float64[W]."""
    label_of = classes(Season(season), slots)
    label, size = label_of[cell], int(label_of.max()) + 1
    by_block = counts_by_class(bins, block.of * size + label, block.count * size)
    by_block = by_block.reshape(block.count, size, bins.shape[1])
    total = by_block.sum(axis=0)
    shares, records = np.empty(bins.shape), np.empty(len(cell))
    for k in range(block.count):
        mine = np.flatnonzero(block.of == k)
        shares[mine], records[mine] = base(total - by_block[k], label[mine], season)
    return shares, records


def _distribution_loss(
    bins: npt.NDArray[np.int64], cell: Ints, block: Blocks, season: Season, calendar: Calendar
) -> float:
    """Multinomial deviance of the windows under their left-out base."""
    from scipy.special import xlogy

    shares, _ = left_out_base(bins, cell, block, int(season), calendar.slots)
    expected = shares * bins.sum(axis=1, keepdims=True)
    return float(xlogy(bins, bins / np.where(expected > 0, expected, 1.0)).sum())
