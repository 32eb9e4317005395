"""The judgement of one window as a function of values: what the judge does live, and `replay` does again.

Beside plan, baseline and counts it depends on what happened before. `Context` holds that, and is kept with the
sequence: later episodes and later opinions must not change what an old verdict was made from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import monitor
from checks import baseline as baselines
from checks import decision, quality
from checks.baseline import Baseline
from checks.breaks import Break
from checks.decision import Judgement, State
from checks.plan import Plan
from checks.profile import Profile
from checks.scores import LEARNING, NOTABLE, OK, Scores
from checks.series import Observations
from monitor import burn
from monitor.recent import Changed, Recent
from monitor.store.canonical import json_text


def code() -> str:
    """The versions that numbers may depend on in their last digits."""
    import scipy

    return f"driftglass {monitor.__version__}, numpy {np.__version__}, scipy {scipy.__version__}"


@dataclass(frozen=True, slots=True)
class Context:
    """What the judgement of a window depended on, beside plan, baseline and counts.

    code          `code()` of then
    baseline_id   the baseline in force
    first_id      the first baseline of the model, which stays beside; that in force if there is no other
    before_us     the window whose state it went on from, None for the first
    recent_us     the recent level began with the window that starts here
    changed       what was left out of the recent level
    started       families that started again from no evidence before this window (feedback)
    quiet         places of series that a person expects to be different: they learn and do not fire
    ended         families whose episode this window closed: they start again after it
    """

    code: str
    baseline_id: int
    first_id: int
    before_us: int | None
    recent_us: int
    changed: tuple[Changed, ...] = ()
    started: tuple[str, ...] = ()
    quiet: tuple[int, ...] = ()
    ended: tuple[str, ...] = ()

    def encode(self) -> str:
        """Canonical JSON."""
        fields = {name: getattr(self, name) for name in Context.__slots__}
        changed = [[one.from_us, one.to_us, sorted(one.series)] for one in self.changed]
        return json_text({**fields, "changed": changed})

    @classmethod
    def decode(cls, text: str) -> Context:
        raw: dict[str, Any] = json.loads(text)
        changed = tuple(Changed(first, last, frozenset(series)) for first, last, series in raw["changed"])
        lists = {name: tuple(raw[name]) for name in ("started", "quiet", "ended")}
        return cls(**{**raw, **lists, "changed": changed})


@dataclass(frozen=True)
class Judged:
    """What came of one window; `state` is that after it, before any episode that it closes is taken out."""

    scores: Scores
    breaks: tuple[Break, ...]
    state: State
    judgement: Judgement


def judge(
    plan: Plan,
    baseline: Baseline,
    first: Baseline,
    before: State,
    profile: Profile,
    obs: Observations,
    recent: Recent,
    context: Context,
    window_us: int,
) -> Judged:
    """Judge the window that `obs` (one row) and `profile` hold; `window_us` is its length. The same values give
    the same bytes. `before` is the state after the window before it.
    """
    scores = scored(baseline, first, obs, recent, [context])
    return judge_scored(plan, baseline, before, profile, obs, recent, scores, context, window_us)


def scored(
    baseline: Baseline, first: Baseline, obs: Observations, recent: Recent, contexts: Sequence[Context]
) -> Scores:
    """The scores of windows that follow one another, each with its context; `recent` knows what is before each."""
    starts = obs.start_us.tolist()
    levels = (
        recent.before(start_us, context.changed, context.recent_us)
        for start_us, context in zip(starts, contexts, strict=True)
    )
    scores = baselines.score_each(baseline, obs, levels)
    if first is not baseline:
        scores = _beside(scores, baselines.score(first, obs))
    return _quiet(scores, [context.quiet for context in contexts])


def judge_scored(
    plan: Plan,
    baseline: Baseline,
    before: State,
    profile: Profile,
    obs: Observations,
    recent: Recent,
    scores: Scores,
    context: Context,
    window_us: int,
) -> Judged:
    """As `judge`, for a window whose scores (one row) are there already."""
    breaks = (*quality.breaks(profile, plan), *burn.breaks(plan.columns, recent, obs, window_us))
    state, judgement = decision.step(
        baseline, restarted(baseline, before, context.started), scores, obs, breaks
    )
    return Judged(scores, breaks, state, judgement)


def restarted(baseline: Baseline, state: State, families: Sequence[str]) -> State:
    """The state with these families at no evidence."""
    for family in families:
        state = decision.reset(baseline, state, family)  # type: ignore[arg-type]  # a stored family
    return state


def _beside(scores: Scores, frozen: Scores) -> Scores:
    """What the first baseline says, shown beside: a window that only it finds far from normal is notable."""
    status = np.where((scores.status == OK) & (frozen.status == NOTABLE), NOTABLE, scores.status)
    return replace(scores, status=status.astype(scores.status.dtype), frozen_z=frozen.z)


def _quiet(scores: Scores, series: Sequence[Sequence[int]]) -> Scores:
    """Series that learn, of each window, gather no evidence, for or against."""
    if not any(series):
        return scores
    status, steps = scores.status.copy(), scores.steps.copy()
    for window, some in enumerate(series):
        places = np.array(some, np.intp)
        status[window, places], steps[window, places] = LEARNING, 0.0
    return replace(scores, status=status, steps=steps)
