"""Thousands of made-up histories of eight shapes: how often the p of one new window is below its level.

Fourteen weeks of days, then a window without a change; every history is a series of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from checks.baseline import fit_with_null, score
from checks.seasons import DAY_US, WEEK_US, Calendar
from checks.series import Kind, Observations, Series
from tests.bench.decision.common import Figure

Floats = npt.NDArray[np.float64]
Made = tuple[Kind, Floats, Floats, Floats]  # kind, n, x, xx: float64[DAYS, histories] each

DAYS = 14 * 7 + 1  # the last is the window that is judged, a Monday
CALENDAR = Calendar(DAY_US, "UTC")
ORIGIN_US = 2_600 * WEEK_US + 4 * DAY_US
LEVELS = (0.02, 0.005)
# One fit holds this many histories: a fit's threshold is not what is asked here, and costs more with each.
AT_ONCE = 500
LEAST_FOUND = 0.95
RECENT = slice(DAYS - 1 - 28, DAYS - 1)

Generator = np.random.Generator


def _volume(expected: Floats, draw: Generator) -> Made:
    x = draw.poisson(expected).astype(np.float64)
    return "volume", x, x, np.zeros_like(x)


def _rate(n: float, share: Floats, draw: Generator) -> Made:
    x = draw.binomial(int(n), np.clip(share, 0, 1)).astype(np.float64)
    return "rate", np.full_like(x, n), x, np.zeros_like(x)


def _mean(level: Floats, draw: Generator) -> Made:
    """Two thousand values of unit variance in each window."""
    n = np.full_like(level, 2_000.0)
    mean = level + draw.normal(size=level.shape) / np.sqrt(n)
    return "mean", n, n * mean, n * (1 + np.square(mean))


def _noise(size: int, draw: Generator, scale: float) -> Floats:
    return np.asarray(np.exp(scale * draw.normal(size=(DAYS, size))))


def _weekly(size: int, draw: Generator) -> Made:
    rhythm = np.array([1.0, 1.05, 1.02, 0.98, 0.95, 0.5, 0.45])[np.arange(DAYS) % 7]
    return _volume(2_000 * rhythm[:, None] * _noise(size, draw, 0.05), draw)


def _trend(size: int, draw: Generator) -> Made:
    """Two thirds more in a hundred days."""
    return _volume(1_000 * np.exp(0.005 * np.arange(DAYS))[:, None] * _noise(size, draw, 0.05), draw)


def _autocorrelated(size: int, draw: Generator) -> Made:
    noise = draw.normal(size=(DAYS, size))
    level = noise.copy()
    for day in range(1, DAYS):
        level[day] = 0.7 * level[day - 1] + np.sqrt(1 - 0.49) * noise[day]
    return _mean(10 + 0.2 * level, draw)


def _zero_inflated(size: int, draw: Generator) -> Made:
    share = np.where(draw.random((DAYS, size)) < 0.6, 0.0, draw.gamma(2.0, 0.005, (DAYS, size)))
    return _rate(2_000, share, draw)


SHAPES: Mapping[str, Callable[[int, Generator], Made]] = {
    "flat": lambda size, draw: _volume(1_000 * _noise(size, draw, 0.05), draw),
    "trend": _trend,
    "weekly": _weekly,
    "heavy tail": lambda size, draw: _mean(10 + 0.2 * draw.standard_t(3, size=(DAYS, size)), draw),
    "rare events": lambda size, draw: _rate(2_000, np.full((DAYS, size), 0.0005), draw),
    "zero-inflated": _zero_inflated,
    "bounded share": lambda size, draw: _rate(500, draw.beta(190, 10, (DAYS, size)), draw),
    "autocorrelated": _autocorrelated,
}


def figures(histories: int) -> Iterator[Figure]:
    """The share of false alarms per shape and level, and of Mondays with 30 % less volume that are found."""
    for number, (name, shape) in enumerate(SHAPES.items()):
        p = np.concatenate(
            [
                _p_of_the_last(shape(AT_ONCE, np.random.default_rng([number, first])))
                for first in range(0, histories, AT_ONCE)
            ]
        )[:histories]
        for level in LEVELS:
            bar = level + 3 * np.sqrt(level * (1 - level) / len(p))
            what = f"shapes: {name}, {len(p):,} histories: p below {level}"
            yield Figure(what, float((p < level).mean()), bar, at_most=True)
    p = np.concatenate(
        [
            _p_of_the_last(_less(_weekly(AT_ONCE, np.random.default_rng([99, first]))))
            for first in range(0, histories, AT_ONCE)
        ]
    )[:histories]
    what = f"shapes: 30 % less volume on a Monday: p below {LEVELS[-1]}"
    yield Figure(what, float((p < LEVELS[-1]).mean()), LEAST_FOUND)


def _less(made: Made) -> Made:
    kind, _, x, xx = made
    x = x.copy()
    x[-1] = np.round(0.7 * x[-1])
    return kind, x, x, xx


def _p_of_the_last(made: Made) -> Floats:
    """float64[histories]: the p of the last window, by a reference of those before and their last four weeks."""
    kind, n, x, xx = made
    series = tuple(
        Series("metric", "column", "*" if kind != "volume" else f"s={i}", str(i), kind, "inputs")
        for i in range(n.shape[1])
    )
    start = ORIGIN_US + np.arange(DAYS, dtype=np.int64) * DAY_US
    obs = Observations(series, start, n, x, xx, {})
    baseline = fit_with_null(obs.rows(slice(0, DAYS - 1)), CALENDAR).baseline
    return np.asarray(score(baseline, obs.rows(slice(DAYS - 1, DAYS)), obs.rows(RECENT)).p[0])
