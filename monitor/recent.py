"""The last clean weeks of a model, in memory: what volumes and means are compared with beside the frozen reference."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from checks.series import Observations

RECENT_US = 28 * 86_400_000_000
_PARTS = 3  # n, x, xx
_LEAST_ROOM = 64  # rows
_SPARE = 8  # of so many rows one more is free, so that they move only now and then


@dataclass(frozen=True, slots=True)
class Changed:
    """Windows that start in [from_us, to_us] and the series that were not normal in them."""

    from_us: int
    to_us: int
    series: Collection[int]


class Recent:
    """Volumes, rates and means of recent windows (no bins: distributions never move with the recent level).

    The rows stand in order of time, with room for more behind the last one: what is handed out is a part of them. Each
    takes 24 bytes for a series; as long as old ones are forgotten, new ones take their room and no more.
    """

    def __init__(self, obs: Observations, revisions: Mapping[int, int] | None = None) -> None:
        self._series = obs.series
        self._starts = np.zeros(0, np.int64)
        self._parts = np.zeros((_PARTS, 0, len(obs.series)))
        self._first = self._end = 0
        self._revisions: dict[int, int] = {}
        self.add(obs, revisions)

    def add(self, obs: Observations, revisions: Mapping[int, int] | None = None) -> None:
        """Remember windows with their revisions (0 if not given); one that is known is replaced."""
        self._make_room(len(obs.start_us))
        for row, start_us in enumerate(obs.start_us.tolist()):
            place = int(np.searchsorted(self._starts[self._first : self._end], start_us)) + self._first
            if place == self._end or self._starts[place] != start_us:
                self._move_back(place)
            self._starts[place] = start_us
            for part, values in enumerate((obs.n, obs.x, obs.xx)):
                self._parts[part, place] = values[row]
            self._revisions[start_us] = (revisions or {}).get(start_us, 0)

    def lacking(self, revisions: Mapping[int, int]) -> list[int]:
        """The windows, in order, that are not remembered as they are in this revision."""
        return sorted(at for at, number in revisions.items() if self._revisions.get(at) != number)

    def rates(self, series: int, from_us: int, to_us: int) -> list[tuple[float, float]]:
        """(x, n) of a series in every remembered window that starts in [from_us, to_us), oldest first."""
        n, x, _ = self._parts[:, self._between(from_us, to_us), series]
        return list(zip(x.tolist(), n.tolist(), strict=True))

    def before(
        self, start_us: int, changed: Sequence[Changed], from_us: int | None = None
    ) -> Observations | None:
        """The windows of [from_us, start_us), at most four weeks; n is NaN where a series was not normal.

        A break of one series leaves the level of every other as it was. What is returned holds until the next `add`.
        """
        first_us = start_us - RECENT_US if from_us is None else max(from_us, start_us - RECENT_US)
        rows = self._between(first_us, start_us)
        starts, (n, x, xx) = self._starts[rows], self._parts[:, rows]
        if not len(starts):
            return None
        n = n.copy() if changed else n
        for span in changed:
            spoilt = np.flatnonzero((starts >= span.from_us) & (starts <= span.to_us))
            n[spoilt[:, None], np.array(sorted(span.series), np.intp)] = np.nan
        return Observations(self._series, starts, n, x, xx, {})

    def forget(self, before_us: int) -> None:
        """Drop the windows that start before `before_us`."""
        first = self._between(before_us, before_us).start
        for start_us in self._starts[self._first : first].tolist():
            del self._revisions[start_us]
        self._first = first

    def _between(self, from_us: int, to_us: int) -> slice:
        starts = self._starts[self._first : self._end]
        low, high = np.searchsorted(starts, [from_us, to_us])
        return slice(self._first + int(low), self._first + max(int(low), int(high)))

    def _make_room(self, rows: int) -> None:
        """Have so many free rows behind the last one."""
        if self._end + rows <= len(self._starts):
            return
        kept, size = slice(self._first, self._end), self._end - self._first
        wanted = size + rows + size // _SPARE
        starts, parts = self._starts, self._parts
        if wanted > len(starts):
            room = max(wanted, _LEAST_ROOM)
            # Written to, or the system would give the memory row by row: what a process holds shows from the first.
            starts, parts = np.full(room, 0, np.int64), np.full((_PARTS, room, len(self._series)), np.nan)
        starts[:size], parts[:, :size] = self._starts[kept], self._parts[:, kept]
        self._starts, self._parts, self._first, self._end = starts, parts, 0, size

    def _move_back(self, place: int) -> None:
        """Make the row at `place` free: it and those after it move by one."""
        self._starts[place + 1 : self._end + 1] = self._starts[place : self._end].copy()
        self._parts[:, place + 1 : self._end + 1] = self._parts[:, place : self._end].copy()
        self._end += 1
