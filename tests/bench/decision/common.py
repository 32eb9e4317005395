"""What the parts of the table share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Figure:
    """One line of the table; `bar` is the least (or, with `at_most`, the most) that is asked, None for no bar."""

    what: str
    value: float
    bar: float | None = None
    at_most: bool = False

    @property
    def missed(self) -> bool:
        if self.bar is None:
            return False
        return not (self.value <= self.bar if self.at_most else self.value >= self.bar)


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """90 % bootstrap interval of the mean over streams."""
    drawn = np.random.default_rng(seed).choice(np.asarray(values), size=(2_000, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [0.05, 0.95])
    return float(low), float(high)


def spoken(low: float, high: float) -> str:
    """How an interval is written behind a figure."""
    return f"90 % of bootstrap {low:.2f}–{high:.2f}"
