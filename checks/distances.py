"""How far two count vectors are apart, and how far apart chance alone puts them.

Every distance takes (reference, current): non-negative counts of shape [..., B] over the same B bins, whose
leading axes broadcast, and returns float64[...]. A side without a single count has no distribution: the
answer there is NaN, never 0. Shares are counts divided by their row sum; nothing else is rescaled.
Logarithms are natural.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LN2 = float(np.log(2.0))


def _shares(counts: npt.ArrayLike, pseudo_count: float = 0.0) -> Floats:
    """[..., B] shares; rows without counts become NaN, whatever the pseudo-count."""
    values = np.asarray(counts, dtype=np.float64)
    total = values.sum(axis=-1, keepdims=True)
    padded = total + pseudo_count * values.shape[-1]
    divisor = np.where(total > 0, padded, np.nan)
    return (values + pseudo_count) / divisor


def _total(terms: Floats) -> Floats:
    """Sum over the bins."""
    return np.asarray(terms.sum(axis=-1), dtype=np.float64)


def _relative_entropy_terms(p: Floats, q: Floats) -> Floats:
    """p·ln(p/q) with 0·ln(0/q) = 0 and p·ln(p/0) = inf; NaN stays NaN."""
    p, q = np.broadcast_arrays(p, q)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p == 0, p * q * 0.0, p * np.log(p / q))


def jsd(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    """Jensen-Shannon divergence in nats, 0..ln 2 (Lin 1991). Symmetric, finite, needs no smoothing."""
    return _total(jsd_terms(reference, current))


def jsd_terms(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    """What each bin adds to the Jensen-Shannon divergence: [..., B], each >= 0, summing to `jsd`.

    The decomposition that a JSD word shift uses (Gallagher et al. 2021): which bins moved, and by how much.
    """
    p, q = _shares(reference), _shares(current)
    middle = (p + q) / 2
    terms = (_relative_entropy_terms(p, middle) + _relative_entropy_terms(q, middle)) / 2
    # Rounding leaves -1e-20 where p is q up to the last bit.
    return np.maximum(terms, 0.0)


def js_distance(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    """Square root of `jsd`: a metric, 0..0.8326 (Endres and Schindelin 2003)."""
    return np.sqrt(jsd(reference, current))


def psi(reference: npt.ArrayLike, current: npt.ArrayLike, *, pseudo_count: float = 0.5) -> Floats:
    """Population stability index Σ(p − q)·ln(p/q), >= 0.

    `pseudo_count` is added to every bin of both sides, so that a bin that is empty on one side costs an
    amount that depends on how much data there was and not on an arbitrary floor. With 0 such a bin gives
    inf.
    """
    p, q = _shares(reference, pseudo_count), _shares(current, pseudo_count)
    return _total(_relative_entropy_terms(p, q) + _relative_entropy_terms(q, p))


def kl(reference: npt.ArrayLike, current: npt.ArrayLike, *, pseudo_count: float = 0.5) -> Floats:
    """Kullback-Leibler divergence KL(reference ‖ current) in nats, >= 0; `pseudo_count` as in `psi`."""
    p, q = _shares(reference, pseudo_count), _shares(current, pseudo_count)
    return np.maximum(_total(_relative_entropy_terms(p, q)), 0.0)


def hellinger(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    """Hellinger distance √(½·Σ(√p − √q)²), 0..1. (1 − Σ√(pq) is the same number and cancels near 0.)"""
    difference = np.sqrt(_shares(reference)) - np.sqrt(_shares(current))
    return np.sqrt(_total(np.square(difference)) / 2)


def total_variation(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    """Total variation distance ½·Σ|p − q|, 0..1: the share of records that changed bin."""
    return _total(np.abs(_shares(reference) - _shares(current))) / 2


def ks(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    """Kolmogorov-Smirnov statistic max|F − G| at the bin edges, 0..1; the bins must be in ascending order.

    At most the largest share of a bin smaller than the statistic of the raw values.
    """
    return np.asarray(np.abs(_cumulative_gap(reference, current)).max(axis=-1))


def wasserstein(reference: npt.ArrayLike, current: npt.ArrayLike, positions: npt.ArrayLike) -> Floats:
    """First Wasserstein distance ∫|F − G| of point masses at `positions` (float[B], ascending).

    Raises ValueError if the positions are not B finite, ascending numbers.
    """
    places = np.asarray(positions, dtype=np.float64)
    gap = _cumulative_gap(reference, current)
    if places.shape != gap.shape[-1:] or not np.isfinite(places).all() or (np.diff(places) < 0).any():
        raise ValueError(f"positions must be {gap.shape[-1]} finite numbers in ascending order")
    return _total(np.abs(gap[..., :-1]) * np.diff(places))


def _cumulative_gap(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    return np.cumsum(_shares(reference), axis=-1) - np.cumsum(_shares(current), axis=-1)


def g_statistic(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    """Two-sample likelihood-ratio statistic of the 2 × B table, >= 0 (Sokal and Rohlf, Biometry, ch. 17).

    Both sides are samples: 2·(n₁·KL(p ‖ pooled) + n₂·KL(q ‖ pooled)), under no drift about χ² with
    `degrees_of_freedom`.
    """
    first, second = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    pooled = _shares(first + second)
    n1, n2 = first.sum(axis=-1), second.sum(axis=-1)
    from_first = _total(_relative_entropy_terms(_shares(first), pooled))
    from_second = _total(_relative_entropy_terms(_shares(second), pooled))
    return np.maximum(2.0 * (np.asarray(n1) * from_first + np.asarray(n2) * from_second), 0.0)


def degrees_of_freedom(reference: npt.ArrayLike, current: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Bins used by either side, less one: int64[...] >= 0."""
    used = np.count_nonzero(np.add(reference, current), axis=-1)
    return np.maximum(np.asarray(used, dtype=np.int64) - 1, 0)


def g_p_value(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
    """Chance of a `g_statistic` at least this large if both sides are independent draws of one distribution.

    1 where only one bin is used (nothing can differ), NaN where a side is empty.
    """
    from scipy.special import chdtrc

    statistic, freedom = g_statistic(reference, current), degrees_of_freedom(reference, current)
    p = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), statistic), 1.0)
    return np.where(np.isnan(statistic), np.nan, p)


# ----- what chance alone gives ------------------------------------------------------------------------------

# The table below: expected messages per bin on the smaller side, and smaller n / larger n.
_TABLE_LAMBDA = np.geomspace(1e-3, 100.0, 51)
_TABLE_RATIO = np.array([0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0])


def expected_jsd(probabilities: npt.ArrayLike, n1: npt.ArrayLike, n2: npt.ArrayLike) -> Floats:
    """Mean `jsd` (nats) of two independent multinomial draws of n1 and n2 records from one distribution.

    `probabilities` is [..., B] and is normalised; n1 and n2 broadcast with its leading axes and may be
    fractions (effective sizes) or inf (a distribution known exactly). Returns float64[...], NaN where an n
    is not positive.

    The mean of a sum is the sum of the means, so each bin is taken alone: with many records per bin it
    gives (1 − p)/8·(1/n₁ + 1/n₂), which adds up to the textbook (K − 1)/8·(1/n₁ + 1/n₂); with few it is
    summed over the Poisson counts the bin can have. Within 4 % of simulated draws from n = 10 upwards,
    whatever the shape.
    """
    p = _shares(probabilities)
    sizes = np.broadcast_arrays(np.asarray(n1, dtype=np.float64), np.asarray(n2, dtype=np.float64))
    smaller, larger = np.minimum(*sizes), np.maximum(*sizes)
    with np.errstate(divide="ignore", invalid="ignore"):
        smaller = np.where(smaller > 0, smaller, np.nan)
        ratio = np.where(np.isinf(smaller), 1.0, smaller / larger)
        means = np.where(p > 0, p * smaller[..., None], 0.0)
        per_bin = _scaled_divergence(means, ratio[..., None]) * (1 - p) / smaller[..., None]
    return np.where(np.isinf(smaller), 0.0, _total(per_bin))


def _scaled_divergence(means: Floats, ratio: Floats) -> Floats:
    """Smaller n × the expected JSD term of a bin that expects `means` records there, from the table."""
    table = _divergence_table()
    means, ratio = np.broadcast_arrays(means, ratio)
    step = np.log(_TABLE_LAMBDA[1] / _TABLE_LAMBDA[0])
    inside = np.clip(means, _TABLE_LAMBDA[0], _TABLE_LAMBDA[-1])
    row = np.log(inside / _TABLE_LAMBDA[0]) / step
    low_row = np.clip(np.nan_to_num(row).astype(np.intp), 0, len(_TABLE_LAMBDA) - 2)
    low_column = np.clip(np.searchsorted(_TABLE_RATIO, ratio, side="right") - 1, 0, len(_TABLE_RATIO) - 2)
    width = _TABLE_RATIO[low_column + 1] - _TABLE_RATIO[low_column]
    right = (ratio - _TABLE_RATIO[low_column]) / width
    below = row - low_row
    upper = table[low_row, low_column] * (1 - right) + table[low_row, low_column + 1] * right
    lower = table[low_row + 1, low_column] * (1 - right) + table[low_row + 1, low_column + 1] * right
    value = upper * (1 - below) + lower * below
    # Below the table a bin holds one record or none: proportional to its mean. Above it the limit holds.
    value = np.where(means < _TABLE_LAMBDA[0], value * means / _TABLE_LAMBDA[0], value)
    return np.where(means > _TABLE_LAMBDA[-1], (1 + ratio) / 8, value)


@cache
def _divergence_table() -> Floats:
    """[λ, r]: E ½[a·ln(2a/(a+Y)) + Y·ln(2Y/(a+Y))] with Y ~ Poisson(λ), a = r·X, X ~ Poisson(λ/r)."""
    table = np.empty((len(_TABLE_LAMBDA), len(_TABLE_RATIO)))
    for row, mean in enumerate(_TABLE_LAMBDA):
        current, current_weight = _poisson_nodes(mean)
        for column, ratio in enumerate(_TABLE_RATIO):
            if ratio == 0:
                reference, reference_weight = np.array([mean]), np.array([1.0])
            else:
                counts, reference_weight = _poisson_nodes(mean / ratio)
                reference = ratio * counts
            a, y = reference[:, None], current[None, :]
            middle = (a + y) / 2
            terms = (_relative_entropy_terms(a, middle) + _relative_entropy_terms(y, middle)) / 2
            table[row, column] = reference_weight @ np.nan_to_num(terms) @ current_weight
    return table


def _poisson_nodes(mean: float) -> tuple[Floats, Floats]:
    """Values and weights that integrate a smooth function of a Poisson count (24 of them if it is large)."""
    if mean > 60:
        points, weights = np.polynomial.hermite_e.hermegauss(24)
        # The square root of a Poisson count is close to normal with sd 1/2.
        values = np.square(np.maximum(np.sqrt(mean) + points / 2, 0.0)) - 0.25
        return np.maximum(values, 0.0), weights / weights.sum()
    counts = np.arange(int(mean + 10 * np.sqrt(mean) + 12), dtype=np.float64)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(counts[1:]))])
    return counts, np.exp(counts * np.log(mean) - mean - log_factorial)


def expected_psi(
    probabilities: npt.ArrayLike,
    n1: float,
    n2: float,
    *,
    pseudo_count: float = 0.5,
    draws: int = 2000,
    seed: int = 0,
) -> float:
    """Mean `psi` of two independent multinomial draws of n1 and n2 records from one float[B] distribution.

    (K − 1)·(1/n₁ + 1/n₂), with K the bins of positive probability, if even the rarest of them expects 5
    records on both sides; else the mean of `draws` simulated pairs from `seed` (the same answer every
    time). NaN where an n is less than 1.
    """
    p = _shares(probabilities)
    used = int((p > 0).sum())
    if not (n1 >= 1 and n2 >= 1 and used):
        return float("nan")
    if min(n1, n2) * p[p > 0].min() >= 5:
        return (used - 1) * (1 / n1 + 1 / n2)
    generator = np.random.default_rng(seed)
    first = generator.multinomial(int(n1), p, size=draws)
    second = generator.multinomial(int(n2), p, size=draws)
    return float(psi(first, second, pseudo_count=pseudo_count).mean())
