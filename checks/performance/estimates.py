"""A number with its uncertainty, from weighted records.

Records come from a sample with unequal inclusion probabilities, so every rate is a ratio of weighted sums (Hájek) and
its variance that of the linearised ratio (Särndal, Swensson and Wretman 1992, §5.6). Bounds are Wilson's at the sample
size that a plain sample of the same variance would have (Korn and Graubard 1998): they stay within 0..1 and are honest
where nothing, or everything, was wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """`value` with the bounds of its 95 % interval, all in the unit of the metric."""

    value: float
    low: float
    high: float


def rate(numerator: Floats, denominator: Floats, weight: Floats) -> Estimate | None:
    """Σ w·a / Σ w·b with its interval; None where no record counts.

    numerator, denominator: float64[n] with 0 ≤ a ≤ b; weight: float64[n] > 0.
    """
    total = float(weight @ denominator)
    if total <= 0:
        return None
    value = float(weight @ numerator) / total
    residual = weight * (numerator - value * denominator)
    count = int(np.count_nonzero(denominator))
    variance = float(residual @ residual) / total**2 * (count / (count - 1) if count > 1 else 1.0)
    counted = weight * denominator
    effective = total**2 / float(counted @ counted)
    if variance > 0:
        effective = min(effective, value * (1 - value) / variance)
    return wilson(value, max(effective, 1.0))


def wilson(value: float, n: float) -> Estimate:
    """Wilson's score interval (1927) of a share 0..1 seen among n > 0 records."""
    spread = Z_95**2 / n
    centre = (value + spread / 2) / (1 + spread)
    half = Z_95 * math.sqrt(value * (1 - value) / n + spread / (4 * n)) / (1 + spread)
    return Estimate(value, min(value, max(0.0, centre - half)), max(value, min(1.0, centre + half)))


def mean(values: Floats, weight: Floats) -> Estimate | None:
    """The weighted mean with a normal interval; None without values."""
    total = float(weight.sum())
    if total <= 0:
        return None
    value = float(weight @ values) / total
    residual = weight * (values - value)
    count = len(values)
    half = Z_95 * math.sqrt(float(residual @ residual) * (count / (count - 1) if count > 1 else 1.0)) / total
    return Estimate(value, value - half, value + half)


def quantile(values: Floats, weight: Floats, share: float) -> Estimate | None:
    """The least value that `share` (0..1) of the weight lies at or below, with Woodruff's interval (1952).

    values: float64[n]; weight: float64[n] > 0. None without values.
    """
    if not len(values):
        return None
    order = np.argsort(values, kind="stable")
    ordered, mass = values[order], np.cumsum(weight[order]) / weight.sum()
    effective = float(weight.sum()) ** 2 / float(weight @ weight)
    around = wilson(share, effective)

    def at(part: float) -> float:
        # Sums of weights miss a round share by rounding errors.
        return float(ordered[min(int(np.searchsorted(mass, part - 1e-12)), len(ordered) - 1)])

    return Estimate(at(share), at(around.low), at(around.high))
