"""The baselines of one model: which one judges a window, decoded once and kept in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from checks.baseline import Baseline
from checks.profile import Profile
from monitor.store import baselines, models, successions
from monitor.store.engine import Store


@dataclass(frozen=True)
class Reference:
    """A baseline as it is stored, and the profile of its whole reference (for comparing segments)."""

    id: int
    baseline: Baseline
    profile: Profile


class References:
    """Looks baselines up by the window they judge. `merged` gives the profile of the windows in [from, to)."""

    def __init__(
        self, store: Store, model_id: int, plan_id: str, merged: Callable[[int, int], Profile]
    ) -> None:
        self._store = store
        self._model_id = model_id
        self._plan_id = plan_id
        self._merged = merged
        self._known: dict[int, Reference] = {}

    def current(self) -> Reference | None:
        """The baseline that counts now, None while the reference has not closed or is of another plan."""
        with self._store.read() as conn:
            baseline_id = models.by_id(conn, self._model_id).baseline_id
        return None if baseline_id is None else self._load(baseline_id)

    def at(self, start_us: int) -> Reference | None:
        """The baseline that judges the window that starts at `start_us`; None as for `current`."""
        rows = self.rows()
        place = bisect_right([row.from_us for row in rows], start_us) - 1
        return self._load(rows[max(place, 0)].baseline_id) if rows else self.current()

    def first(self) -> Reference | None:
        """The baseline that the model began with: it stays beside those that follow. None as for `current`."""
        rows = self.rows()
        return self._load(rows[0].baseline_id) if rows else self.current()

    def rows(self) -> list[successions.Succession]:
        """Every succession under this plan, the first one first."""
        with self._store.read() as conn:
            found = successions.everyone(conn, self._model_id)
        return [row for row in found if self._load(row.baseline_id) is not None]

    def _load(self, baseline_id: int) -> Reference | None:
        if baseline_id not in self._known:
            with self._store.read() as conn:
                saved = baselines.load(conn, baseline_id)
            if saved.plan_id != self._plan_id:
                return None
            span = (int(saved.reference["from_us"]), int(saved.reference["to_us"]))
            self._known[baseline_id] = Reference(saved.id, Baseline.decode(saved.body), self._merged(*span))
        return self._known[baseline_id]
