"""False episodes on made-up seasonal streams without a change, what a loss of volume moves, and four changes found."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checks.baseline import Budget, fit_with_null
from checks.series import Observations
from tests.bench import seasonal
from tests.bench.decision.common import Figure, interval, spoken
from tests.bench.replay import Replayed, replay

BUDGETS = (14.0, 30.0, 90.0)
MONITORED_DAYS = 168
CHANGE_DAYS = 42
WITHIN = 14
MOST_FALSE, LEAST_FOUND = 1.2, 0.9
KEPT_VOLUME = 0.4

REFERENCE = slice(0, seasonal.REFERENCE_DAYS)
MONITORED = slice(seasonal.REFERENCE_DAYS, None)
LATE = slice(CHANGE_DAYS, CHANGE_DAYS + WITHIN)


def figures(streams: int) -> Iterator[Figure]:
    """Seeds from 1,000 on: those below chose the constants (docs/decisions/010)."""
    ratios: dict[float, list[float]] = {days: [] for days in BUDGETS}
    found: dict[str, list[bool]] = {kind: [] for kind in seasonal.INJECTIONS}
    moved, moved_anyway = [], []
    for seed in range(1_000, 1_000 + streams):
        obs = seasonal.generate(seed, seasonal.REFERENCE_DAYS + MONITORED_DAYS)
        for days in BUDGETS:
            fitted = fit_with_null(obs.rows(REFERENCE), seasonal.CALENDAR, budget=Budget(1, days))
            quiet = replay(fitted.baseline, obs.rows(MONITORED))
            ratios[days].append(len(quiet.episodes) / MONITORED_DAYS * days)
        moved_anyway.append(_distributions(obs, quiet))
        thin = thinned(obs, seasonal.REFERENCE_DAYS + CHANGE_DAYS, KEPT_VOLUME, seed)
        moved.append(_distributions(obs, replay(fitted.baseline, thin.rows(MONITORED))))
        if seed % 4 == 0:
            for kind in seasonal.INJECTIONS:
                changed = seasonal.generate(
                    seed,
                    seasonal.REFERENCE_DAYS + MONITORED_DAYS,
                    kind,
                    seasonal.REFERENCE_DAYS + CHANGE_DAYS,
                )
                run = replay(fitted.baseline, changed.rows(MONITORED).rows(slice(0, LATE.stop)))
                found[kind].append(bool(run.alarms[LATE].any()))
    model_days = streams * MONITORED_DAYS
    for days, values in ratios.items():
        what = f"seasonal nulls, {model_days:,} model-days: false episodes, one in {days:.0f} days, as a multiple"
        yield Figure(
            f"{what} ({spoken(*interval(values))})", float(np.mean(values)), MOST_FALSE, at_most=True
        )
    what = "seasonal nulls: 60 % less volume, more streams with a distribution alarm within 14 days"
    yield Figure(what, float(np.mean(moved) - np.mean(moved_anyway)), 0.02, at_most=True)
    for kind, hits in found.items():
        if hits:
            yield Figure(
                f"seasonal streams: {kind}, found within {WITHIN} days", float(np.mean(hits)), LEAST_FOUND
            )


def _distributions(obs: Observations, run: Replayed) -> bool:
    """Whether a distribution newly alarmed in the two weeks after the change."""
    kinds = np.array([one.kind == "distribution" for one in obs.series])
    return bool(run.alarms[LATE][:, kinds].any())


def thinned(obs: Observations, change: int, kept: float, seed: int) -> Observations:
    """From window `change` on each record stays with probability `kept`: less volume and nothing else.

    Sums of values are thinned as their window's mean, which says nothing of a distribution.
    """
    draw = np.random.default_rng([seed, 17])
    n, x, xx = obs.n.copy(), obs.x.copy(), obs.xx.copy()
    bins = {s: counts.copy() for s, counts in obs.bins.items()}
    late = slice(change, None)
    records = draw.binomial(n[late, 0].astype(np.int64), kept).astype(np.float64)
    for s, one in enumerate(obs.series):
        if one.kind == "volume":
            n[late, s] = x[late, s] = records
        elif one.kind == "distribution":
            bins[s][late] = draw.binomial(bins[s][late], kept)
            n[late, s] = bins[s][late].sum(axis=1)
        elif one.kind == "rate":
            hits = draw.binomial(x[late, s].astype(np.int64), kept)
            others = draw.binomial((n[late, s] - x[late, s]).astype(np.int64), kept)
            x[late, s], n[late, s] = hits, hits + others
        else:
            share = records / np.maximum(n[late, s], 1)
            n[late, s], x[late, s], xx[late, s] = records, x[late, s] * share, xx[late, s] * share
    return Observations(obs.series, obs.start_us, n, x, xx, bins)
