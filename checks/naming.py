"""Which series carry a finding beside those that fired: step-down max-T over the evidence of its family.

Westfall and Young (1993, ch. 4): series are taken in order of their evidence, and each is held against what the
highest of those *not yet named* reaches when nothing changed. So a finding that many series carry names them without
paying for each with the threshold of all. What "nothing changed" gives comes from the streams of the budget's own block
bootstrap, a day (or a longer window) at a time: in one day of twenty the untouched series of a family would add a name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

# The chance that a day of an episode names an untouched series of its family.
ERROR = 0.05
# One series passes this with that chance where its nulls are exact, however little its reference varied.
LEAST_NATS = math.log(1 / ERROR)


@dataclass(frozen=True)
class Highest:
    """The highest days of every series in `days` days without a change.

    series int32[E], day int32[E] and nats float64[E], the evidence with its effect above the floor; of each series
    as many days as the chance of a wrong name can need. Without days (a reference of no blocks) nothing is named.
    """

    days: int
    series: npt.NDArray[np.int32]
    day: npt.NDArray[np.int32]
    nats: Floats

    @classmethod
    def unknown(cls) -> Highest:
        return cls(0, np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))

    @classmethod
    def of(cls, nats: Floats) -> Highest:
        """From the highest evidence of each day, float64[S, D]."""
        kept = _rank(nats.shape[1]) + 1
        top = np.sort(np.argsort(-nats, axis=1, kind="stable")[:, :kept], axis=1)
        values = np.take_along_axis(nats, top, axis=1)
        series, place = np.nonzero(values > LEAST_NATS)
        day = top[series, place]
        return cls(nats.shape[1], series.astype(np.int32), day.astype(np.int32), values[series, place])

    def level(self, among: npt.NDArray[np.bool_]) -> float:
        """The evidence that the highest of some series, bool[S], passes on one day of twenty; in nats."""
        mine = among[self.series]
        highest = np.zeros(self.days)
        np.maximum.at(highest, self.day[mine], self.nats[mine])
        rank = _rank(self.days)
        return max(float(np.partition(highest, -1 - rank)[-1 - rank]), LEAST_NATS)


def carriers(highest: Highest, evidence: Floats, among: npt.NDArray[np.bool_]) -> Ints:
    """The series, heaviest first, that carry a change beside those already named.

    evidence: nats float64[S], 0 where the effect is below the floor; among: bool[S], the series of the family that are
    not yet named.
    """
    left, found = among.copy(), list[int]()
    if highest.days == 0:
        return np.zeros(0, np.intp)
    for s in np.argsort(-np.where(among, evidence, 0.0), kind="stable"):
        if not left[s] or evidence[s] < LEAST_NATS or evidence[s] <= highest.level(left):
            break
        found.append(int(s))
        left[s] = False
    return np.array(found, np.intp)


def _rank(days: int) -> int:
    """How many days may be higher than the level."""
    return math.floor(ERROR * days)
