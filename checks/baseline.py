"""Learning what is normal from a reference, and scoring windows by it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from checks import floors
from checks.budget import Budget, Lanes, find_threshold, highest_days, lanes_of, provisional_threshold
from checks.expected import (
    Kinds,
    Level,
    Sums,
    base,
    choose_seasons,
    counts_by_class,
    left_out_base,
    left_out_level,
    level,
    observed,
    tally,
)
from checks.frozen import Baseline, Facts
from checks.naming import Highest
from checks.novelty import as_if_new
from checks.sampling_null import LEAST_FOR_Z, Raw, Spread, add_distributions, estimate_spread, raw_scores
from checks.scores import LANES, NOTABLE, NOTABLE_Z, OK, Scores, finish, joined, tempering
from checks.seasons import Blocks, Calendar, Season, blocks, classes, missing, places
from checks.series import Observations, Series
from checks.window_null import Centre, Null, believed_z, centre_of, learn_null

Floats = npt.NDArray[np.float64]

__all__ = ["Baseline", "Budget", "Calendar", "Fitted", "Scores", "fit", "fit_with_null", "score"]

# Without blocks nothing says how much windows vary, so this is assumed, and findings say "provisionally".
PROVISIONAL_RHO = 0.01
PROVISIONAL_VOLUME_DISPERSION = 0.1

# The last clean weeks decide over the reference only once they hold a whole week.
_OTHER_SERIES = "these observations are not of the series that the baseline was fitted to"
_RECENT_DAYS = 7.0
_RECENT_RECORDS = 50.0

# Windows whose distributions are scored together; bounds memory where a reference is scored again.
_WINDOWS_AT_ONCE = 64


class Progress(Protocol):
    """`progress(stage, done, total)`."""

    def __call__(self, stage: str, done: int, total: int | None) -> None: ...


@dataclass(frozen=True)
class Fitted:
    """A baseline and what the reference itself scored, each window without its own block.

    `scores` has a row per window given. It is None where there are fewer than three blocks: then nothing can
    be left out.
    """

    baseline: Baseline
    scores: Scores | None


def fit(
    obs: Observations,
    calendar: Calendar,
    *,
    budget: Budget | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Baseline:
    """Learn what is normal from reference windows, in ascending order of time.

    Windows without records belong in `obs` (with n = 0): a window that is left out is one that never was.
    Only those before the first record and after the last teach nothing: a span that was declared wider than
    the data. Raises ValueError if `obs` holds no window or is not in order.
    """
    return fit_with_null(obs, calendar, budget=budget, seed=seed, progress=progress).baseline


def fit_with_null(
    obs: Observations,
    calendar: Calendar,
    *,
    budget: Budget | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Fitted:
    """`fit`, with the left-out scores of the reference."""
    if len(obs.start_us) == 0 or (np.diff(obs.start_us) <= 0).any():
        raise ValueError("the reference windows must be at least one, in ascending order and each only once")
    within = with_records(obs)
    fitted = _fit(obs.rows(within), calendar, budget or Budget(), seed, progress or _silent)
    if fitted.scores is None or within == slice(0, len(obs.start_us)):
        return fitted
    outside = [
        score(fitted.baseline, obs.rows(part)) for part in (slice(0, within.start), slice(within.stop, None))
    ]
    return replace(fitted, scores=joined((outside[0], fitted.scores, outside[1])))


def with_records(obs: Observations) -> slice:
    """From the first window with anything in it to the last; all, if there is none."""
    filled = np.flatnonzero((np.nan_to_num(obs.n) > 0).any(axis=1))
    return slice(int(filled[0]), int(filled[-1]) + 1) if len(filled) else slice(0, len(obs.start_us))


def _fit(obs: Observations, calendar: Calendar, budget: Budget, seed: int, say: Progress) -> Fitted:
    kinds, block = Kinds.of(obs.series), blocks(obs.start_us, calendar)
    obs = as_if_new(obs, block)
    cell = places(obs.start_us, calendar).cell
    say("baseline: seasons", 0, 1)
    sums = tally(obs, kinds, cell, block, calendar.cells)
    learner = _learn_blocks if block.kind != "none" else _learn_without_blocks
    learned = learner(obs, kinds, sums, cell, block, calendar)
    say("baseline: seasons", 1, 1)
    baseline = Baseline(
        series=obs.series,
        calendar=calendar,
        budget=budget,
        seed=seed,
        facts=_facts(obs, calendar, block),
        threshold=float("inf"),
        season=learned.season,
        sums=sums.total(),
        class_counts=_class_counts(obs, kinds, cell, learned.season, calendar),
        spread=learned.spread,
        null=learned.null,
        temper=np.ones((len(obs.series), LANES)),
        highest=Highest.unknown(),
    )
    scores: Scores | None = None
    if learned.centre is None:
        two_sided = sum(2 if floors.falls_matter(one) else 1 for one in obs.series)
        threshold = provisional_threshold(two_sided * LANES // 2, calendar.every_us, budget)
    else:
        raw, centre = learned.raw, learned.centre
        scores = finish(obs, kinds, raw, centre, learned.spread, baseline.known, None)
        temper, left_out = tempering(scores.steps, calendar.slots - 1, block)
        baseline = replace(baseline, temper=temper)
        scores = replace(scores, steps=scores.steps * left_out[block.of])
        lanes = _lanes(obs, scores, baseline)
        threshold = find_threshold(
            lanes, block, calendar.every_us, budget, seed, partial(say, "baseline: threshold")
        )
        baseline = replace(baseline, highest=highest_days(lanes, block, calendar.every_us, seed))
    facts = replace(baseline.facts, extrapolated=threshold.extrapolated)
    return Fitted(replace(baseline, facts=facts, threshold=threshold.nats), scores)


def _silent(stage: str, done: int, total: int | None) -> None:
    return


def _lanes(obs: Observations, scores: Scores, baseline: Baseline) -> Lanes:
    return lanes_of(
        scores.steps, scores.seen, scores.normal, scores.unit, family_numbers(obs.series), baseline.floors
    )


def family_numbers(series: tuple[Series, ...]) -> npt.NDArray[np.intp]:
    """int[S]: the families of the series, numbered in alphabetical order."""
    names = sorted({one.family for one in series})
    return np.array([names.index(one.family) for one in series], dtype=np.intp)


def _facts(obs: Observations, calendar: Calendar, block: Blocks) -> Facts:
    return Facts(
        from_us=int(obs.start_us[0]),
        to_us=int(obs.start_us[-1]) + calendar.every_us,
        windows=len(obs.start_us),
        blocks=block.count if block.kind != "none" else 0,
        block=block.kind,
        missing=missing(obs.start_us, calendar),
        provisional=block.kind == "none",
        extrapolated=True,
    )


@dataclass(frozen=True)
class _Learned:
    season: npt.NDArray[np.int8]
    spread: Spread
    null: Null
    raw: Raw
    centre: Centre | None


def _learn_blocks(
    obs: Observations,
    kinds: Kinds,
    sums: Sums,
    cell: npt.NDArray[np.intp],
    block: Blocks,
    calendar: Calendar,
) -> _Learned:
    season = choose_seasons(obs, kinds, sums, cell, block, calendar)
    predicted = left_out_level(sums, kinds, cell, block, season)
    spread, left_out = estimate_spread(obs, kinds, predicted, _within_variance(sums.total()), block)
    raw = raw_scores(obs, kinds, predicted, left_out)
    for s in kinds.distribution:
        bins = obs.bins[int(s)]
        shares, records = left_out_base(bins, cell, block, int(season[s]), calendar.slots)
        add_distributions(raw, np.array([s]), bins[:, None], shares[:, None], records[:, None])
    null, centre = learn_null(obs, kinds, raw.score, block)
    return _Learned(season, spread, null, raw, centre)


def _learn_without_blocks(
    obs: Observations,
    kinds: Kinds,
    sums: Sums,
    cell: npt.NDArray[np.intp],
    block: Blocks,
    calendar: Calendar,
) -> _Learned:
    """Assumed spreads about the pooled level; volumes follow the hour where every hour was seen."""
    size = len(obs.series)
    season = np.full(size, int(Season.NONE), dtype=np.int8)
    if len(np.unique(cell % calendar.slots)) == calendar.slots and Season.HOUR in calendar.candidates():
        season[kinds.volume] = int(Season.HOUR)
    total = sums.total()
    scale = np.sqrt(_within_variance(total))
    means = kinds.mean
    typical = np.abs(total.x[:, means].sum(axis=0)) / np.maximum(total.n[:, means].sum(axis=0), 1)
    scale[means] = np.maximum(scale[means], 1e-6 * typical + 1e-12)
    dispersion = np.full(size, PROVISIONAL_RHO)
    dispersion[kinds.volume] = PROVISIONAL_VOLUME_DISPERSION
    dispersion[means] = PROVISIONAL_RHO * np.square(scale[means])
    zero, one = np.zeros((3, size)), np.ones((3, size))
    # Raw scores are z already, except for distributions, whose own null `score` takes from sampling alone.
    count = np.full(size, 1e9)
    null = Null(zero, one, one, np.full((2, size), np.inf), count, np.ones(size), count, np.ones(size))
    raw = Raw(*(np.zeros(obs.n.shape) for _ in range(8)))
    return _Learned(season, Spread(dispersion, scale), null, raw, None)


def _within_variance(total: Sums) -> Floats:
    """Pooled variance of single values within windows, float64[S]."""
    freedom = total.n.sum(axis=0) - total.windows.sum(axis=0)
    return np.asarray(total.within.sum(axis=0) / np.maximum(freedom, 1))


def _class_counts(
    obs: Observations,
    kinds: Kinds,
    cell: npt.NDArray[np.intp],
    season: npt.NDArray[np.int8],
    calendar: Calendar,
) -> dict[int, npt.NDArray[np.int64]]:
    out = {}
    for s in kinds.distribution:
        label = classes(Season(season[s]), calendar.slots)
        out[int(s)] = counts_by_class(obs.bins[int(s)], label[cell], int(label.max()) + 1)
    return out


def score(baseline: Baseline, obs: Observations, recent: Observations | None = None) -> Scores:
    """How unusual each window of `obs` is, for the same series in the same order.

    `recent` holds the last clean windows (four weeks of them, none of an open episode): volumes and means are
    then judged against the reference's season at the recent level, so that growth does not alarm, and
    `frozen_z` still says how far the reference itself is. Used once it spans a week.
    Raises ValueError if the series are not those of the baseline.
    """
    frozen = _frozen(baseline, obs)
    return _score(baseline, obs, frozen, _at_recent_level(baseline, frozen, recent))


def score_each(baseline: Baseline, obs: Observations, recents: Iterable[Observations | None]) -> Scores:
    """As `score` of every window alone, each with recent windows of its own: the same to the last bit, and faster."""
    frozen = _frozen(baseline, obs)
    rows = [
        _at_recent_level(baseline, frozen.rows(slice(w, w + 1)), recent) for w, recent in enumerate(recents)
    ]
    current = Level(*(np.concatenate([getattr(row, field.name) for row in rows]) for field in fields(Level)))
    return _score(baseline, obs, frozen, current)


def _frozen(baseline: Baseline, obs: Observations) -> Level:
    if obs.series != baseline.series:
        raise ValueError(_OTHER_SERIES)
    cell = places(obs.start_us, baseline.calendar).cell
    return level(baseline.folded, baseline.kinds, cell, baseline.season)


def _score(baseline: Baseline, obs: Observations, frozen: Level, current: Level) -> Scores:
    kinds = baseline.kinds
    cell = places(obs.start_us, baseline.calendar).cell
    raw = raw_scores(obs, kinds, current, baseline.spread)
    for first in range(0, len(cell), _WINDOWS_AT_ONCE):
        _score_distributions(raw, obs, baseline, cell, slice(first, first + _WINDOWS_AT_ONCE))
    centre = centre_of(baseline.null, obs.n)
    if baseline.provisional:
        # No reference windows to compare with: the sampling null decides alone.
        raw.score[:, kinds.distribution] = raw.sampling[:, kinds.distribution]
    frozen_z = None
    if current is not frozen:
        frozen_raw = raw_scores(obs, kinds, frozen, baseline.spread)
        moving = np.concatenate([kinds.volume, kinds.mean])
        frozen_z = believed_z(raw, centre, kinds, obs.n)
        frozen_z[:, moving] = believed_z(frozen_raw, centre, kinds, obs.n)[:, moving]
    scores = finish(obs, kinds, raw, centre, baseline.spread, baseline.known, frozen_z)
    return replace(scores, status=_notable(scores, baseline), steps=scores.steps * baseline.temper)


def _score_distributions(
    raw: Raw, obs: Observations, baseline: Baseline, cell: npt.NDArray[np.intp], rows: slice
) -> None:
    """Fill the distributions of some windows, all series at once."""
    series = baseline.kinds.distribution
    if not len(series):
        return
    width = max(obs.bins[int(s)].shape[1] for s in series)
    shape = (len(cell[rows]), len(series), width)
    bins, shares, records = np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape[:2])
    for d, s in enumerate(series.tolist()):
        own, season = obs.bins[s][rows], int(baseline.season[s])
        label = classes(Season(season), baseline.calendar.slots)[cell[rows]]
        bins[:, d, : own.shape[1]] = own
        shares[:, d, : own.shape[1]], records[:, d] = base(baseline.class_counts[s], label, season)
    part = Raw(*(getattr(raw, field.name)[rows] for field in fields(Raw)))
    rho = PROVISIONAL_RHO if baseline.provisional else 0.0
    add_distributions(part, series, bins, shares, records, rho)


def _notable(scores: Scores, baseline: Baseline) -> npt.NDArray[np.uint8]:
    """A window far from normal by the present or by the frozen baseline, and by more than the floor."""
    one_sided = np.array([not floors.falls_matter(one) for one in baseline.series])
    far = np.fmax(
        np.where(one_sided, scores.z, np.abs(scores.z)),
        np.where(one_sided, scores.frozen_z, np.abs(scores.frozen_z)),
    )
    large = np.abs(scores.effect) >= baseline.floors[:, 0]
    # `unit` of a rate is its messages.
    large[:, baseline.kinds.rate] &= scores.unit[:, baseline.kinds.rate] >= LEAST_FOR_Z
    status = scores.status.copy()
    status[(status == OK) & (np.nan_to_num(far) >= NOTABLE_Z) & large] = NOTABLE
    return status


def _at_recent_level(baseline: Baseline, frozen: Level, recent: Observations | None) -> Level:
    """The frozen level moved by what recent windows were off: volumes by a factor, means by a difference.

    Four weeks know a level less well than the reference does, and least where windows resemble their neighbours:
    that uncertainty is added to the prediction's own.
    """
    if recent is None:
        return frozen
    if recent.series != baseline.series:
        raise ValueError(_OTHER_SERIES)
    kinds, every = baseline.kinds, baseline.calendar.every_us
    if len(recent.start_us) * every < _RECENT_DAYS * 86_400_000_000:
        return frozen
    v, m = kinds.volume, kinds.mean
    moving = np.concatenate([v, m])
    of_moving = Kinds.of(tuple(recent.series[s] for s in moving))
    cell = places(recent.start_us, baseline.calendar).cell
    then = level(baseline.folded.of_series(moving), of_moving, cell, baseline.season[moving]).mean
    seen = observed(recent, kinds)
    mean, sampling, between = frozen.mean.copy(), frozen.sampling.copy(), frozen.between.copy()
    independent = np.minimum(baseline.null.count / max(baseline.facts.windows, 1), 1)
    windows = np.maximum(seen.sum(axis=0) * independent, 1)
    came = np.where(seen[:, v], recent.x[:, v], 0.0).sum(axis=0)
    expected = np.where(seen[:, v], then[:, of_moving.volume], 0.0).sum(axis=0)
    # A segment of few records keeps its level: its factor would be mostly chance.
    enough = (came >= _RECENT_RECORDS) & (expected >= _RECENT_RECORDS)
    mean[:, v] *= np.where(enough, came / np.maximum(expected, 1e-300), 1.0)
    sampling[:, v] += np.where(enough, 1 / np.maximum(came, 1), 0.0)
    between[:, v] += np.where(enough, 1 / windows[v], 0.0)
    n = np.where(seen[:, m], recent.n[:, m], 0.0)
    total = np.where(seen[:, m], recent.x[:, m], 0.0).sum(axis=0)
    off = (total - (n * then[:, of_moving.mean]).sum(axis=0)) / np.maximum(n.sum(axis=0), 1)
    enough = n.sum(axis=0) >= _RECENT_RECORDS
    mean[:, m] += np.where(enough, off, 0.0)
    sampling[:, m] += np.where(enough, 1 / np.maximum(n.sum(axis=0), 1), 0.0)
    between[:, m] += np.where(enough, 1 / windows[m], 0.0)
    return Level(mean, sampling, between)
