"""From observations and a prediction to scores: how unusual each window is for each series.

Two nulls (DESIGN §6): what sampling alone does at this n, with the over-dispersion of the reference; and what the
reference windows themselves did when they were predicted without their block. The less surprised of the two is
believed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from checks import tails
from checks.distances import expected_jsd, jsd
from checks.expected import Ints, Kinds, Level, observed
from checks.floors import falls_matter
from checks.seasons import Blocks
from checks.series import Observations

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

STATUS = ("ok", "notable", "breach", "insufficient", "learning", "error")
OK, NOTABLE, BREACH, INSUFFICIENT, LEARNING, ERROR = range(6)

MIN_N = {"volume": 0, "rate": 5, "mean": 10, "distribution": 20}
JSD_EPSILON = 1e-6
NOTABLE_Z = 3.0

# No window adds more evidence than this, in nats: whatever happens in a single window, it takes two to fire.
MAX_STEP = 6.0
LANES = 4

_TERCILES = 3
_TERCILE_PRIOR = 30.0  # windows: a tercile of few windows is mostly the pooled null
_MIN_DISPERSION = 1e-4
_TEMPER_PRIOR = 100.0  # windows
_LEAST_TEMPER = 0.05
_MAX_DISPERSION = 0.5


@dataclass(frozen=True)
class Scores:
    """What each window says of each series: float64[W, S] unless noted; NaN where undefined.

    value, low, high                       measured, with its 95 % interval
    expected, expected_low, expected_high  what was normal for that place in the week, 95 %
    z, p           signed normal score (clipped at ±8) and its tail probability
    effect         volume: share of the expected; rate: share points / 100; mean: reference standard deviations;
                   distribution: nats of JSD above normal
    status         uint8[W, S], an index into STATUS
    frozen_z       z against the frozen reference where the last clean weeks decide, else z
    steps          float64[W, S, 4], evidence in nats that each lane gains (see `steps_of`), 0 = hold
    seen, normal, unit    what effects accumulate from: Σseen, Σnormal, and Σunit to divide their difference by
    """

    value: Floats
    low: Floats
    high: Floats
    expected: Floats
    expected_low: Floats
    expected_high: Floats
    z: Floats
    p: Floats
    effect: Floats
    status: npt.NDArray[np.uint8]
    frozen_z: Floats
    steps: Floats
    seen: Floats
    normal: Floats
    unit: Floats

    def __len__(self) -> int:
        return len(self.value)

    def rows(self, index: Ints | slice) -> Scores:
        """The scores of some of the windows."""
        return Scores(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


@dataclass(frozen=True)
class Spread:
    """How much windows of a series vary: dispersion float64[S] (rate: intra-class correlation; volume: squared
    coefficient of variation; mean: variance between windows) and scale float64[S] (mean: standard deviation of
    single values)."""

    dispersion: Floats
    scale: Floats


def estimate_spread(obs: Observations, kinds: Kinds, predicted: Level, within_variance: Floats) -> Spread:
    """Moment estimates from the squared misses of left-out predictions; within_variance is float64[S]."""
    seen = observed(obs, kinds)
    size = len(obs.series)
    dispersion, scale = np.full(size, _MIN_DISPERSION), np.sqrt(within_variance)
    x, n = np.where(seen, obs.x, 0.0), np.where(seen, obs.n, 0.0)
    mean, sampling, between = predicted.mean, predicted.sampling, predicted.between

    def ratio(over: Floats, under: Floats, columns: Ints) -> Floats:
        above = np.where(seen[:, columns], over, 0.0).sum(axis=0)
        below = np.where(seen[:, columns], under, 0.0).sum(axis=0)
        return above / np.maximum(below, 1e-300)

    v, r, m = kinds.volume, kinds.rate, kinds.mean
    mu = mean[:, v]
    miss = np.square(x[:, v] - mu) - mu - np.square(mu) * sampling[:, v]
    found = ratio(miss, np.square(mu) * (1 + between[:, v]), v)
    dispersion[v] = np.clip(found, _MIN_DISPERSION, None)

    mu, count = mean[:, r], n[:, r]
    variance = mu * (1 - mu)
    miss = np.square(x[:, r] - count * mu) - count * variance * (1 + count * sampling[:, r])
    found = ratio(miss, count * np.maximum(count - 1, 0) * variance * (1 + between[:, r]), r)
    dispersion[r] = np.clip(found, _MIN_DISPERSION, _MAX_DISPERSION)

    count = np.maximum(n[:, m], 1)
    # A constant column has no spread of its own; the unit in which its change is told is its own size.
    typical = np.where(seen[:, m], np.abs(mean[:, m]), 0.0).max(axis=0, initial=0.0)
    scale[m] = np.maximum(scale[m], 1e-6 * typical + 1e-12)
    noise = np.square(scale[m]) * (1 / count + sampling[:, m])
    miss = np.square(x[:, m] / count - mean[:, m]) - noise
    found = ratio(n[:, m] * miss, n[:, m] * (1 + between[:, m]), m)
    dispersion[m] = np.maximum(found, _MIN_DISPERSION * np.square(scale[m]))
    return Spread(dispersion, scale)


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
    """Volumes, rates and means; `add_distribution` fills in the others."""
    shape = obs.n.shape
    raw = Raw(*(np.zeros(shape) for _ in range(8)))
    v, r, m = kinds.volume, kinds.rate, kinds.mean
    sound = np.isfinite(obs.n) & np.isfinite(obs.x) & np.isfinite(obs.xx)
    n, x = np.where(sound, np.maximum(obs.n, 0), 0.0), np.where(sound, obs.x, 0.0)

    mu = predicted.mean[:, v]
    dispersion = spread.dispersion[v] * (1 + predicted.between[:, v]) + predicted.sampling[:, v]
    raw.value[:, v], raw.expected[:, v] = x[:, v], mu
    raw.sd[:, v] = np.sqrt(mu + dispersion * np.square(mu))
    raw.sampling[:, v] = tails.negative_binomial_z(x[:, v], mu, dispersion)

    mu, count, hits = predicted.mean[:, r], n[:, r], np.minimum(x[:, r], n[:, r])
    rho = spread.dispersion[r] * (1 + predicted.between[:, r]) + predicted.sampling[:, r]
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
    raw.sd[:, m] = np.sqrt(noise + spread.dispersion[m] * (1 + predicted.between[:, m]))
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


def add_distribution(
    raw: Raw, s: int, bins: npt.NDArray[np.int64], shares: Floats, records: Floats, rho: float = 0.0
) -> None:
    """Fill column s: counts int64[W, B] against expected shares float64[W, B] that stand on float64[W] records.

    d = ln((JSD + ε)/(E₀ + ε)), E₀ what chance gives at these sizes: a small window is far from anything, and no
    drift. The sampling null takes JSD / E₀ as a gamma with the (K − 1)/2 of its χ² limit as shape, K counted
    effectively (4·n·E₀). `rho` widens E₀ by the design effect 1 + (n − 1)·rho.
    """
    n = bins.sum(axis=1).astype(np.float64)
    # The columns of expected shares are already smoothed; as counts they only need to be proportional.
    distance = np.nan_to_num(jsd(shares, bins))
    chance = np.nan_to_num(expected_jsd(shares, np.maximum(n, 1), records))
    harmonic = 1 / (1 / np.maximum(n, 1) + 1 / records)
    shape = np.maximum(4 * harmonic * chance, 0.5)
    widened = chance * (1 + np.maximum(n - 1, 0) * rho)
    raw.value[:, s], raw.expected[:, s], raw.jsd_n[:, s] = distance, widened, harmonic
    raw.score[:, s] = np.log((distance + JSD_EPSILON) / (widened + JSD_EPSILON))
    raw.sampling[:, s] = tails.gamma_z((distance + JSD_EPSILON) / (widened + JSD_EPSILON), shape)


# ----- the null between windows -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Null:
    """What raw scores of reference windows were: mean, upward and downward spread float64[3, S] by tercile of n
    (edges float64[2, S]), how many independent windows stand behind them, and their mean n, float64[S] each."""

    mean: Floats
    up: Floats
    down: Floats
    edges: Floats
    count: Floats
    typical_n: Floats


@dataclass(frozen=True)
class Centre:
    """The null of each window and series, float64[W, S]; count and typical_n float64[S] as in `Null`."""

    mean: Floats
    up: Floats
    down: Floats
    count: Floats
    typical_n: Floats


def learn_null(obs: Observations, kinds: Kinds, score: Floats, block: Blocks) -> tuple[Null, Centre]:
    """The null of later windows, and the one of each reference window without its block.

    The spread of a side is at least its root mean square miss: distances and counts are skewed, and the plain
    standard deviation makes their long side look rarer than it is.
    """
    usable = usable_windows(obs, kinds)
    size = obs.n.shape[1]
    edges = np.full((2, size), np.inf)
    for s in kinds.distribution:
        n = obs.n[usable[:, s], s]
        if len(n):
            edges[:, s] = np.quantile(n, [1 / 3, 2 / 3])
    tercile = _tercile(obs.n, edges)
    middle = _masked_mean(score, usable)
    parts = (usable, usable * (score - middle), usable * np.square(np.maximum(score - middle, 0)))
    parts += (usable * np.square(np.minimum(score - middle, 0)),)
    sums = np.zeros((4, block.count, _TERCILES, size))
    for t in range(_TERCILES):
        here = tercile == t
        for i, part in enumerate(parts):
            np.add.at(sums[i, :, t], block.of, part * here)
    count = _independent(sums.sum(axis=2), block.count)
    mean, up, down = _moments(sums.sum(axis=1))
    typical_n = _masked_mean(obs.n, usable)
    null = Null(mean + middle, up, down, edges, count, typical_n)
    shape = obs.n.shape
    centre = Centre(np.zeros(shape), np.ones(shape), np.ones(shape), count, typical_n)
    columns = np.arange(size)
    for k in range(block.count):
        mine = np.flatnonzero(block.of == k)
        mean, up, down = _moments(sums.sum(axis=1) - sums[:, k])
        centre.mean[mine] = (mean + middle)[tercile[mine], columns]
        centre.up[mine] = up[tercile[mine], columns]
        centre.down[mine] = down[tercile[mine], columns]
    return null, centre


def usable_windows(obs: Observations, kinds: Kinds) -> Mask:
    """bool[W, S]: observed, and with enough records to be scored."""
    enough = np.zeros(obs.n.shape[1])
    for name, least in MIN_N.items():
        enough[getattr(kinds, name)] = least
    return observed(obs, kinds) & (obs.n >= enough)


def centre_of(null: Null, n: Floats) -> Centre:
    """The null that applies to windows of n float64[W, S] records."""
    tercile, columns = _tercile(n, null.edges), np.arange(n.shape[1])
    mean, up, down = (part[tercile, columns] for part in (null.mean, null.up, null.down))
    return Centre(mean, up, down, null.count, null.typical_n)


def _tercile(n: Floats, edges: Floats) -> Ints:
    return np.asarray((n > edges[0]).astype(np.intp) + (n > edges[1]))


def _masked_mean(values: Floats, mask: Mask) -> Floats:
    return np.asarray((values * mask).sum(axis=0) / np.maximum(mask.sum(axis=0), 1))


def _moments(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean and the spread of either side, [3, S] each, from [4, 3, S] sums; terciles shrunk to all windows."""
    count, first, above, below = sums
    all_count = count.sum(axis=0)
    pooled = np.maximum(all_count, 1)
    mean_all, above_all, below_all = (part.sum(axis=0) / pooled for part in (first, above, below))
    weight = count + _TERCILE_PRIOR
    mean = (first + _TERCILE_PRIOR * mean_all) / weight
    above = (above + _TERCILE_PRIOR * above_all) / weight
    below = (below + _TERCILE_PRIOR * below_all) / weight
    variance = np.maximum(above + below - np.square(mean), 0)
    # The sum of squares about a mean of N values has N - 1 degrees of freedom.
    bessel = pooled / np.maximum(pooled - 1, 1)
    up = np.sqrt(np.maximum(variance, 2 * above) * bessel)
    down = np.sqrt(np.maximum(variance, 2 * below) * bessel)
    return mean, np.maximum(up, 1e-6), np.maximum(down, 1e-6)


def _independent(sums: Floats, blocks: int) -> Floats:
    """How many independent windows N windows in blocks amount to, float64[S]: N / (1 + (m − 1)·icc), from
    [4, K, S] sums; at least the number of blocks (or N, if that is less) and at least 2."""
    count, first, above, below = sums
    total = count.sum(axis=0)
    variance = (above + below).sum(axis=0) / np.maximum(total - 1, 1)
    filled = np.maximum((count > 0).sum(axis=0), 1)
    size = total / filled
    means = first / np.maximum(count, 1)
    between = np.where(count > 0, np.square(means), 0.0).sum(axis=0) / np.maximum(filled - 1, 1)
    excess = between - variance / np.maximum(size, 1)
    icc = np.clip(excess / np.maximum(variance, 1e-300), 0, 1)
    effective = total / (1 + np.maximum(size - 1, 0) * icc)
    return np.maximum(np.maximum(effective, np.minimum(blocks, total)), 2.0)


def _sampling_z(raw: Raw, centre: Centre, kinds: Kinds, n: Floats) -> Floats:
    """The sampling z, for distributions against as much chance as their windows have ever shown.

    A timetable is more regular than independent draws: its JSD is e^mean < 1 of what chance gives. Of windows
    thinned to a share f, the variance of the counts is 1 − f·(1 − e^mean) of the independent one, so a small
    window gets (nearly) the whole of chance, and a loss of volume is no drift.
    """
    sampling = raw.sampling.copy()
    d = kinds.distribution
    kept = np.clip(n[:, d] / np.maximum(centre.typical_n[d], 1), 0, 1)
    share = 1 - kept * (1 - np.exp(np.minimum(centre.mean[:, d], 0)))
    chance = raw.expected[:, d] * share
    shape = np.maximum(4 * raw.jsd_n[:, d] * raw.expected[:, d], 0.5)
    sampling[:, d] = tails.gamma_z((raw.value[:, d] + JSD_EPSILON) / (chance + JSD_EPSILON), shape)
    return sampling


def believed_z(raw: Raw, centre: Centre, kinds: Kinds, n: Floats) -> Floats:
    """The z of the less surprised null; 0 where the two disagree on the side."""
    sampling = _sampling_z(raw, centre, kinds, n)
    miss = raw.score - centre.mean
    t = miss / np.where(miss >= 0, centre.up, centre.down) / np.sqrt(1 + 1 / centre.count)
    between = tails.t_to_z(t, np.maximum(centre.count - 1, 1) * np.ones_like(t))
    agree = np.sign(between) == np.sign(sampling)
    smaller = np.where(np.abs(between) < np.abs(sampling), between, sampling)
    return np.where(agree, smaller, 0.0)


# ----- the finished scores ----------------------------------------------------------------------------------


def finish(
    obs: Observations, kinds: Kinds, raw: Raw, centre: Centre, spread: Spread, known: Mask, frozen_z: Floats | None
) -> Scores:
    """Scores from raw ones and their null. `known` bool[S]: series that the reference says anything of."""
    sound = np.isfinite(obs.n) & np.isfinite(obs.x) & np.isfinite(obs.xx) & (obs.n >= 0)
    usable = usable_windows(obs, kinds) & known
    z = np.where(usable, believed_z(raw, centre, kinds, obs.n), np.nan)
    status = np.full(z.shape, OK, dtype=np.uint8)
    status[~usable] = INSUFFICIENT
    status[:, ~known] = LEARNING
    status[~sound] = ERROR
    two_sided = np.array([falls_matter(one) for one in obs.series])
    p = np.where(two_sided, tails.two_sided_p(z), tails.upper_p(z))
    value, low, high = _measured(obs, kinds, raw, sound)
    expected, expected_low, expected_high = _band(kinds, raw, centre)
    seen, normal, unit = _effects(obs, kinds, raw, expected, spread, usable)
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = np.where(usable, (seen - normal) / unit, np.nan)
    blank = ~known | ~sound
    return Scores(
        value=value,
        low=low,
        high=high,
        expected=np.where(blank, np.nan, expected),
        expected_low=np.where(blank, np.nan, expected_low),
        expected_high=np.where(blank, np.nan, expected_high),
        z=z,
        p=p,
        effect=effect,
        status=status,
        frozen_z=z if frozen_z is None else np.where(usable, frozen_z, np.nan),
        steps=steps_of(kinds, raw, z, centre, two_sided),
        seen=seen,
        normal=normal,
        unit=unit,
    )


def steps_of(kinds: Kinds, raw: Raw, z: Floats, centre: Centre, two_sided: Mask) -> Floats:
    """float64[W, S, 4]: the evidence in nats that a window adds to each lane; 0 where it says nothing.

    Lane 0 up, 1 down   2·(z − 1): the log-likelihood ratio of a normal shift by two sd, CUSUM with k = 1.
    Lane 2 up, 3 down   rates: log-likelihood ratio of the counts for twice (half) the odds, which loses little
                        in an hour of few messages; others: z − ½, the ratio for a shift by one sd.
    A rate whose windows vary more than its own model says has its ratio divided by that variance.
    """
    steps = np.zeros((*z.shape, LANES))
    steps[..., 0], steps[..., 1] = 2 * (z - 1), 2 * (-z - 1)
    steps[..., 2], steps[..., 3] = z - 0.5, -z - 0.5
    r = kinds.rate
    steps[:, r, 2] = raw.gain[:, r] / np.maximum(1, np.square(centre.up[:, r]))
    steps[:, r, 3] = raw.loss[:, r] / np.maximum(1, np.square(centre.down[:, r]))
    steps[:, ~two_sided, 1] = 0.0
    steps[:, ~two_sided, 3] = 0.0
    steps[np.isnan(z)] = 0.0
    return np.clip(steps, -MAX_STEP, MAX_STEP)


def tempering(steps: Floats, lags: int) -> Floats:
    """float64[S, 4], in (0, 1]: what to multiply the steps float64[W, S, 4] of reference windows by, so that the
    height that a lane reaches has the tail e^-height that evidence in nats has.

    A sum of steps with drift −m and long-run variance σ² passes h with chance about e^(−2m/σ²·h) (Lundberg's
    bound, Brownian limit): 2m/σ² is 1 for log-likelihood ratios of independent windows, and less where windows
    resemble the ones before them. σ² is Bartlett's estimate over `lags` windows (Newey and West 1987), shrunk
    towards independence. Lags reach over a day: what lasts longer shows in too few blocks to be told per series,
    and is left to the bootstrap of whole blocks.
    """
    present = steps != 0
    count = np.maximum(present.sum(axis=0), 1)
    drift = -steps.sum(axis=0) / count
    miss = np.where(present, steps + drift, 0.0)
    variance = np.square(miss).sum(axis=0) / count
    for lag in range(1, lags + 1):
        together = (miss[lag:] * miss[:-lag]).sum(axis=0) / count
        variance = variance + 2 * (1 - lag / (lags + 1)) * together
    exact = 2 * np.maximum(drift, 0)
    shrunk = (count * np.maximum(variance, 0) + _TEMPER_PRIOR * exact) / (count + _TEMPER_PRIOR)
    factor = np.where(shrunk > 0, exact / np.maximum(shrunk, 1e-300), 1.0)
    return np.clip(factor, _LEAST_TEMPER, 1.0)


def _measured(obs: Observations, kinds: Kinds, raw: Raw, sound: Mask) -> tuple[Floats, Floats, Floats]:
    """Value with its 95 % interval; NaN where nothing was observed."""
    value, low, high = raw.value.copy(), raw.value.copy(), raw.value.copy()
    v, r, m, d = kinds.volume, kinds.rate, kinds.mean, kinds.distribution
    root = np.sqrt(value[:, v] + 0.375)
    low[:, v], high[:, v] = np.square(np.maximum(root - 0.98, 0)), np.square(root + 0.98)
    low[:, r], high[:, r] = tails.wilson(np.minimum(obs.x[:, r], obs.n[:, r]), obs.n[:, r])
    count = np.maximum(obs.n[:, m], 1)
    variance = np.maximum(obs.xx[:, m] / count - np.square(value[:, m]), 0)
    half = 1.96 * np.sqrt(variance / count)
    low[:, m], high[:, m] = value[:, m] - half, value[:, m] + half
    # 8·n·JSD is about a non-central χ²: its variance is twice (freedom + twice the non-centrality).
    eight_n = 8 * np.maximum(raw.jsd_n[:, d], 1e-300)
    chance = np.minimum(raw.expected[:, d], value[:, d])
    half = 1.96 * np.sqrt(2 * (eight_n * chance + 2 * eight_n * (value[:, d] - chance))) / eight_n
    low[:, d], high[:, d] = np.maximum(value[:, d] - half, 0), np.minimum(value[:, d] + half, np.log(2))
    nothing = ~(observed(obs, kinds) & sound)
    for array in (value, low, high):
        array[nothing] = np.nan
    return value, low, high


def _band(kinds: Kinds, raw: Raw, centre: Centre) -> tuple[Floats, Floats, Floats]:
    """What is normal: the predicted value and its 95 % band, widened by how the reference windows missed."""
    expected = raw.expected.copy()
    low = expected + (centre.mean - 1.96 * np.maximum(centre.down, 1)) * raw.sd
    high = expected + (centre.mean + 1.96 * np.maximum(centre.up, 1)) * raw.sd
    low[:, kinds.volume], low[:, kinds.rate] = np.maximum(low[:, kinds.volume], 0), np.clip(low[:, kinds.rate], 0, 1)
    high[:, kinds.rate] = np.clip(high[:, kinds.rate], 0, 1)
    d = kinds.distribution
    chance = raw.expected[:, d] + JSD_EPSILON
    middle, up, down = centre.mean[:, d], centre.up[:, d], centre.down[:, d]
    for array, at in ((expected, middle), (low, middle - 1.96 * down), (high, middle + 1.96 * up)):
        array[:, d] = np.maximum(chance * np.exp(np.minimum(at, 20)) - JSD_EPSILON, 0)
    return expected, low, high


def _effects(
    obs: Observations, kinds: Kinds, raw: Raw, expected: Floats, spread: Spread, usable: Mask
) -> tuple[Floats, Floats, Floats]:
    """seen, normal and unit of each window; all 0 where the window says nothing."""
    seen, normal, unit = obs.x.copy(), expected.copy(), obs.n.copy()
    r, m, d = kinds.rate, kinds.mean, kinds.distribution
    normal[:, r] *= obs.n[:, r]
    normal[:, m] *= obs.n[:, m]
    unit[:, m] *= spread.scale[m]
    unit[:, kinds.volume] = expected[:, kinds.volume]
    seen[:, d] = raw.value[:, d] * obs.n[:, d]
    normal[:, d] *= obs.n[:, d]
    return tuple(np.where(usable, array, 0.0) for array in (seen, normal, unit))  # type: ignore[return-value]


