"""What was counted in the windows that are worked on: read together, and not again where it was just measured."""

from __future__ import annotations

from collections.abc import Sequence

from checks import drift
from checks.plan import Plan
from checks.profile import Profile, empty, merge_all
from checks.series import Observations
from monitor import profiles
from monitor.store.engine import Store
from monitor.store.runs import Run

Count = tuple[Profile, Observations]


class Counted:
    """The profile and the observations of windows of one model under one plan."""

    def __init__(self, store: Store, model_id: int, plan: Plan) -> None:
        self._store = store
        self._model_id = model_id
        self._plan = plan
        # What was measured last, by start and revision: it is judged next.
        self._kept: dict[tuple[int, int], Count] = {}

    def of(self, work: Sequence[Run]) -> list[Count]:
        """That of each run's window.

        A revision says what is counted in a window: late records raise it, once the measuring has begun.
        """
        keys = [(run.window_start_us, run.revision) for run in work]
        missing = sorted(start_us for start_us, revision in keys if (start_us, revision) not in self._kept)
        read: dict[int, Count] = {}
        if missing:
            nothing = empty(self._plan)
            plan_id, until_us = self._plan.plan_id, missing[-1] + 1
            found = dict(profiles.by_window(self._store, self._model_id, plan_id, missing[0], until_us))
            whole = [merge_all([nothing, found[at]]) if at in found else nothing for at in missing]
            obs = drift.observe(whole, missing, self._plan)
            read = {at: (whole[place], obs.rows(slice(place, place + 1))) for place, at in enumerate(missing)}
        return [self._kept.get(key) or read[key[0]] for key in keys]

    def keep(self, work: Sequence[Run], counts: Sequence[Count]) -> None:
        """These windows come next; others are forgotten."""
        keys = [(run.window_start_us, run.revision) for run in work]
        self._kept = dict(zip(keys, counts, strict=True))

    def between(self, starts: Sequence[int], from_us: int, to_us: int) -> Observations:
        """What was counted in these windows of [from_us, to_us)."""
        return profiles.observations(self._store, self._model_id, self._plan, starts, from_us, to_us)

    def merged(self, from_us: int, to_us: int) -> Profile:
        """The profile of every record of [from_us, to_us)."""
        return profiles.merged(self._store, self._model_id, self._plan, [(from_us, to_us)])
