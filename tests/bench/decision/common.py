"""What the parts of the table share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.bench.figure import Figure

__all__ = ["Figure", "interval", "spoken"]


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """90 % bootstrap interval of the mean over streams."""
    drawn = np.random.default_rng(seed).choice(np.asarray(values), size=(2_000, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [0.05, 0.95])
    return float(low), float(high)


def spoken(low: float, high: float) -> str:
    """How an interval is written behind a figure."""
    return f"90 % of bootstrap {low:.2f}–{high:.2f}"
