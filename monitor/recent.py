"""The last clean weeks of a model, in memory: what volumes and means are compared with beside the frozen reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from checks.series import Observations

RECENT_US = 28 * 86_400_000_000


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

    def before(self, start_us: int, excluded: Sequence[tuple[int, int]]) -> Observations | None:
        """The windows of the four weeks before `start_us` that do not start in any of the spans [from, to]."""
        self._rows = {at: row for at, row in self._rows.items() if at >= start_us - 2 * RECENT_US}
        chosen = [
            at
            for at in sorted(self._rows)
            if start_us - RECENT_US <= at < start_us and not any(low <= at <= high for low, high in excluded)
        ]
        if not chosen:
            return None
        n, x, xx = (np.stack([self._rows[at][part] for at in chosen]) for part in range(3))
        return Observations(self._series, np.array(chosen, np.int64), n, x, xx, {})
