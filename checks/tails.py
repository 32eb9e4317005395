"""Tail probabilities as normal scores: how surprising a count, a volume or a distance is under its null.

Scores are signed (positive = more than expected), z = Φ⁻¹(1 − p) with p the mid-p of the upper tail, and
clipped to ±Z_LIMIT. Small tails are summed or integrated directly and never taken as 1 − cdf.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]

Z_LIMIT = 8.0

# A count is summed term by term up to this variance (about 50 terms a side) and beyond it follows a beta.
_EXACT_VARIANCE = 900.0


def z_of_tails(upper: Floats, lower: Floats) -> Floats:
    """Signed score from the two mid-p tails, taken from the smaller one, so that neither side loses
    digits."""
    from scipy.special import ndtri

    tiny = 1e-300
    up = -ndtri(np.clip(upper, tiny, 0.5))
    down = ndtri(np.clip(lower, tiny, 0.5))
    return np.asarray(np.clip(np.where(upper <= lower, up, down), -Z_LIMIT, Z_LIMIT))


def beta_binomial_z(x: Floats, n: Floats, mean: Floats, rho: Floats) -> Floats:
    """Score of x of n under a beta-binomial of mean in (0, 1) and intra-class correlation rho in (0, 1).

    All float64[...] of one shape; 0 where n = 0. Variance n·mean·(1 − mean)·(1 + (n − 1)·rho). Up to a
    variance of 900 the tail is summed exactly; beyond it x/n is taken as a beta of the same mean and
    variance.
    """
    from scipy.special import betainc, betaincc

    variance = n * mean * (1 - mean) * (1 + np.maximum(n - 1, 0) * rho)
    exact = variance <= _EXACT_VARIANCE
    upper, lower = np.full(x.shape, 0.5), np.full(x.shape, 0.5)
    if exact.any():
        upper[exact], lower[exact] = _beta_binomial_tails(x[exact], n[exact], mean[exact], rho[exact])
    if not exact.all():
        many = ~exact
        m, share = mean[many], np.clip(x[many] / n[many], 1e-12, 1 - 1e-12)
        strength = m * (1 - m) * np.square(n[many]) / variance[many] - 1
        upper[many] = betaincc(m * strength, (1 - m) * strength, share)
        lower[many] = betainc(m * strength, (1 - m) * strength, share)
    return z_of_tails(upper, lower)


@njit(cache=True)
def _log_beta_binomial(x: float, n: float, a: float, b: float) -> float:  # pragma: no cover - compiled
    choose = math.lgamma(n + 1) - math.lgamma(x + 1) - math.lgamma(n - x + 1)
    up = math.lgamma(x + a) + math.lgamma(n - x + b) - math.lgamma(n + a + b)
    return choose + up - (math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b))


@njit(cache=True)
def _beta_binomial_tails(
    xs: Floats, ns: Floats, means: Floats, rhos: Floats
) -> tuple[Floats, Floats]:  # pragma: no cover - compiled
    """Mid-p tails; the far side of the mean is summed outwards from x until terms vanish."""
    upper, lower = np.empty(len(xs)), np.empty(len(xs))
    for i in range(len(xs)):
        x, n = xs[i], ns[i]
        if n <= 0:
            upper[i], lower[i] = 0.5, 0.5
            continue
        strength = 1.0 / rhos[i] - 1.0
        a, b = means[i] * strength, (1.0 - means[i]) * strength
        here = math.exp(_log_beta_binomial(x, n, a, b))
        tail, term, k = 0.5 * here, here, x
        if x >= n * means[i]:
            while k < n and term > 1e-18 * tail:
                term *= (n - k) * (a + k) / ((k + 1.0) * (b + n - k - 1.0))
                tail += term
                k += 1.0
            upper[i], lower[i] = tail, 1.0 - tail
        else:
            while k > 0 and term > 1e-18 * tail:
                term *= k * (b + n - k) / ((n - k + 1.0) * (a + k - 1.0))
                tail += term
                k -= 1.0
            upper[i], lower[i] = 1.0 - tail, tail
    return upper, lower


def beta_binomial_gain(x: Floats, n: Floats, low: Floats, high: Floats, rho: Floats) -> Floats:
    """ln P(x of n | mean `high`) − ln P(x of n | mean `low`), both beta-binomial with the same rho; 0 if n =
    0."""
    from scipy.special import betaln

    strength = 1.0 / rho - 1.0

    def log_likelihood(mean: Floats) -> Floats:
        a, b = mean * strength, (1 - mean) * strength
        return np.asarray(betaln(x + a, n - x + b) - betaln(a, b), dtype=np.float64)

    return np.where(n > 0, log_likelihood(high) - log_likelihood(low), 0.0)


def negative_binomial_z(x: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """Score of a count x under a negative binomial of mean > 0 and variance mean + dispersion·mean²,
    dispersion > 0."""
    from scipy.special import betainc, betaincc, gammaln

    size = 1.0 / dispersion
    failure = mean / (mean + size)
    log_here = (
        gammaln(x + size) - gammaln(size) - gammaln(x + 1) + size * np.log1p(-failure) + x * np.log(failure)
    )
    here = np.exp(log_here)
    below = np.where(x > 0, betainc(size, np.maximum(x, 1), 1 - failure), 0.0)  # P(X <= x - 1)
    above = betaincc(size, x + 1, 1 - failure)  # P(X > x)
    return z_of_tails(above + 0.5 * here, below + 0.5 * here)


def gamma_z(value: Floats, shape: Floats) -> Floats:
    """Score of a non-negative value under a gamma of mean 1 and the given shape > 0 (variance 1/shape)."""
    from scipy.special import gammainc, gammaincc

    return z_of_tails(gammaincc(shape, shape * value), gammainc(shape, shape * value))


def t_to_z(t: Floats, freedom: Floats) -> Floats:
    """The normal score with the tail that a Student t of `freedom` > 0 has at t."""
    from scipy.special import ndtri, stdtr

    tail = np.clip(stdtr(freedom, -np.abs(t)), 1e-300, 0.5)
    return np.asarray(np.clip(-np.sign(t) * ndtri(tail), -Z_LIMIT, Z_LIMIT))


def two_sided_p(z: Floats) -> Floats:
    """P(|Z| >= |z|) of a standard normal."""
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-np.abs(z)), dtype=np.float64)


def upper_p(z: Floats) -> Floats:
    """P(Z >= z) of a standard normal."""
    from scipy.special import ndtr

    return np.asarray(ndtr(-z), dtype=np.float64)


def wilson(x: Floats, n: Floats, z: float = 1.96) -> tuple[Floats, Floats]:
    """Wilson's interval of a share x / n (Wilson 1927), 0..1; NaN where n = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = x / n
        middle = share + z * z / (2 * n)
        half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        scale = 1 + z * z / n
        # Of none and of all, rounding would put the share a hair outside.
        low = np.minimum(np.clip((middle - half) / scale, 0, 1), share)
        return low, np.maximum(np.clip((middle + half) / scale, 0, 1), share)
