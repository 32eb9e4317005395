"""The last clean weeks of a model, in memory: what volumes and means are compared with beside the frozen reference."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.series import Observations

RECENT_US = 28 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Changed:
    """Windows that start in [from_us, to_us] and the series that were not normal in them."""

    from_us: int
    to_us: int
    series: Collection[int]


class Recent:
    """Volumes, rates and means of recent windows (no bins: distributions never move with the recent level)."""

    def __init__(self, obs: Observations, revisions: Mapping[int, int] | None = None) -> None:
        self._series = obs.series
        self._rows: dict[int, tuple[npt.NDArray[np.float64], ...]] = {}
        self._revisions: dict[int, int] = {}
        self.add(obs, revisions)

    def add(self, obs: Observations, revisions: Mapping[int, int] | None = None) -> None:
        """Remember windows with their revisions (0 if not given); one that is known is replaced."""
        for row, start_us in enumerate(obs.start_us.tolist()):
            self._rows[start_us] = (obs.n[row], obs.x[row], obs.xx[row])
            self._revisions[start_us] = (revisions or {}).get(start_us, 0)

    def lacking(self, revisions: Mapping[int, int]) -> list[int]:
        """The windows, in order, that are not remembered as they are in this revision."""
        return sorted(at for at, number in revisions.items() if self._revisions.get(at) != number)

    def rates(self, series: int, from_us: int, to_us: int) -> list[tuple[float, float]]:
        """(x, n) of a series in every remembered window that starts in [from_us, to_us), oldest first."""
        return [
            (float(x[series]), float(n[series]))
            for at, (n, x, _) in sorted(self._rows.items())
            if from_us <= at < to_us
        ]

    def before(
        self, start_us: int, changed: Sequence[Changed], from_us: int | None = None
    ) -> Observations | None:
        """The windows of [from_us, start_us), at most four weeks; n is NaN where a series was not normal.

        A break of one series leaves the level of every other as it was.
        """
        self._rows = {at: row for at, row in self._rows.items() if at >= start_us - 2 * RECENT_US}
        self._revisions = {at: self._revisions[at] for at in self._rows}
        first_us = start_us - RECENT_US if from_us is None else max(from_us, start_us - RECENT_US)
        chosen = [at for at in sorted(self._rows) if first_us <= at < start_us]
        if not chosen:
            return None
        starts = np.array(chosen, np.int64)
        n, x, xx = (np.stack([self._rows[at][part] for at in chosen]) for part in range(3))
        for span in changed:
            rows = np.flatnonzero((starts >= span.from_us) & (starts <= span.to_us))
            n[rows[:, None], np.array(sorted(span.series), np.intp)] = np.nan
        return Observations(self._series, starts, n, x, xx, {})
