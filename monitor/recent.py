"""The last clean weeks of a model, in memory: what volumes and means are compared with beside the frozen reference."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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

    def __init__(self, obs: Observations) -> None:
        self._series = obs.series
        self._rows: dict[int, tuple[npt.NDArray[np.float64], ...]] = {}
        self.add(obs)

    def add(self, obs: Observations) -> None:
        """Remember windows; one that is known is replaced."""
        for row, start_us in enumerate(obs.start_us.tolist()):
            self._rows[start_us] = (obs.n[row], obs.x[row], obs.xx[row])

    def holds(self, start_us: int) -> bool:
        """Whether the window is remembered."""
        return start_us in self._rows

    def rates(self, series: int, from_us: int, to_us: int) -> list[tuple[float, float]]:
        """(x, n) of a series in every remembered window that starts in [from_us, to_us), oldest first."""
        return [
            (float(x[series]), float(n[series]))
            for at, (n, x, _) in sorted(self._rows.items())
            if from_us <= at < to_us
        ]

    def before(self, start_us: int, changed: Sequence[Changed]) -> Observations | None:
        """The windows of the four weeks before `start_us`; n is NaN where a series was not normal.

        A break of one series leaves the level of every other as it was.
        """
        self._rows = {at: row for at, row in self._rows.items() if at >= start_us - 2 * RECENT_US}
        chosen = [at for at in sorted(self._rows) if start_us - RECENT_US <= at < start_us]
        if not chosen:
            return None
        starts = np.array(chosen, np.int64)
        n, x, xx = (np.stack([self._rows[at][part] for at in chosen]) for part in range(3))
        for span in changed:
            rows = np.flatnonzero((starts >= span.from_us) & (starts <= span.to_us))
            n[rows[:, None], np.array(sorted(span.series), np.intp)] = np.nan
        return Observations(self._series, starts, n, x, xx, {})
