"""The baselines of one model: which one judges a window, and renewing it when its time has come."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import get_args

from checks import baseline as baselines
from checks import drift
from checks.baseline import Baseline
from checks.plan import Plan
from checks.profile import Profile
from checks.series import Family
from monitor import profiles, rebasing
from monitor.clock import Clock
from monitor.rebasing import Fitted, Known
from monitor.store import alerts, audit, feedback, models, successions
from monitor.store import baselines as stored
from monitor.store.engine import Store
from monitor.store.successions import Succession
from monitor.watched import Watched


@dataclass(frozen=True)
class Reference:
    """A baseline as it is stored, and what it was fitted to."""

    id: int
    baseline: Baseline
    fitted: Fitted
    _merge: Callable[[], Profile] = field(repr=False, compare=False)

    @cached_property
    def profile(self) -> Profile:
        """The profile of all it was fitted to: merged when it is first asked for, which calm windows never do."""
        return self._merge()


class References:
    """Looks baselines up by the window they judge, and renews them."""

    def __init__(self, store: Store, clock: Clock, watched: Watched, plan: Plan) -> None:
        self._store = store
        self._clock = clock
        self._watched = watched
        self._plan = plan
        self._known: dict[tuple[int, Fitted], Reference] = {}
        self._successions: list[Succession] | None = None

    def look(self) -> None:
        """See at the next question what another process may have fitted. For the beginning of each piece of work:
        who holds a model's run is the only one who fits.
        """
        self._successions = None

    def current(self) -> Reference | None:
        """The baseline that counts now, None while the reference has not closed or is of another plan."""
        rows = self._rows()
        if rows:
            return self._load(rows[-1].baseline_id, Fitted.decode(rows[-1].fitted))
        with self._store.read() as conn:
            baseline_id = models.by_id(conn, self._watched.id).baseline_id
        return None if baseline_id is None else self._load(baseline_id, Fitted())

    def at(self, start_us: int) -> Reference:
        """The baseline that judges the window that starts at `start_us`; there must be one."""
        rows = self._rows()
        place = bisect_right([row.from_us for row in rows], start_us) - 1
        return self._of(rows[max(place, 0)])

    def each(self, starts: Sequence[int]) -> list[Reference]:
        """The baselines that judge several windows."""
        rows = self._rows()
        known = [row.from_us for row in rows]
        return [self._of(rows[max(bisect_right(known, start_us) - 1, 0)]) for start_us in starts]

    def lasts(self, known: Known, starts: Sequence[int]) -> int:
        """How many of these windows, which follow one another, the baseline of the first judges without being renewed,
        the first among them.
        """
        rows = self._rows()
        places = [bisect_right([row.from_us for row in rows], start_us) for start_us in starts]
        for count, (start_us, place) in enumerate(zip(starts, places, strict=True)):
            if count and (place != places[0] or self._wanted(rows, known, start_us) is not None):
                return count
        return len(starts)

    def first(self, of: Reference | None = None) -> Reference:
        """The baseline that the model began with, or the first after the expected change that `of` begins with."""
        since_us = 0 if of is None else of.fitted.since_us
        return next(self._of(row) for row in self._rows() if Fitted.decode(row.fitted).since_us == since_us)

    def due(self, start_us: int, known: Known) -> Fitted | None:
        """What the baseline is to be fitted to before the window at `start_us` is judged, None if it stays."""
        return self._wanted(self._rows(), known, start_us)

    def renew(self, start_us: int, to_fit: Fitted) -> None:
        """Fit the baseline anew, as `due` says; that may take long."""
        contract, grid = self._watched.contract, self._watched.grid
        in_force = Fitted.decode(self._rows()[-1].fitted)
        starts = sorted({start for span in to_fit.spans for start in grid.starts(*span)})
        obs = profiles.observations(
            self._store, self._watched.id, self._plan, starts, starts[0], starts[-1] + 1
        )
        baseline = baselines.fit(
            rebasing.without(obs, to_fit.left_out), contract.calendar(), budget=contract.budget()
        )
        self.save(baseline, start_us, to_fit, rebasing.reason(in_force, to_fit))

    def save(self, baseline: Baseline, from_us: int, fitted: Fitted, reason: str) -> None:
        """Let a baseline judge from the window at `from_us` on, and note it in the audit log."""
        now_us, facts = self._clock.now_us(), baseline.facts
        self.look()
        with self._store.write() as conn:
            saved = stored.save(
                *(conn, self._watched.id, self._plan.plan_id, baseline.sha256, facts.to_dict()),
                *(baseline.encode(), now_us),
            )
            successions.put(conn, self._watched.id, from_us, saved.id, fitted.to_dict(), reason, now_us)
            models.update_state(
                conn, self._watched.id, state="provisional" if baseline.provisional else "live"
            )
            audit.append(
                conn,
                actor="driftglass",
                action="baseline.fitted",
                object=f"model/{self._watched.name}",
                payload={
                    "baseline": saved.sha256,
                    "plan": self._plan.plan_id,
                    "reason": reason,
                    **facts.to_dict(),
                },
                now_us=now_us,
            )

    def known(self) -> Known:
        """What decides which windows a baseline is fitted to; without episodes where they decide nothing."""
        reference = self._watched.contract.reference
        trailing_us = None if reference is None else reference.trailing_us
        facts = self.first().baseline.facts
        with self._store.read() as conn:
            said = feedback.of_model(conn, self._watched.id)
            needed = bool(said) or trailing_us is not None
            found = alerts.overlapping(conn, self._watched.id, get_args(Family), 0) if needed else []
        return Known((facts.from_us, facts.to_us), trailing_us, found, said, drift.series_of(self._plan))

    def _wanted(self, rows: Sequence[Succession], known: Known, start_us: int) -> Fitted | None:
        """What the baseline of a window is to be fitted to, None if the one in force stays."""
        if rows[-1].from_us > start_us:  # judged again: it keeps the baseline it had
            return None
        in_force, contract = Fitted.decode(rows[-1].fitted), self._watched.contract
        return rebasing.wanted(
            known, start_us, in_force, rows[-1].from_us, self._watched.grid, contract.timezone
        )

    def _rows(self) -> list[Succession]:
        """Every succession under this plan, the first one first."""
        if self._successions is None:
            with self._store.read() as conn:
                self._successions = successions.everyone(conn, self._watched.id, self._plan.plan_id)
        return self._successions

    def _of(self, row: Succession) -> Reference:
        found = self._load(row.baseline_id, Fitted.decode(row.fitted))
        assert found is not None, "successions are those of this plan"
        return found

    def _load(self, baseline_id: int, fitted: Fitted) -> Reference | None:
        key = (baseline_id, fitted)
        if key not in self._known:
            with self._store.read() as conn:
                saved = stored.load(conn, baseline_id)
            if saved.plan_id != self._plan.plan_id:
                return None
            spans = fitted.spans or ((int(saved.reference["from_us"]), int(saved.reference["to_us"])),)
            merge = partial(self._merged, spans)
            self._known[key] = Reference(saved.id, Baseline.decode(saved.body), fitted, merge)
        return self._known[key]

    def _merged(self, spans: Sequence[tuple[int, int]]) -> Profile:
        return profiles.merged(self._store, self._watched.id, self._plan, spans)
