"""What sampling alone does at this n, over-dispersed as the reference was: the first of the two nulls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks import tails
from checks.distances import expected_jsd, jsd
from checks.expected import Ints, Kinds, Level, observed
from checks.seasons import Blocks
from checks.series import Observations

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Records a window must have before a series is scored at all. The likelihood ratio of a rate is exact for a single
# message, so segments of a few messages an hour gather evidence too (docs/decisions/024).
MIN_N = {"volume": 0, "rate": 1, "mean": 10, "distribution": 20}
# What a window of fewer messages says of a rate is in the likelihood alone: it is never unusual by itself, and it does
# not say how much windows vary.
LEAST_FOR_Z = 5
JSD_EPSILON = 1e-6

_MIN_DISPERSION = 1e-4
_MAX_DISPERSION = 0.5


def usable_windows(obs: Observations, kinds: Kinds) -> Mask:
    """bool[W, S]: observed, and with enough records to be scored."""
    enough = np.zeros(obs.n.shape[1])
    for name, least in MIN_N.items():
        enough[getattr(kinds, name)] = least
    return observed(obs, kinds) & (obs.n >= enough)


def telling_windows(obs: Observations, kinds: Kinds) -> Mask:
    """bool[W, S]: those of them whose z says something by itself."""
    telling = usable_windows(obs, kinds)
    telling[:, kinds.rate] &= obs.n[:, kinds.rate] >= LEAST_FOR_Z
    return telling


@dataclass(frozen=True)
class Spread:
    """How much windows of a series vary: dispersion float64[S] (rate: intra-class correlation; volume:
    squared coefficient of variation; mean: variance between windows) and scale float64[S] (mean: standard
    deviation of single values)."""

    dispersion: Floats
    scale: Floats


def estimate_spread(
    obs: Observations, kinds: Kinds, predicted: Level, within_variance: Floats, block: Blocks
) -> tuple[Spread, Spread]:
    """Moment estimates from the squared misses of left-out predictions; within_variance is float64[S].

    The second is for the reference windows themselves, dispersion float64[W, S] from the other blocks: a wild
    week must not make itself look usual.
    """
    seen = observed(obs, kinds)
    x, n = np.where(seen, obs.x, 0.0), np.where(seen, obs.n, 0.0)
    mean, sampling, between = predicted.mean, predicted.sampling, predicted.between
    v, r, m = kinds.volume, kinds.rate, kinds.mean
    scale = np.sqrt(within_variance)
    # A constant column has no spread of its own; the unit in which its change is told is its own size.
    typical = np.where(seen[:, m], np.abs(mean[:, m]), 0.0).max(axis=0, initial=0.0)
    scale[m] = np.maximum(scale[m], 1e-6 * typical + 1e-12)

    over, under = np.zeros_like(mean), np.zeros_like(mean)
    mu = mean[:, v]
    over[:, v] = np.square(x[:, v] - mu) - mu - np.square(mu) * sampling[:, v]
    under[:, v] = np.square(mu) * (1 + between[:, v])

    mu, count = mean[:, r], n[:, r]
    variance = mu * (1 - mu)
    over[:, r] = np.square(x[:, r] - count * mu) - count * variance * (1 + count * sampling[:, r])
    under[:, r] = count * np.maximum(count - 1, 0) * variance * (1 + between[:, r])

    count = np.maximum(n[:, m], 1)
    noise = np.square(scale[m]) * (1 / count + sampling[:, m])
    over[:, m] = n[:, m] * (np.square(x[:, m] / count - mean[:, m]) - noise)
    under[:, m] = n[:, m] * (1 + between[:, m])

    sums = np.zeros((2, block.count, len(obs.series)))
    np.add.at(sums[0], block.of, np.where(seen, over, 0.0))
    np.add.at(sums[1], block.of, np.where(seen, under, 0.0))
    total = sums.sum(axis=1)
    left_out = _dispersion(total[:, None] - sums, kinds, scale)
    return Spread(_dispersion(total, kinds, scale), scale), Spread(left_out[block.of], scale)


def _dispersion(sums: Floats, kinds: Kinds, scale: Floats) -> Floats:
    """float64[..., S] from sums float64[2, ..., S], within the bounds of each kind."""
    found = sums[0] / np.maximum(sums[1], 1e-300)
    least = np.full(len(scale), _MIN_DISPERSION)
    least[kinds.mean] *= np.square(scale[kinds.mean])
    most = np.full(len(scale), np.inf)
    most[kinds.rate] = _MAX_DISPERSION
    return np.asarray(np.clip(found, least, most))


@dataclass(frozen=True)
class Raw:
    """Scores before the between-window null, float64[W, S].

    score     what the reference windows are compared by: the sampling z, or the log ratio d of a distribution
    sampling  the sampling z
    expected  predicted value (distribution: the JSD that chance gives)
    sd        standard deviation of the value about it (distribution: unused)
    gain, loss  log-likelihood ratio of a rate for twice and for half the odds
    jsd_n     records that the distance of a distribution rests on (harmonic with the reference)
    """

    value: Floats
    score: Floats
    sampling: Floats
    expected: Floats
    sd: Floats
    gain: Floats
    loss: Floats
    jsd_n: Floats


def raw_scores(obs: Observations, kinds: Kinds, predicted: Level, spread: Spread) -> Raw:
    """Volumes, rates and means; `add_distributions` fills in the others."""
    shape = obs.n.shape
    raw = Raw(*(np.zeros(shape) for _ in range(8)))
    v, r, m = kinds.volume, kinds.rate, kinds.mean
    sound = np.isfinite(obs.n) & np.isfinite(obs.x) & np.isfinite(obs.xx)
    n, x = np.where(sound, np.maximum(obs.n, 0), 0.0), np.where(sound, obs.x, 0.0)

    mu = predicted.mean[:, v]
    dispersion = spread.dispersion[..., v] * (1 + predicted.between[:, v]) + predicted.sampling[:, v]
    raw.value[:, v], raw.expected[:, v] = x[:, v], mu
    raw.sd[:, v] = np.sqrt(mu + dispersion * np.square(mu))
    raw.sampling[:, v] = tails.negative_binomial_z(x[:, v], mu, dispersion)

    mu, count, hits = predicted.mean[:, r], n[:, r], np.minimum(x[:, r], n[:, r])
    rho = spread.dispersion[..., r] * (1 + predicted.between[:, r]) + predicted.sampling[:, r]
    rho = np.minimum(rho, _MAX_DISPERSION)
    raw.value[:, r] = hits / np.maximum(count, 1e-300)
    raw.expected[:, r] = mu
    raw.sd[:, r] = np.sqrt(mu * (1 - mu) * (1 + np.maximum(count - 1, 0) * rho) / np.maximum(count, 1))
    raw.sampling[:, r] = tails.beta_binomial_z(hits, count, mu, rho)
    raw.gain[:, r] = tails.beta_binomial_gain(hits, count, mu, _raised(mu), rho)
    raw.loss[:, r] = tails.beta_binomial_gain(hits, count, mu, _lowered(mu), rho)

    count = np.maximum(n[:, m], 1)
    noise = np.square(spread.scale[m]) * (1 / count + predicted.sampling[:, m])
    raw.value[:, m], raw.expected[:, m] = x[:, m] / count, predicted.mean[:, m]
    raw.sd[:, m] = np.sqrt(noise + spread.dispersion[..., m] * (1 + predicted.between[:, m]))
    miss = (raw.value[:, m] - raw.expected[:, m]) / raw.sd[:, m]
    raw.sampling[:, m] = np.clip(miss, -tails.Z_LIMIT, tails.Z_LIMIT)
    raw.score[:] = raw.sampling
    return raw


def _raised(share: Floats) -> Floats:
    """The rate that the likelihood lane looks for: twice the odds, and at least one point more."""
    return np.clip(np.maximum(2 * share / (1 + share), share + 0.01), None, 0.5 + share / 2)


def _lowered(share: Floats) -> Floats:
    """The other way: half the odds."""
    return np.maximum(share / (2 - share), 1e-12)


def add_distributions(
    raw: Raw, series: Ints, bins: npt.NDArray[np.int64], shares: Floats, records: Floats, rho: float = 0.0
) -> None:
    """Fill columns int[D]: counts int64[W, D, B] against shares float64[W, D, B] on float64[W, D] records.

    Series of fewer bins than B are padded with zeros on both sides, which add nothing. One call for all series,
    because a service judges a window at a time.

    d = ln((JSD + ε)/(E₀ + ε)), E₀ what chance gives at these sizes: a small window is far from anything, and
    no drift. The sampling null takes JSD / E₀ as a gamma with the (K − 1)/2 of its χ² limit as shape, K
    counted effectively (4·n·E₀). `rho` widens E₀ by the design effect 1 + (n − 1)·rho.
    """
    n = bins.sum(axis=-1).astype(np.float64)
    # The columns of expected shares are already smoothed; as counts they only need to be proportional.
    distance = np.nan_to_num(jsd(shares, bins))
    chance = np.nan_to_num(expected_jsd(shares, np.maximum(n, 1), records))
    harmonic = 1 / (1 / np.maximum(n, 1) + 1 / records)
    shape = np.maximum(4 * harmonic * chance, 0.5)
    widened = chance * (1 + np.maximum(n - 1, 0) * rho)
    raw.value[:, series], raw.expected[:, series], raw.jsd_n[:, series] = distance, widened, harmonic
    raw.score[:, series] = np.log((distance + JSD_EPSILON) / (widened + JSD_EPSILON))
    raw.sampling[:, series] = tails.gamma_z((distance + JSD_EPSILON) / (widened + JSD_EPSILON), shape)
