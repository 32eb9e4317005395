"""The rules that monitors alarm by, as plain functions of daily counts: what driftglass is compared with.

A column is a grid of its distinct values with counts per day, so every distance is the one of the raw values.
Each rule gives alarms bool[days, columns]. They are the peers' formulas with the peers' constants, not their
packages; Evidently's two distances are tested against `checks.evidently_mode`, which is tested against Evidently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks import distances

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LEVEL = 0.05
PSI_BAR = 0.1
# Evidently 0.7 with more than 1,000 reference rows: both distances at 0.1; numbers with at most 5 values count as
# categories.
EVIDENTLY_BAR = 0.1
EVIDENTLY_FEW = 5
SDS = 3.0
QUANTILES = 20


@dataclass(frozen=True)
class Grid:
    """Distinct values of a column, ascending (a category: their numbers), and int64[days, G] counts of them."""

    values: Floats
    counts: npt.NDArray[np.int64]
    number: bool

    def rows(self, index: slice) -> Grid:
        return Grid(self.values, self.counts[index], self.number)


def grid(values: npt.NDArray[np.generic], day: npt.NDArray[np.intp], days: int) -> Grid:
    """The grid of a column from its values and the day of each."""
    number = values.dtype.kind in "iuf"
    distinct, code = np.unique(values if number else values.astype(str), return_inverse=True)
    counts = np.bincount(day * len(distinct) + code, minlength=days * len(distinct)).reshape(
        days, len(distinct)
    )
    places = distinct.astype(np.float64) if number else np.arange(len(distinct), dtype=np.float64)
    return Grid(places, counts, number)


def p_values(reference: Sequence[Grid], days: Sequence[Grid]) -> Floats:
    """float64[days, columns]: Kolmogorov-Smirnov of numbers (Smirnov's limit), G test of categories."""
    from scipy.special import kolmogorov

    out = []
    for known, seen in zip(reference, days, strict=True):
        pooled = known.counts.sum(axis=0)
        if known.number:
            n, m = pooled.sum(), seen.counts.sum(axis=1)
            out.append(kolmogorov(np.sqrt(n * m / (n + m)) * distances.ks(pooled, seen.counts)))
        else:
            out.append(distances.g_p_value(pooled, seen.counts))
    return np.stack(out, axis=1)


def naive(reference: Sequence[Grid], days: Sequence[Grid]) -> Mask:
    """Every column whose p is below .05."""
    return np.asarray(p_values(reference, days) < LEVEL)


def benjamini_hochberg(reference: Sequence[Grid], days: Sequence[Grid]) -> Mask:
    """False discovery rate of .05 over the columns of a day (Benjamini and Hochberg 1995)."""
    p = p_values(reference, days)
    size = p.shape[1]
    ordered = np.sort(p, axis=1)
    below = ordered <= LEVEL * np.arange(1, size + 1) / size
    last = np.where(below.any(axis=1), size - 1 - np.argmax(below[:, ::-1], axis=1), -1)
    limit = np.where(last >= 0, ordered[np.arange(len(p)), last], -1.0)
    return np.asarray(p <= limit[:, None])


def psi(reference: Sequence[Grid], days: Sequence[Grid]) -> Mask:
    """PSI above 0.1, numbers on twenty quantiles of the reference."""
    out = []
    for known, seen in zip(reference, days, strict=True):
        place = _quantiles(known) if known.number else np.arange(len(known.values))
        pooled = _grouped(known.counts.sum(axis=0)[None], place)
        out.append(distances.psi(pooled, _grouped(seen.counts, place)) > PSI_BAR)
    return np.stack(out, axis=1)


def evidently(reference: Sequence[Grid], days: Sequence[Grid]) -> Mask:
    """Evidently's default: Wasserstein in standard deviations, Jensen-Shannon of categories, both at 0.1."""
    return evidently_distances(reference, days) >= EVIDENTLY_BAR


def evidently_distances(reference: Sequence[Grid], days: Sequence[Grid]) -> Floats:
    """float64[days, columns]."""
    out = []
    for known, seen in zip(reference, days, strict=True):
        pooled = known.counts.sum(axis=0)
        if known.number and np.count_nonzero(pooled) > EVIDENTLY_FEW:
            share = pooled / pooled.sum()
            mean = share @ known.values
            sd = np.sqrt(share @ np.square(known.values - mean))
            out.append(distances.wasserstein(pooled, seen.counts, known.values) / max(sd, 0.001))
        else:
            out.append(distances.js_distance(pooled, seen.counts))
    return np.stack(out, axis=1)


def mean_and_sds(reference: Sequence[Grid], days: Sequence[Grid]) -> Mask:
    """NannyML's rule: Jensen-Shannon distance above the mean + 3 sd of the reference's own days."""
    out = []
    for known, seen in zip(reference, days, strict=True):
        place = _quantiles(known) if known.number else np.arange(len(known.values))
        pooled = _grouped(known.counts.sum(axis=0)[None], place)
        own = distances.js_distance(pooled, _grouped(known.counts, place))
        out.append(distances.js_distance(pooled, _grouped(seen.counts, place)) > own.mean() + SDS * own.std())
    return np.stack(out, axis=1)


RULES: Mapping[str, Callable[[Sequence[Grid], Sequence[Grid]], Mask]] = {
    "p < .05": naive,
    "Benjamini-Hochberg": benjamini_hochberg,
    "PSI > 0.1": psi,
    "Evidently's default": evidently,
    "NannyML's mean + 3 sd": mean_and_sds,
}


def _quantiles(known: Grid) -> npt.NDArray[np.intp]:
    """The twentieth of the reference in which each value lies; below and above it are two more."""
    pooled = known.counts.sum(axis=0)
    before = np.cumsum(pooled) - pooled
    place = 1 + np.minimum(QUANTILES * before // max(int(pooled.sum()), 1), QUANTILES - 1)
    used = np.flatnonzero(pooled)
    place[: used[0]], place[used[-1] + 1 :] = 0, QUANTILES + 1
    return np.asarray(place, dtype=np.intp)


def _grouped(counts: npt.NDArray[np.int64], place: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    out = np.zeros((len(counts), int(place.max()) + 1), dtype=np.int64)
    np.add.at(out.T, place, counts.T)
    return out
