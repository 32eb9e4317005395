"""A bound on the risk of a deployed model that may be looked at after every label (Podkopaev and Ramdas 2022).

Losses of a random sample of labelled records bet against every mean risk m: K_t(m) = Π (1 + λ_i (X_i − m)) is a
non-negative martingale under mean m, so risks whose bet grew beyond 1/δ are refuted for good (Ville's inequality). The
lower bound L_t is the least risk that stands. It is compared with an upper bound of the risk at release; a shift that
does no harm never raises it, and the chance that it is ever wrong is at most δ for each of the two bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from checks.performance.estimates import Floats

GRID = 1_000  # risks that are bet against: bounds are told to .001
CAP = 0.5  # of a bet: no loss ends the game


@dataclass(frozen=True, eq=False)
class Risk:
    """The game so far.

    seen       losses so far
    mean       of them, with one loss of ½ before the first
    spread     Σ (X − mean)², with ¼ before the first
    wealth     float64[GRID]: log K_t(m) for m = 1/GRID … 1
    low        L_t, 0..1: never falls
    """

    seen: int
    mean: float
    spread: float
    wealth: Floats
    low: float


def begin() -> Risk:
    """Before the first label; a new version of a model begins anew."""
    return Risk(0, 0.5, 0.25, np.zeros(GRID), 0.0)


def observe(risk: Risk, losses: Floats, delta: float = 0.05) -> Risk:
    """The game after more losses (float64[n] in 0..1, in the order they arrived).

    delta: how likely the bound may ever be wrong, 0..1. Raises ValueError for a loss outside 0..1.
    """
    if len(losses) and not (losses.min() >= 0 and losses.max() <= 1):
        raise ValueError("losses must lie within 0 and 1")
    means = np.arange(1, GRID + 1) / GRID
    wealth, low, bar = risk.wealth.copy(), risk.low, math.log(1 / delta)
    seen, centre, spread = risk.seen, risk.mean, risk.spread
    for loss in losses.tolist():
        seen += 1
        variance = spread / seen
        bet = math.sqrt(2 * bar / (variance * seen * math.log(1 + seen)))
        wealth += np.log1p(np.minimum(bet, CAP / means) * (loss - means))
        previous, centre = centre, centre + (loss - centre) / (seen + 1)
        spread += (loss - previous) * (loss - centre)
        standing = np.flatnonzero(wealth < bar)
        low = max(low, (standing[0] / GRID if len(standing) else 1.0))
    return replace(risk, seen=seen, mean=centre, spread=spread, wealth=wealth, low=low)


def upper_bound(losses: Floats, delta: float = 0.05) -> float:
    """What the risk at release is at most, with confidence 1 − delta: 0..1; 1.0 without losses.

    Hoeffding-Bentkus (Bates et al. 2021, §3.1): the smaller of Hoeffding's bound in its entropy form and e times the
    binomial tail. losses: float64[n] in 0..1 of independent records.
    """
    return bound(float(losses.mean()), len(losses), delta) if len(losses) else 1.0


def bound(seen: float, count: int, delta: float) -> float:
    """`upper_bound` of `count` losses whose mean is `seen`, 0..1."""
    low, high = seen, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _tail(seen, middle, count) >= delta else (low, middle)
    return high


def _tail(seen: float, risk: float, count: int) -> float:
    """Bound of the chance to see a mean loss of at most `seen` where the risk is `risk`."""
    from scipy.special import bdtr

    if risk >= 1:
        return 1.0 if seen >= 1 else 0.0
    entropy = 0.0
    if seen > 0:
        entropy += seen * math.log(seen / risk)
    if seen < 1:
        entropy += (1 - seen) * math.log((1 - seen) / (1 - risk))
    return min(math.exp(-count * entropy), math.e * float(bdtr(math.ceil(count * seen), count, risk)))
