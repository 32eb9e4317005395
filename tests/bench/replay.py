"""Run a baseline and the sequence over windows, and count what a person on call would have seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from checks import decision
from checks.baseline import Baseline, Scores, score
from checks.series import Observations

CLEAN_WINDOWS = 3


@dataclass(frozen=True)
class Episode:
    family: str
    opened: int  # window numbers
    closed: int | None
    named: tuple[str, ...]


@dataclass(frozen=True)
class Replayed:
    """episodes, and per window and series whether it was in breach, bool[W, S]."""

    episodes: tuple[Episode, ...]
    breach: npt.NDArray[np.bool_]


def replay(baseline: Baseline, obs: Observations, scores: Scores | None = None) -> Replayed:
    """Judge the windows in order; an episode closes, and its series are reset, after three clean windows."""
    scores = score(baseline, obs) if scores is None else scores
    state = decision.State.empty(baseline)
    open_now: dict[str, int] = {}
    clean: dict[str, int] = {}
    episodes: list[Episode] = []
    breach = np.zeros(obs.n.shape, dtype=bool)
    for w in range(len(obs.start_us)):
        row = slice(w, w + 1)
        state, judgement = decision.step(baseline, state, scores.rows(row), obs.rows(row), ())
        breach[w] = judgement.status == 2
        for finding in judgement.findings:
            name = finding.family
            if finding.firing:
                clean[name] = 0
                if name not in open_now:
                    open_now[name] = len(episodes)
                    named = tuple(baseline.series[one.series].name for one in finding.named)
                    episodes.append(Episode(name, w, None, named))
            elif finding.clean and name in open_now:
                clean[name] += 1
                if clean[name] >= CLEAN_WINDOWS:
                    number = open_now.pop(name)
                    episodes[number] = replace(episodes[number], closed=w)
                    state = decision.reset(baseline, state, name)
    return Replayed(tuple(episodes), breach)
