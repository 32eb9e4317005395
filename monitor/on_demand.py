"""What is worked out about performance when somebody asks, from kept records: it changes no verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks import explain
from checks.performance import cohort, reweighting, risk
from checks.performance.cohort import Release
from checks.performance.estimated import BLIND
from checks.performance.estimates import Estimate
from monitor.cohorts import cohort_of, inputs_of, predicting
from monitor.performance import REFERENCE_RECORDS
from monitor.store import baselines, samples
from monitor.store import performance as stored
from monitor.store.engine import Store
from monitor.watched import Watched

_EVER_US = 2**62  # a label of the reference counts whenever it came


@dataclass(frozen=True, slots=True)
class Bound:
    """What the error rate was at least, at some time in some windows, and how many labelled records say so."""

    low: float
    records: int

    @property
    def sentence(self) -> str:
        """For people."""
        if not self.records:
            return "No kept record of these windows has a label, so their error rate has no lower bound."
        return (
            f"At some time in these windows the error rate was at least {explain.percent(self.low)}: so say "
            f"{self.records:,} labelled records with 95 % confidence, however often one looks."
        )


def error_bound(store: Store, watched: Watched, starts: Sequence[int]) -> Bound | None:
    """The risk bound over mature windows, oldest first; None before the release is known."""
    labels = watched.contract.labels
    assert labels is not None
    game = risk.begin()
    with store.read() as conn:
        known = stored.newest_release(conn, watched.id)
        if known is None:
            return None
        limit = Release.from_dict(known.body).limit
        for start in starts:
            until_us = watched.grid.window_end(start) + labels.mature_after_us
            one = cohort_of(conn, watched, samples.of_window(conn, watched.id, start), until_us)
            game = risk.observe(game, one.where(one.known & one.even).wrong(limit).astype(np.float64))
    return Bound(game.low, game.seen)


@dataclass(frozen=True)
class Again:
    """Estimates of some windows together: plain, and calibrated again on the reference weighted to their inputs.

    effective: what the weighted reference is worth in records; `sentences` say it, or why it could not be done.
    """

    plain: Mapping[str, Estimate]
    recalibrated: Mapping[str, Estimate]
    effective: float | None
    sentences: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""

        def bounded(figures: Mapping[str, Estimate]) -> dict[str, Any]:
            return {name: {"value": e.value, "low": e.low, "high": e.high} for name, e in figures.items()}

        return {
            "plain": bounded(self.plain),
            "recalibrated": bounded(self.recalibrated),
            "effective": self.effective,
            "notes": list(self.sentences),
        }


def estimate_again(store: Store, watched: Watched, starts: Sequence[int]) -> Again:
    """What scores say of the kept records of these windows if the reference is weighted to be like them."""
    with store.read() as conn:
        known = stored.newest_release(conn, watched.id)
        if known is None:
            return Again({}, {}, None, ("Nothing can be recalibrated before the release is known.",))
        span = baselines.load(conn, known.baseline_id).reference
        before = predicting(
            samples.smallest_ranks(conn, watched.id, span["from_us"], span["to_us"], REFERENCE_RECORDS)
        )
        reference = cohort_of(conn, watched, before, _EVER_US)
        after = predicting([row for start in starts for row in samples.of_window(conn, watched.id, start)])
        now = cohort_of(conn, watched, after, 0)
    made = Release.from_dict(known.body)
    plain = cohort.estimated_metrics(now, made)
    ours = np.flatnonzero(reference.even)
    theirs = np.flatnonzero(now.even)
    try:
        ratio = reweighting.density_ratio(
            inputs_of(watched, [before[row] for row in ours]),
            inputs_of(watched, [after[row] for row in theirs]),
        )
        weight = np.ones(len(reference))
        weight[ours] = ratio.weight
        found = cohort.estimated_metrics(now, cohort.recalibrated(reference, weight, made))
    except ValueError as error:
        return Again(plain, {}, None, (f"Not recalibrated: {error}.",))
    said = (
        f"Weighted to the inputs of these windows the reference is worth {ratio.effective:,.0f} records. "
        f"Calibrated again on it, the estimated accuracy is {explain.percent(found['estimated_accuracy'].value)} "
        f"({explain.percent(plain['estimated_accuracy'].value)} before), still {BLIND}."
    )
    return Again(plain, found, ratio.effective, (said,))
