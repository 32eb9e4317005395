"""Run a baseline and the sequence over windows, and count what a person on call would have seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from checks import decision
from checks.baseline import Baseline, Scores, score
from checks.scores import BREACH
from checks.series import Observations
from monitor.recent import RECENT_US, Changed, Recent

CLEAN_WINDOWS = 3


@dataclass(frozen=True)
class Episode:
    """opened and closed are window numbers, since_us and last_us starts of windows."""

    family: str
    opened: int
    closed: int | None
    named: tuple[str, ...]
    series: frozenset[int]
    since_us: int
    last_us: int


@dataclass(frozen=True)
class Replayed:
    """episodes, and per window and series whether it was in breach, bool[W, S]."""

    episodes: tuple[Episode, ...]
    breach: npt.NDArray[np.bool_]

    @property
    def alarms(self) -> npt.NDArray[np.bool_]:
        """bool[W, S]: the series that newly went into breach."""
        before = np.vstack([np.zeros((1, self.breach.shape[1]), dtype=np.bool_), self.breach[:-1]])
        return np.asarray(self.breach & ~before)


def replay(
    baseline: Baseline,
    obs: Observations,
    scores: Scores | None = None,
    *,
    before: Observations | None = None,
) -> Replayed:
    """Judge the windows in order; an episode closes, and its series are reset, after three clean windows.

    With `before`, the windows that came before these, volumes and means are judged against their last clean
    weeks, as the product does; else against the frozen reference.
    """
    recent = None if before is None else Recent(before)
    if recent is None and scores is None:
        scores = score(baseline, obs)
    state = decision.State.empty(baseline)
    open_now: dict[str, int] = {}
    clean: dict[str, int] = {}
    episodes: list[Episode] = []
    breach = np.zeros(obs.n.shape, dtype=bool)
    for w, at in enumerate(obs.start_us.tolist()):
        own = obs.rows(slice(w, w + 1))
        if recent is None:
            assert scores is not None
            scored = scores.rows(slice(w, w + 1))
        else:
            scored = score(baseline, own, recent.before(at, _changed(baseline, episodes)))
            recent.forget(at - RECENT_US)
            recent.add(own)
        state, judgement = decision.step(baseline, state, scored, own, ())
        breach[w] = judgement.status == BREACH
        for finding in judgement.findings:
            name = finding.family
            if finding.firing:
                clean[name] = 0
                series = frozenset(one.series for one in finding.named)
                if name not in open_now:
                    open_now[name] = len(episodes)
                    named = tuple(baseline.series[one.series].name for one in finding.named)
                    episodes.append(Episode(name, w, None, named, series, finding.since_us or at, at))
                else:
                    one = episodes[open_now[name]]
                    episodes[open_now[name]] = replace(one, series=one.series | series, last_us=at)
            elif finding.clean and name in open_now:
                clean[name] += 1
                if clean[name] >= CLEAN_WINDOWS:
                    number = open_now.pop(name)
                    episodes[number] = replace(episodes[number], closed=w)
                    state = decision.reset(baseline, state, name)
    return Replayed(tuple(episodes), breach)


def _changed(baseline: Baseline, episodes: Sequence[Episode]) -> list[Changed]:
    """Windows and series that must not count as recent; a loss of volume concerns every volume."""
    volumes = frozenset(baseline.kinds.volume.tolist())
    return [
        Changed(one.since_us, one.last_us, one.series | (volumes if one.family == "volume" else frozenset()))
        for one in episodes
    ]
