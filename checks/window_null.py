"""What reference windows did when they were predicted without their block: the second of the two nulls."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from checks import tails
from checks.expected import Ints, Kinds
from checks.sampling_null import JSD_EPSILON, Raw, telling_windows
from checks.seasons import Blocks
from checks.series import Observations

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TERCILES = 3
_TERCILE_PRIOR = 30.0  # windows: a tercile of few windows is mostly the pooled null

# Degrees of freedom of a heavy tail, and how much likelier (nats) the misses must be under one of them where no other
# series tells. That counts as much as so many series of the same metric do.
_HEAVY = (3.0, 4.0, 6.0, 10.0)
_HEAVY_GAIN = 1.0
_PRIOR_SERIES = 10.0
_PRIOR_ROUNDS = 20
_LEAST_TOLD = 1e-6  # of squared misses in all; a series that never moved says nothing of tails
_SCALE_ROUNDS = 12


@dataclass(frozen=True)
class Null:
    """What raw scores of reference windows were: mean, upward and downward spread float64[3, S] by tercile of
    n (edges float64[2, S]), how many independent windows stand behind them, their mean n, and the Student t that
    misses over their spread follow (freedom, stretch), float64[S] each."""

    mean: Floats
    up: Floats
    down: Floats
    edges: Floats
    count: Floats
    typical_n: Floats
    freedom: Floats
    stretch: Floats


@dataclass(frozen=True)
class Centre:
    """The null of each window and series, float64[W, S]; the others float64[S] as in `Null`."""

    mean: Floats
    up: Floats
    down: Floats
    count: Floats
    typical_n: Floats
    freedom: Floats
    stretch: Floats


def learn_null(obs: Observations, kinds: Kinds, score: Floats, block: Blocks) -> tuple[Null, Centre]:
    """The null of later windows, and the one of each reference window without its block.

    The spread of a side is at least its root mean square miss: counts are skewed, and the plain standard deviation
    makes their long side look rarer than it is. A distance alarms on its upper side alone, so its spread and tail there
    come from the misses there: the logarithm of what chance gives is long on the other side.
    """
    usable = telling_windows(obs, kinds)
    size = obs.n.shape[1]
    edges = np.full((2, size), np.inf)
    for s in kinds.distribution:
        n = obs.n[usable[:, s], s]
        if len(n):
            edges[:, s] = np.quantile(n, [1 / 3, 2 / 3])
    tercile = _tercile(obs.n, edges)
    middle = _masked_mean(score, usable)
    miss = np.where(usable, score - middle, 0.0)
    above, below = np.square(np.maximum(miss, 0)), np.square(np.minimum(miss, 0))
    parts = (usable.astype(np.float64), miss, above, below)
    sums = np.zeros((4, block.count, _TERCILES, size))
    for t in range(_TERCILES):
        here = tercile == t
        for i, part in enumerate(parts):
            np.add.at(sums[i, :, t], block.of, part * here)
    count = _independent(sums.sum(axis=2), block.count)
    mean, up, down = _moments(sums.sum(axis=1), kinds)
    typical_n = _masked_mean(obs.n, usable)
    plain = np.maximum(count - 1, 1), np.ones(size)
    null = Null(mean + middle, up, down, edges, count, typical_n, *plain)
    shape = obs.n.shape
    centre = Centre(np.zeros(shape), np.ones(shape), np.ones(shape), count, typical_n, *plain)
    columns = np.arange(size)
    for k in range(block.count):
        mine = np.flatnonzero(block.of == k)
        mean, up, down = _moments(sums.sum(axis=1) - sums[:, k], kinds)
        centre.mean[mine] = (mean + middle)[tercile[mine], columns]
        centre.up[mine] = up[tercile[mine], columns]
        centre.down[mine] = down[tercile[mine], columns]
    miss = score - centre.mean
    telling = usable.copy()
    telling[:, kinds.distribution] &= miss[:, kinds.distribution] >= 0
    freedom, stretch = _tail(
        miss / np.where(miss >= 0, centre.up, centre.down), telling, _groups(obs), *plain
    )
    return (
        replace(null, freedom=freedom, stretch=stretch),
        replace(centre, freedom=freedom, stretch=stretch),
    )


def _tail(
    ratio: Floats, usable: Mask, group: Ints, freedom: Floats, stretch: Floats
) -> tuple[Floats, Floats]:
    """Degrees of freedom and scale float64[S] of a Student t for misses over their spread, float64[W, S].

    A mean of squares says little of a tail that one window in fifty makes. But chance makes two or three far windows
    too, and a series that is read by such a tail is blind to changes for as long as the reference lasts. So what the
    other series of its group, int[S], look like decides with it (empirical Bayes: the odds of each tail are its prior
    and their posterior shares; docs/decisions/033).
    """
    likelihood, scale = _likelihoods(ratio, usable)
    odds = np.exp(-_HEAVY_GAIN * (np.arange(len(likelihood)) > 0))
    first = np.repeat((odds / odds.sum())[:, None], ratio.shape[1], axis=1)
    telling = (np.square(ratio) * usable).sum(axis=0) > _LEAST_TOLD
    prior, columns = first, np.arange(ratio.shape[1])
    for _ in range(_PRIOR_ROUNDS):
        posterior = np.log(prior) + likelihood
        share = np.exp(posterior - posterior.max(axis=0))
        share *= telling / share.sum(axis=0)
        sums = np.zeros((group.max(initial=-1) + 1, len(share)))
        np.add.at(sums, group, share.T)
        others = np.maximum(sums[group].T - share, 0)
        prior = (_PRIOR_SERIES * first + others) / (_PRIOR_SERIES + others.sum(axis=0))
    best = np.argmax(np.log(prior) + likelihood, axis=0)
    nu = np.array([np.inf, *_HEAVY])[best]
    heavy = telling & (nu < freedom)
    return np.where(heavy, nu, freedom), np.where(heavy, scale[best, columns], stretch)


def _likelihoods(ratio: Floats, usable: Mask) -> tuple[Floats, Floats]:
    """Of a normal and of every Student t, float64[1 + T, S] each: the log likelihood at its best scale, and that."""
    from scipy.special import gammaln

    ratio = np.where(usable, ratio, 0.0)
    count = np.maximum(usable.sum(axis=0), 1)
    square = np.square(ratio)
    variance = np.maximum(square.sum(axis=0) / count, 1e-12)
    found, scales = [-0.5 * count * (np.log(2 * np.pi * variance) + 1)], [np.sqrt(variance)]
    for nu in _HEAVY:
        own = variance * (nu - 2) / nu
        for _ in range(_SCALE_ROUNDS):
            own = np.maximum(((nu + 1) / (nu + square / own) * square * usable).sum(axis=0) / count, 1e-12)
        constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(np.pi * nu * own)
        found.append(count * constant - (nu + 1) / 2 * (np.log1p(square / (nu * own)) * usable).sum(axis=0))
        scales.append(np.sqrt(own))
    return np.stack(found), np.stack(scales)


def centre_of(null: Null, n: Floats) -> Centre:
    """The null that applies to windows of n float64[W, S] records."""
    tercile, columns = _tercile(n, null.edges), np.arange(n.shape[1])
    mean, up, down = (part[tercile, columns] for part in (null.mean, null.up, null.down))
    return Centre(mean, up, down, null.count, null.typical_n, null.freedom, null.stretch)


def _groups(obs: Observations) -> Ints:
    """int[S]: series of one metric in all columns and segments, whose tails are likely alike."""
    names = [(one.kind, one.metric) for one in obs.series]
    place = {name: i for i, name in enumerate(sorted(set(names)))}
    return np.array([place[name] for name in names], dtype=np.intp)


def _tercile(n: Floats, edges: Floats) -> Ints:
    return np.asarray((n > edges[0]).astype(np.intp) + (n > edges[1]))


def _masked_mean(values: Floats, mask: Mask) -> Floats:
    return np.asarray((values * mask).sum(axis=0) / np.maximum(mask.sum(axis=0), 1))


def _moments(sums: Floats, kinds: Kinds) -> tuple[Floats, Floats, Floats]:
    """Mean and the spread of either side, [3, S] each, from [4, 3, S] sums; terciles shrunk to all
    windows."""
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
    least = variance.copy()
    least[:, kinds.distribution] = 0
    up = np.sqrt(np.maximum(least, 2 * above) * bessel)
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
    return np.asarray(np.maximum(np.maximum(effective, np.minimum(blocks, total)), 2.0))


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
    spread = np.where(miss >= 0, centre.up, centre.down) * centre.stretch
    t = miss / spread / np.sqrt(1 + 1 / centre.count)
    between = tails.t_to_z(t, centre.freedom * np.ones_like(t))
    agree = np.sign(between) == np.sign(sampling)
    smaller = np.where(np.abs(between) < np.abs(sampling), between, sampling)
    return np.where(agree, smaller, 0.0)
