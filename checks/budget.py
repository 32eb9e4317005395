"""The threshold of evidence that keeps false episodes within the budget of a model.

Reference windows are scored without their own block; whole blocks, all series together, are then drawn with
replacement into streams as long as the budget's period, run through the sequence with its effect floors, and
the episodes counted. The threshold is the one that the budget affords.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from checks.naming import Highest
from checks.scores import LANES, MAX_STEP
from checks.seasons import DAY_US, Blocks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

# A part of the budget is kept for hard breaks, which fire in one window without a sequence.
HARD_LANE_SHARE = 0.1

# Evidence below this is never an episode, however little the reference varied. It is above MAX_STEP: it takes
# two windows.
LEAST_THRESHOLD = MAX_STEP + 0.5

# Peaks that the tail is fitted to start here at the lowest, and are one while fewer than this many windows
# part them.
_LOWEST_PEAK = 4.0
_APART = 3

# Evidence in nats has a tail of scale 1 where the nulls are exact; the fit starts from one such excess. Three
# pull the tail of a stormy reference down to less than half of what it is (docs/decisions/010).
_PRIOR_PEAKS = 1.0
_PRIOR_SCALE = 1.0

STREAMS = 200
# As many blocks each as the reference has. More streams only shuffle the same blocks again.
NAMING_STREAMS = 10


@dataclass(frozen=True, slots=True)
class Budget:
    """False episodes that a model may cost, over all families, in a period of days."""

    episodes: float = 1.0
    days: float = 90.0

    @property
    def per_day(self) -> float:
        return self.episodes / self.days


@dataclass(frozen=True, slots=True)
class Threshold:
    """Evidence in nats at which a series fires; `extrapolated` if the reference is too short to show it."""

    nats: float
    extrapolated: bool


@dataclass(frozen=True)
class Lanes:
    """Every lane that can gain evidence, and what its effect is measured by.

    steps                  float64[L, W]
    seen, normal, unit     float64[S, W]
    series, down           int[L]: the series of each lane, and whether its falls count
    family                 int[L], 0..families-1
    floors                 float64[S, 3]: size, ratio, events
    """

    steps: Floats
    seen: Floats
    normal: Floats
    unit: Floats
    series: Ints
    down: npt.NDArray[np.bool_]
    family: Ints
    floors: Floats
    families: int


def lanes_of(
    steps: Floats, seen: Floats, normal: Floats, unit: Floats, family: Ints, floors: Floats
) -> Lanes:
    """Lanes from scores of W windows: steps float64[W, S, 4], the others float64[W, S], family int[S]."""
    flat = np.ascontiguousarray(steps.reshape(len(steps), -1).T)
    # A lane that never gains evidence cannot alarm: most falls, and every class that was never seen.
    alive = np.flatnonzero((flat > 0).any(axis=1))
    series = (alive // LANES).astype(np.intp)
    return Lanes(
        steps=flat[alive],
        seen=np.ascontiguousarray(seen.T),
        normal=np.ascontiguousarray(normal.T),
        unit=np.ascontiguousarray(unit.T),
        series=series,
        down=(alive % 2 == 1),
        family=family[series].astype(np.intp),
        floors=floors,
        families=int(family.max(initial=-1)) + 1,
    )


@njit(cache=True)
def evidence(
    steps: Floats,
    seen: Floats,
    normal: Floats,
    unit: Floats,
    series: Ints,
    down: npt.NDArray[np.bool_],
    family: Ints,
    floors: Floats,
    windows: Ints,
    column: Ints,
    out: Floats,
) -> None:  # pragma: no cover - compiled
    """Run every lane over the windows in the order given, and put into out[family, column[t]] the largest evidence
    of a lane whose effect since it left zero is above its floor. The same rules as `decision.step`."""
    for lane in range(len(steps)):
        s, f = series[lane], family[lane]
        size, ratio, events = floors[s, 0], floors[s, 1], floors[s, 2]
        total = a = b = u = 0.0
        for t in range(len(windows)):
            w = windows[t]
            total += steps[lane, w]
            if total <= 0.0:
                total = a = b = u = 0.0
                continue
            a += seen[s, w]
            b += normal[s, w]
            u += unit[s, w]
            if total > out[f, column[t]]:
                rise = a - b >= size * u and a >= ratio * b and a >= events
                fall = b - a >= size * u
                if u > 0.0 and (fall if down[lane] else rise):
                    out[f, column[t]] = total


def peaks(levels: Floats, least: float) -> Floats:
    """Largest value of every stretch above `least` in float64[F, T]; 3 windows below it part stretches."""
    found = [_peaks_of(row, least) for row in levels]
    return np.concatenate(found) if found else np.zeros(0)


def _peaks_of(row: Floats, least: float) -> Floats:
    high = np.flatnonzero(row > least)
    if not len(high):
        return np.zeros(0)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(high) > _APART) + 1])
    return np.asarray(np.maximum.reduceat(row[high], starts))


def find_threshold(
    lanes: Lanes,
    blocks: Blocks,
    every_us: int,
    budget: Budget,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Threshold:
    """The threshold that `budget` affords, from left-out scores of the reference in at least 3 blocks.

    `progress(done, total)` hears of every stream: with hundreds of hourly series this is most of a fit.
    """
    order = np.argsort(blocks.of, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(blocks.of))[:-1])
    block_days = len(order) / blocks.count * every_us / 86_400_000_000
    allowed = budget.per_day * (1 - HARD_LANE_SHARE)
    generator = np.random.default_rng(seed)
    length = max(1, math.ceil(max(budget.days, 4 * block_days) / block_days))
    found: list[Floats] = []
    days = 0.0
    for number in range(STREAMS):
        drawn = generator.integers(0, blocks.count, size=length)
        windows = np.concatenate([members[k] for k in drawn])
        found.append(_run(lanes, windows))
        days += len(windows) * every_us / 86_400_000_000
        if progress is not None:
            progress(number + 1, STREAMS)
    heights = np.sort(np.concatenate(found))[::-1]

    # A block not seen yet is higher than all K that were with probability 1 / (K + 1), not 0: being
    # exchangeable with them. That much of the rate the streams cannot show.
    affordable = allowed * blocks.count / (blocks.count + 1)
    per_block = allowed * block_days
    if per_block * (blocks.count + 1) >= 2:
        nats = _height(heights, affordable * days)
        return Threshold(max(nats, LEAST_THRESHOLD), extrapolated=False)
    # Too rare for the blocks at hand: an exponential tail beyond the height that every second block reaches.
    rate = max(0.5, per_block)
    start = max(_height(heights, rate / block_days * days), _LOWEST_PEAK)
    above = max(float(np.count_nonzero(heights > start)), 0.5) / days * block_days
    own = _run(lanes, np.concatenate(members))
    excess = own[own > start] - start
    shape = _PRIOR_PEAKS + len(excess)
    scale = _PRIOR_PEAKS * _PRIOR_SCALE + float(excess.sum())
    # The excess of the next peak when its scale is only known from these: a Lomax, not an exponential.
    further = scale * (max(above / per_block, 1.0) ** (1 / shape) - 1)
    return Threshold(max(start + further, LEAST_THRESHOLD), extrapolated=True)


def _run(lanes: Lanes, windows: Ints) -> Floats:
    """Heights of the peaks of every family in one stream."""
    out = np.zeros((lanes.families, len(windows)))
    _gather(lanes, lanes.family, windows, np.arange(len(windows)), out)
    return peaks(out, _LOWEST_PEAK)


def _gather(lanes: Lanes, group: Ints, windows: Ints, column: Ints, out: Floats) -> None:
    """`evidence` by any grouping of the lanes."""
    evidence(
        lanes.steps,
        lanes.seen,
        lanes.normal,
        lanes.unit,
        lanes.series,
        lanes.down,
        group,
        lanes.floors,
        windows.astype(np.intp),
        column.astype(np.intp),
        out,
    )


def highest_days(lanes: Lanes, blocks: Blocks, every_us: int, seed: int) -> Highest:
    """What the evidence of each series reaches in a day of such streams, for the names of a finding."""
    order = np.argsort(blocks.of, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(blocks.of))[:-1])
    generator = np.random.default_rng([seed, 1])
    found = []
    for _ in range(NAMING_STREAMS):
        windows = np.concatenate([members[k] for k in generator.integers(0, blocks.count, size=blocks.count)])
        day = np.arange(len(windows)) // max(1, DAY_US // every_us)
        out = np.zeros((len(lanes.floors), int(day[-1]) + 1))
        _gather(lanes, lanes.series, windows, day, out)
        found.append(out)
    return Highest.of(np.concatenate(found, axis=1))


def _height(descending: Floats, count: float) -> float:
    """The height that `count` of the peaks exceed; 0 if there are not that many."""
    index = math.floor(count)
    return float(descending[index]) if index < len(descending) else 0.0


def provisional_threshold(lanes: int, every_us: int, budget: Budget) -> Threshold:
    """Without blocks: each lane may alarm in each window of the period with chance e^-h (Lorden 1971)."""
    windows = budget.days * 86_400_000_000 / every_us
    allowed = budget.episodes * (1 - HARD_LANE_SHARE)
    nats = math.log(max(lanes, 1) * max(windows, 1) / allowed)
    return Threshold(max(nats, LEAST_THRESHOLD), extrapolated=True)
