"""The recent level of a model as the store has it: its windows of the last weeks, and what was not normal in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from checks.baseline import Baseline
from checks.series import Family, Series
from monitor import rebasing
from monitor.alerts.attributes import Attributes
from monitor.counted import Counted
from monitor.rebasing import Known
from monitor.recent import RECENT_US, Changed, Recent
from monitor.store import alerts, windows
from monitor.store.engine import Store


class Lately:
    """What was judged last stays in memory; what another process judged, or came late, is read again."""

    def __init__(self, store: Store, model_id: int, counted: Counted) -> None:
        self._store = store
        self._model_id = model_id
        self._counted = counted
        self._recent: Recent | None = None

    def before(self, start_us: int, baseline: Baseline) -> tuple[Recent, list[alerts.EpisodeRow]]:
        """The windows of the recent level before `start_us` as they are in the store now, and the episodes that
        were going on then.
        """
        first_us = max(start_us - RECENT_US, baseline.facts.from_us)
        with self._store.read() as conn:
            # A window that nobody was to watch is unknown, and that is not a volume of zero.
            known = windows.revisions(conn, self._model_id, first_us, start_us)
            rows = alerts.overlapping(conn, self._model_id, get_args(Family), first_us)
        if self._recent is None:
            self._recent = Recent(self._counted.between([], start_us, start_us))
        self._recent.forget(first_us)  # who judges an older window again reads the few that it needs
        lacking = self._recent.lacking(known)
        if lacking:
            found = self._counted.between(lacking, lacking[0], lacking[-1] + 1)
            self._recent.add(found, known)
        return self._recent, rows


def changed_before(
    rows: Sequence[alerts.EpisodeRow], start_us: int, recent_us: int, known: Known, series: Sequence[Series]
) -> tuple[Changed, ...]:
    """The spans of the recent level in which episodes that had opened by then were going on, but for those that
    a person called normal."""
    normal = {one.episode_id for one in rebasing.taken_in(known, start_us)}
    return tuple(
        _changed(row, series)
        for row in rows
        if row.last_us >= recent_us and row.opened_us < start_us and row.id not in normal
    )


def _changed(episode: alerts.EpisodeRow, series: Sequence[Series]) -> Changed:
    """The series that an episode names; a loss of volume concerns every volume, whichever was named."""
    named = {moved.series for moved in Attributes.decode(episode.attributes).moved}
    chosen = {
        s
        for s, one in enumerate(series)
        if one.name in named or (episode.family == "volume" and one.kind == "volume")
    }
    return Changed(episode.since_us, episode.last_us, chosen)
