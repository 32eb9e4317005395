"""From observations and a prediction to scores: how unusual each window is for each series.

Two nulls: what sampling alone does at this n, with the over-dispersion of the reference; and what
the reference windows themselves did when they were predicted without their block. The less surprised of the
two is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from checks import tails
from checks.expected import Ints, Kinds, observed
from checks.floors import falls_matter
from checks.sampling_null import JSD_EPSILON, LEAST_FOR_Z, Raw, Spread, usable_windows
from checks.seasons import Blocks
from checks.series import Observations
from checks.window_null import Centre, believed_z

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

STATUS = ("ok", "notable", "breach", "insufficient", "learning", "error")
OK, NOTABLE, BREACH, INSUFFICIENT, LEARNING, ERROR = range(6)

NOTABLE_Z = 3.0

# No window adds more evidence than this, in nats: whatever happens in a single window, it takes two to fire.
MAX_STEP = 6.0
LANES = 4

_TEMPER_PRIOR = 100.0  # windows
_LEAST_TEMPER = 0.05


@dataclass(frozen=True)
class Scores:
    """What each window says of each series: float64[W, S] unless noted; NaN where undefined.

    value, low, high                       measured, with its 95 % interval
    expected, expected_low, expected_high  what was normal for that place in the week, 95 %
    z, p           signed normal score (clipped at ±8) and its tail probability
    effect         volume: share of the expected; rate: share points / 100; mean: reference standard
                   deviations; distribution: nats of JSD above normal
    status         uint8[W, S], an index into STATUS
    frozen_z       z against the frozen reference where the last clean weeks decide, else z
    steps          float64[W, S, 4], evidence in nats that each lane gains (see `steps_of`), 0 = hold
    seen, normal, unit    what effects accumulate from: Σseen, Σnormal, and Σunit to divide their difference
    by
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


def joined(parts: Sequence[Scores]) -> Scores:
    """The windows of several scores, one after the other."""
    return Scores(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Scores)
        }
    )


def finish(
    obs: Observations,
    kinds: Kinds,
    raw: Raw,
    centre: Centre,
    spread: Spread,
    known: Mask,
    frozen_z: Floats | None,
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
        steps=steps_of(kinds, raw, z, centre, two_sided, obs.n),
        seen=seen,
        normal=normal,
        unit=unit,
    )


def steps_of(kinds: Kinds, raw: Raw, z: Floats, centre: Centre, two_sided: Mask, n: Floats) -> Floats:
    """float64[W, S, 4]: the evidence in nats that a window adds to each lane; 0 where it says nothing.

    Lane 0 up, 1 down   2·(z − 1): the log-likelihood ratio of a normal shift by two sd, CUSUM with k = 1.
    Lane 2 up, 3 down   rates: log-likelihood ratio of the counts for twice (half) the odds, which loses
                        little in an hour of few messages; others: z − ½, the ratio for a shift by one sd.
    A rate whose windows vary more than its own model says has its ratio divided by that variance. Of fewer than
    LEAST_FOR_Z messages only that ratio counts.
    """
    steps = np.zeros((*z.shape, LANES))
    steps[..., 0], steps[..., 1] = 2 * (z - 1), 2 * (-z - 1)
    steps[..., 2], steps[..., 3] = z - 0.5, -z - 0.5
    r = kinds.rate
    steps[:, r, :2] = np.where(n[:, r, None] >= LEAST_FOR_Z, steps[:, r, :2], 0.0)
    steps[:, r, 2] = raw.gain[:, r] / np.maximum(1, np.square(centre.up[:, r]))
    steps[:, r, 3] = raw.loss[:, r] / np.maximum(1, np.square(centre.down[:, r]))
    steps[:, ~two_sided, 1] = 0.0
    steps[:, ~two_sided, 3] = 0.0
    steps[np.isnan(z)] = 0.0
    return np.clip(steps, -MAX_STEP, MAX_STEP)


def tempering(steps: Floats, lags: int, block: Blocks) -> tuple[Floats, Floats]:
    """How much the steps float64[W, S, 4] of a lane count, in (0, 1], so that the height that the lane
    reaches has the tail e^-height which evidence in nats has: float64[S, 4], and float64[K, S, 4] with each
    block left out.

    A sum of steps with drift −m and long-run variance σ² passes h with chance about e^(−2m/σ²·h) (Lundberg's
    bound, Brownian limit): 2m/σ² is 1 for log-likelihood ratios of independent windows, and less where
    windows resemble the ones before them. σ² is Bartlett's estimate over `lags` windows (Newey and West
    1987), shrunk towards independence. Lags reach over a day: what lasts longer shows in too few blocks to be
    told per series, and is left to the bootstrap of whole blocks.
    """
    present = steps != 0
    mean = steps.sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    miss = np.where(present, steps - mean, 0.0)
    before = np.zeros_like(miss)
    for lag in range(1, lags + 1):
        before[lag:] += 2 * (1 - lag / (lags + 1)) * miss[:-lag]
    parts = (present.astype(np.float64), steps, miss * (miss + before))
    sums = np.zeros((3, block.count, *steps.shape[1:]))
    for i, part in enumerate(parts):
        np.add.at(sums[i], block.of, part)
    total = sums.sum(axis=1)
    return _temper(total), _temper(total[:, None] - sums)


def _temper(sums: Floats) -> Floats:
    count = np.maximum(sums[0], 1)
    exact = 2 * np.maximum(-sums[1] / count, 0)
    shrunk = (np.maximum(sums[2], 0) + _TEMPER_PRIOR * exact) / (count + _TEMPER_PRIOR)
    factor = np.where(shrunk > 0, exact / np.maximum(shrunk, 1e-300), 1.0)
    return np.asarray(np.clip(factor, _LEAST_TEMPER, 1.0))


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
    low[:, kinds.volume], low[:, kinds.rate] = (
        np.maximum(low[:, kinds.volume], 0),
        np.clip(low[:, kinds.rate], 0, 1),
    )
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
