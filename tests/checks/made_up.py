"""Observations written by hand: a few series over many windows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from checks.seasons import DAY_US, HOUR_US, WEEK_US, Calendar
from checks.series import ALL, Family, Kind, Observations, Series

MONDAY_US = 2_800 * WEEK_US + 4 * DAY_US

HOURLY = Calendar(HOUR_US, "UTC")
DAILY = Calendar(DAY_US, "UTC")


@dataclass
class Made:
    """Collects series for `windows` windows of `every_us`, then gives Observations."""

    windows: int
    every_us: int = HOUR_US
    start_us: int = MONDAY_US
    seed: int = 0
    series: list[Series] = field(default_factory=list)
    stats: list[tuple[npt.NDArray[np.float64], ...]] = field(default_factory=list)
    bins: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.draw = np.random.default_rng(self.seed)

    @property
    def hour(self) -> npt.NDArray[np.int64]:
        return (self.start_us + np.arange(self.windows) * self.every_us) // HOUR_US % 24

    def volume(self, mean: float | npt.NDArray[np.float64], segment: str = ALL) -> npt.NDArray[np.float64]:
        n = self.draw.poisson(mean, self.windows).astype(np.float64)
        self._put("volume", "", segment, "", "volume", "volume", n, n)
        return n

    def rate(
        self,
        metric: str,
        n: npt.NDArray[np.float64],
        share: float | npt.NDArray[np.float64],
        *,
        family: Family = "quality",
        term: str = "",
        column: str = "text",
        segment: str = ALL,
    ) -> npt.NDArray[np.float64]:
        x = self.draw.binomial(n.astype(np.int64), share).astype(np.float64)
        self._put(metric, column, segment, term, "rate", family, n, x)
        return x

    def mean(
        self, column: str, n: npt.NDArray[np.float64], level: float | npt.NDArray[np.float64] = 10.0
    ) -> None:
        """Values of standard deviation 2 about `level`."""
        average = level + 2 * self.draw.standard_normal(self.windows) / np.sqrt(np.maximum(n, 1))
        self._put("mean", column, ALL, "", "mean", "inputs", n, n * average, n * (np.square(average) + 4))

    def distribution(self, column: str, n: npt.NDArray[np.float64], shares: npt.ArrayLike) -> None:
        self.bins[len(self.series)] = self.draw.multinomial(n.astype(np.int64), np.asarray(shares))
        self._put("jsd", column, ALL, "", "distribution", "inputs", n, np.zeros(self.windows))

    def _put(
        self,
        metric: str,
        column: str,
        segment: str,
        term: str,
        kind: Kind,
        family: Family,
        n: npt.NDArray[np.float64],
        x: npt.NDArray[np.float64],
        xx: npt.NDArray[np.float64] | None = None,
    ) -> None:
        self.series.append(Series(metric, column, segment, term, kind, family))
        self.stats.append((n, x, np.zeros(self.windows) if xx is None else xx))

    def done(self) -> Observations:
        start = self.start_us + np.arange(self.windows, dtype=np.int64) * self.every_us
        n, x, xx = (np.stack(part, axis=1) for part in zip(*self.stats, strict=True))
        return Observations(tuple(self.series), start, n, x, xx, self.bins)


def ordinary(windows: int, *, every_us: int = HOUR_US, seed: int = 0, records: float = 120.0) -> Observations:
    """One series of each kind and a sparse class, with nothing wrong; hourly windows follow the day."""
    made = Made(windows, every_us, seed=seed)
    wave = 1 + 0.5 * np.sin(2 * np.pi * made.hour / 24) if every_us < DAY_US else np.ones(windows)
    n = made.volume(records * wave)
    made.rate("encoding_rate", n, 0.001, family="encoding", term="mojibake")
    made.rate("class_share", n, 0.12, family="predictions", term="toxic", column="decision")
    made.mean("age", n)
    made.distribution("age", n, np.full(10, 0.1))
    return made.done()
