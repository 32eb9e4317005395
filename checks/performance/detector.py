"""When a mean loss has risen above what is tolerated: a sequential detector whose false alarms are bounded by proof.

The Shiryaev-Roberts e-detector (Shin, Ramdas and Rinaldo 2024): M_t = (M_{t−1} + 1) · e_t, where e_t is what a bet
against "the mean loss is at most m" won in window t. While that is true no bet gains on average, so M_t − t is a
supermartingale and M reaches A after no fewer than A windows on average, whatever the losses look like and however they
hang together over time within that hypothesis. A fixed mixture of bets finds small rises and large ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from checks.performance.estimates import Floats

# Fractions of the largest bet that could not be ruined by a loss of 0.
BETS = tuple(0.5 / 2**k for k in range(7))
_LEAST_MEAN = 1e-3
# Evidence beyond this says nothing more, and would only take the longer to go away; a cap never adds false alarms.
_CEILING = math.log(1e9)


@dataclass(frozen=True, slots=True)
class Detector:
    """log M of every bet after a window, and since when they count (microseconds; None while nothing speaks)."""

    log_m: tuple[float, ...] = (-math.inf,) * len(BETS)
    since_us: int | None = None

    @property
    def evidence(self) -> float:
        """The mean of M over the bets, to be compared with the windows that may pass between false alarms: ≥ 0."""
        return float(np.mean(np.exp(self.log_m)))


def step(detector: Detector, losses: Floats, tolerated: float, window_us: int) -> Detector:
    """The detector after one window's losses (float64[n] in 0..1, of records kept with equal probability).

    tolerated: the mean loss that is still all right, 0..1. A window without losses leaves everything as it was.
    Raises ValueError for a loss outside 0..1.
    """
    if not len(losses):
        return detector
    if not (losses.min() >= 0 and losses.max() <= 1):
        raise ValueError("losses must lie within 0 and 1")
    mean = max(tolerated, _LEAST_MEAN)
    excess = losses - mean
    moved = []
    for before, bet in zip(detector.log_m, BETS, strict=True):
        won = float(np.log1p(bet / mean * excess).sum())
        moved.append(min(float(np.logaddexp(before, 0.0)) + won, _CEILING))
    after = Detector(tuple(moved), detector.since_us)
    if after.evidence <= 1.0:
        return Detector(after.log_m, None)
    return after if after.since_us is not None else Detector(after.log_m, window_us)
