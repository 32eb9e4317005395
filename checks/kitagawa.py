"""How much of the change of a rate or a mean is a changed mix of segments, and how much is change within them.

Kitagawa 1955, with the mix of each segment measured from the middle of all traffic: with the weights w (a segment's
part of the traffic) and its levels r before, and w′ and r′ after,

    R′ − R = Σ (w′ − w) · ((r + r′)/2 − (R + R′)/2)  +  Σ (w + w′)/2 · (r′ − r)
             mix                                        within

The weights sum to one, so taking the middle (R + R′)/2 from every level changes no sum; it makes what a single segment
adds mean something: more traffic from a segment like all others adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Decomposition:
    """What each segment adds to the change of all traffic, float64[V] each, in the unit of the level.

    before, now              weights of the segments, each summing to 1
    level_before, level_now  of each segment; a segment that is empty on one side has its other side's level, one that
                             is empty on both has the middle
    """

    mix: Floats
    within: Floats
    before: Floats
    now: Floats
    level_before: Floats
    level_now: Floats

    @property
    def change(self) -> float:
        """R′ − R: all of mix and within."""
        return float(self.mix.sum() + self.within.sum())


def decompose(n_before: Floats, x_before: Floats, n_now: Floats, x_now: Floats) -> Decomposition | None:
    """The parts of a change of Σx/Σn over V segments that divide the traffic; None if a side counted nothing.

    All are float64[V]; n ≥ 0 is what was asked and x what was found (or the sum of values). A segment that is new or
    gone has no change within: all that it adds is mix.
    """
    if n_before.sum() <= 0 or n_now.sum() <= 0:
        return None
    before, now = n_before / n_before.sum(), n_now / n_now.sum()
    middle = (x_before.sum() / n_before.sum() + x_now.sum() / n_now.sum()) / 2
    first, second = _level(x_before, n_before), _level(x_now, n_now)
    level_before = np.where(np.isnan(first), np.where(np.isnan(second), middle, second), first)
    level_now = np.where(np.isnan(second), level_before, second)
    return Decomposition(
        mix=(now - before) * ((level_before + level_now) / 2 - middle),
        within=(before + now) / 2 * (level_now - level_before),
        before=before,
        now=now,
        level_before=level_before,
        level_now=level_now,
    )


def _level(x: Floats, n: Floats) -> Floats:
    return np.asarray(np.where(n > 0, x / np.where(n > 0, n, 1.0), np.nan))
