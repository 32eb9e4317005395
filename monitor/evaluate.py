"""Measure and judge: from the profile of a closed window to measurements, verdicts and episodes.

measure   profile → observations → scores → measurements                        any order, repeatable
judge     scores + breaks → verdicts → sequence → episodes → outbox, triggers   in window order, one transaction
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from sqlalchemy import Connection

from checks import baseline as baselines
from checks import decision, drift, quality
from checks.baseline import Baseline
from checks.decision import Judgement, State
from checks.plan import Plan
from checks.profile import Profile, empty, merge_all
from checks.scores import STATUS, Scores
from checks.series import Family, Observations, Series
from monitor import burn, corrected, jobs
from monitor.alerts import episodes, notify
from monitor.alerts.attributes import Attributes
from monitor.alerts.message import Context
from monitor.alerts.state import Absent, Opened, Resolved
from monitor.beside import Beside
from monitor.clock import Clock
from monitor.delivery.channels.base import Channel
from monitor.findings import Findings, Window
from monitor.performance import Performance
from monitor.progress import Progress, silent
from monitor.recent import RECENT_US, Changed, Recent
from monitor.retraining import proposals
from monitor.retraining.policy import Policy
from monitor.store import alerts as alert_rows
from monitor.store import audit, measurements, models, parts, runs, sequences, verdicts, windows
from monitor.store import baselines as stored_baselines
from monitor.store import series as stored_series
from monitor.store.engine import Store
from monitor.store.runs import Run
from monitor.watched import Watched

# Windows of the reference are written in slices, so that no other writer waits long.
_SLICE = 100


@dataclass(frozen=True)
class Reference:
    """A model's baseline as it is stored, and the profile of its whole reference (for comparing segments)."""

    id: int
    baseline: Baseline
    profile: Profile


class Evaluator:
    """Measures and judges the windows of one model under one plan and one baseline."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        watched: Watched,
        plan: Plan,
        channels: Mapping[str, Channel],
        public_url: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._watched = watched
        self._plan = plan
        self._channels = channels
        self._public_url = public_url
        self._reference: Reference | None = None
        self._recent: Recent | None = None
        self._series_ids: list[int] | None = None
        self._beside: Beside | None = None
        self._performance: Performance | None = None

    def close(self) -> None:
        """Give back what a pass held: Evidently's process."""
        if self._beside is not None:
            self._beside.close()

    # ----- the reference ------------------------------------------------------------------------------------

    def reference(self) -> Reference | None:
        """The baseline that counts now, None while the reference has not closed."""
        if self._reference is None:
            with self._store.read() as conn:
                saved = stored_baselines.current(conn, self._watched.id)
            if saved is None or saved.plan_id != self._plan.plan_id:
                return None
            span = (int(saved.reference["from_us"]), int(saved.reference["to_us"]))
            self._reference = Reference(saved.id, Baseline.decode(saved.body), self._merged(*span))
        return self._reference

    def observations(self, from_us: int, to_us: int) -> Observations:
        """What was counted in every window of [from_us, to_us), those without records among them."""
        return self._observations(list(self._watched.grid.starts(from_us, to_us)), from_us, to_us)

    def _observations(self, starts: list[int], from_us: int, to_us: int) -> Observations:
        found = dict(self._profiles(from_us, to_us))
        nothing = empty(self._plan)
        return drift.observe([found.get(start, nothing) for start in starts], starts, self._plan)

    def fit(self, from_us: int, to_us: int, progress: Progress = silent) -> Reference:
        """Learn the baseline from the windows of [from_us, to_us) and write down what they measured."""
        contract = self._watched.contract
        obs = self.observations(from_us, to_us)
        fitted = baselines.fit_with_null(
            obs, contract.calendar(), budget=contract.budget(), progress=progress
        )
        baseline = fitted.baseline
        scores = fitted.scores or baselines.score(baseline, obs)
        now_us = self._clock.now_us()
        with self._store.write() as conn:
            saved = stored_baselines.save(
                conn,
                self._watched.id,
                self._plan.plan_id,
                baseline.sha256,
                baseline.facts.to_dict(),
                baseline.encode(),
                now_us,
            )
            models.update_state(
                conn, self._watched.id, state="provisional" if baseline.provisional else "live"
            )
            audit.append(
                conn,
                actor="driftglass",
                action="baseline.fitted",
                object=f"model/{self._watched.name}",
                payload={"baseline": saved.sha256, "plan": self._plan.plan_id, **baseline.facts.to_dict()},
                now_us=now_us,
            )
        starts = obs.start_us.tolist()
        for first in range(0, len(starts), _SLICE):
            some = slice(first, first + _SLICE)
            with self._store.write() as conn:
                self._write_measurements(conn, starts[some], 0, obs.rows(some), scores.rows(some))
                ends = [self._watched.grid.window_end(start) for start in starts[some]]
                windows.upsert(
                    conn,
                    self._watched.id,
                    [windows.Counts(*span) for span in zip(starts[some], ends, strict=True)],
                )
                windows.mark(conn, self._watched.id, starts[some], "reference", now_us)
            progress("writing the reference", min(first + _SLICE, len(starts)), len(starts))
        self._reference = None
        reference = self.reference()
        assert reference is not None
        return reference

    # ----- one window ---------------------------------------------------------------------------------------

    def measure(self, run: Run) -> None:
        """Write what a closed window measured, against the frozen reference. LeaseLost if the run was lost."""
        reference = self._must_have_reference()
        profile = self._profile(run.window_start_us)
        obs = self._observe(run.window_start_us, profile)
        scores = baselines.score(reference.baseline, obs)
        if self._beside is None:
            facts = reference.baseline.facts
            self._beside = Beside(self._store, self._watched, facts.from_us, facts.to_us)
        beside = self._beside.measure(run.window_start_us)
        now_us = self._clock.now_us()
        with self._store.write() as conn:
            jobs.finish(conn, run, now_us)
            self._write_measurements(conn, [run.window_start_us], run.revision, obs, scores)
            self._write_beside(conn, run, beside)
            corrected.write(
                conn,
                *(self._watched.id, run.window_start_us, run.revision),
                *(self._plan, profile, reference.profile),
            )
            windows.mark(conn, self._watched.id, [run.window_start_us], "measured", now_us)

    def judge(self, run: Run) -> int:
        """Judge a measured window; returns how many episodes opened. LeaseLost if the run was lost."""
        reference = self._must_have_reference()
        baseline, start_us = reference.baseline, run.window_start_us
        with self._store.read() as conn:
            measured = runs.latest(conn, self._watched.id, "measure", start_us)
            before = sequences.latest_before(conn, self._watched.id, start_us)
        state = State.decode(before[1]) if before is not None else State.empty(baseline)
        if measured is not None and measured.state == "dead":
            self._judge_unmeasured(run, state)
            return 0
        profile = self._profile(start_us)
        obs = self._observe(start_us, profile)
        scores = baselines.score(baseline, obs, self._recent_before(start_us))
        assert self._recent is not None  # read just above
        broken = (
            *quality.breaks(profile, self._plan),
            *burn.breaks(self._plan.columns, self._recent, obs, self._length(run)),
        )
        state, judgement = decision.step(baseline, state, scores, obs, broken)
        findings = Findings(self._store, self._watched, self._plan, baseline, reference.profile, self._merged)
        named = findings.of(Window(start_us, profile, scores), judgement)
        now_us = self._clock.now_us()
        performance = self._look_at_performance(reference)
        looked = performance.look(start_us, now_us) if performance is not None else None
        if looked is not None:
            named.append(looked.finding)
        with self._store.write() as conn:
            jobs.finish(conn, run, now_us)
            self._write_measurements(conn, [start_us], run.revision, obs, scores)
            self._write_verdicts(conn, run, reference, scores, judgement)
            if performance is not None and looked is not None:
                performance.write(conn, looked, start_us, run.revision)
            changes = self._record(conn, run, named, now_us)
            for change in changes:
                if isinstance(change.effect, Resolved):
                    state = decision.reset(baseline, state, change.family)  # type: ignore[arg-type]  # a stored family
            sequences.put(conn, self._watched.id, start_us, state.encode())
            windows.mark(conn, self._watched.id, [start_us], "judged", now_us)
            self._audit(conn, changes, start_us, now_us)
        if self._recent is not None:
            self._recent.add(obs)
        return sum(isinstance(change.effect, Opened) for change in changes)

    def _judge_unmeasured(self, run: Run, state: State) -> None:
        """A window that could not be measured is an error and no evidence: the sequence waits where it was."""
        now_us = self._clock.now_us()
        families = sorted({series.family for series in self._must_have_reference().baseline.series})
        with self._store.write() as conn:
            jobs.finish(conn, run, now_us)
            sequences.put(conn, self._watched.id, run.window_start_us, state.encode())
            last_us = windows.last_judged_us(conn, self._watched.id)
            if last_us is None or run.window_start_us > last_us:
                absent = [episodes.FamilyAbsent(family, Absent("error")) for family in families]
                episodes.record(
                    conn, self._watched.id, run.window_start_us, self._length(run), absent, now_us
                )
            windows.mark(conn, self._watched.id, [run.window_start_us], "error", now_us)

    # ----- pieces -------------------------------------------------------------------------------------------

    def _must_have_reference(self) -> Reference:
        reference = self.reference()
        assert reference is not None, "windows are only queued once there is a baseline"
        return reference

    def _look_at_performance(self, reference: Reference) -> Performance | None:
        """What looks at labels, None for a model that declares none."""
        if self._watched.contract.labels is None:
            return None
        if self._performance is None:
            facts = reference.baseline.facts
            self._performance = Performance(
                self._store, self._watched, reference.id, facts.from_us, facts.to_us
            )
        return self._performance

    def _profiles(self, from_us: int, to_us: int) -> list[tuple[int, Profile]]:
        """The merged profile of every window of [from_us, to_us) that has records, in order of time."""
        by_window: dict[int, list[Profile]] = {}
        with self._store.read() as conn:
            bodies = parts.bodies_between(conn, self._watched.id, self._plan.plan_id, from_us, to_us)
            for start_us, body in bodies:
                by_window.setdefault(start_us, []).append(Profile.decode(body))
        return [(start_us, merge_all(pieces)) for start_us, pieces in sorted(by_window.items())]

    def _merged(self, from_us: int, to_us: int) -> Profile:
        return merge_all([empty(self._plan), *(profile for _, profile in self._profiles(from_us, to_us))])

    def _profile(self, start_us: int) -> Profile:
        return self._merged(start_us, start_us + 1)

    def _observe(self, start_us: int, profile: Profile) -> Observations:
        return drift.observe([profile], [start_us], self._plan)

    def _recent_before(self, start_us: int) -> Observations | None:
        before_us = self._watched.grid.window_start(start_us - 1)
        if self._recent is None or not self._recent.holds(before_us):
            # New, or another process judged the window before.
            first_us = max(start_us - RECENT_US, self._must_have_reference().baseline.facts.from_us)
            with self._store.read() as conn:
                known = [one.start_us for one in windows.between(conn, self._watched.id, first_us, start_us)]
            # A window that nobody was to watch is unknown, and that is not a volume of zero.
            self._recent = Recent(self._observations(known, first_us, start_us))
        with self._store.read() as conn:
            rows = alert_rows.overlapping(conn, self._watched.id, get_args(Family), start_us - RECENT_US)
        return self._recent.before(start_us, [self._changed(row) for row in rows])

    def _changed(self, episode: alert_rows.EpisodeRow) -> Changed:
        """The series that an episode names; a loss of volume concerns every volume, whichever was named."""
        named = {moved.series for moved in Attributes.decode(episode.attributes).moved}
        series = self._must_have_reference().baseline.series
        chosen = {
            s
            for s, one in enumerate(series)
            if one.name in named or (episode.family == "volume" and one.kind == "volume")
        }
        return Changed(episode.since_us, episode.last_us, chosen)

    def _write_measurements(
        self, conn: Connection, starts: Sequence[int], revision: int, obs: Observations, scores: Scores
    ) -> None:
        measurements.write(
            conn,
            self._watched.id,
            starts,
            revision,
            self._ids(conn),
            n=obs.n,
            value=scores.value,
            low=scores.low,
            high=scores.high,
            expected=scores.expected,
            expected_low=scores.expected_low,
            expected_high=scores.expected_high,
        )

    def _write_beside(
        self, conn: Connection, run: Run, beside: Sequence[tuple[Series, int, float | None]]
    ) -> None:
        if not beside:
            return
        ids = stored_series.ids(conn, self._watched.id, [series for series, _, _ in beside])
        undefined = np.full((1, len(beside)), np.nan)
        measurements.write(
            conn,
            self._watched.id,
            [run.window_start_us],
            run.revision,
            ids,
            n=np.array([[float(records) for _, records, _ in beside]]),
            value=np.array([[np.nan if score is None else score for _, _, score in beside]]),
            low=undefined,
            high=undefined,
            expected=undefined,
            expected_low=undefined,
            expected_high=undefined,
        )

    def _write_verdicts(
        self, conn: Connection, run: Run, reference: Reference, scores: Scores, judgement: Judgement
    ) -> None:
        words = np.array(STATUS)[judgement.status][None, :]
        verdicts.write(
            conn,
            self._watched.id,
            [run.window_start_us],
            run.revision,
            self._ids(conn),
            status=words,
            z=scores.z,
            p=scores.p,
            effect=scores.effect,
            cusum=judgement.cusum[None, :],
            threshold=np.full((1, len(judgement.cusum)), judgement.threshold),
            baseline_id=reference.id,
            provisional=reference.baseline.provisional,
        )

    def _ids(self, conn: Connection) -> list[int]:
        if self._series_ids is None:
            self._series_ids = stored_series.ids(conn, self._watched.id, drift.series_of(self._plan))
        return self._series_ids

    def _length(self, run: Run) -> int:
        return self._watched.grid.window_end(run.window_start_us) - run.window_start_us

    def _telling(
        self, conn: Connection, run: Run, named: Sequence[episodes.FamilyFinding]
    ) -> list[episodes.FamilyFinding]:
        """The findings that may move alerts: they go forward in time only.

        A revision of the last judged window opens what it now shows to be broken; of earlier ones nothing moves.
        """
        last_us = windows.last_judged_us(conn, self._watched.id)
        if last_us is None or run.window_start_us > last_us:
            return list(named)
        if run.window_start_us < last_us:
            return []
        already = {row.family for row in alert_rows.open_of(conn, self._watched.id)}
        return [finding for finding in named if finding.firing and finding.family not in already]

    def _record(
        self, conn: Connection, run: Run, named: Sequence[episodes.FamilyFinding], now_us: int
    ) -> tuple[episodes.Change, ...]:
        contract, watched = self._watched.contract, self._watched
        telling = self._telling(conn, run, named)
        if not telling:
            return ()
        changes = episodes.record(conn, watched.id, run.window_start_us, self._length(run), telling, now_us)
        context = Context(
            model=watched.name,
            owner=contract.owner or "",
            runbook=contract.runbook or "",
            public_url=self._public_url,
            timezone=contract.timezone,
        )
        recipients = contract.alerts.channels
        routes = {
            "page": [watched.channel(name) for name in recipients.page],
            "ticket": [watched.channel(name) for name in recipients.ticket],
        }
        notify.announce(conn, watched.id, context, changes, routes, self._channels, now_us)
        if contract.retraining is not None:
            policy = Policy(
                families=frozenset(contract.retraining.when.any),
                persists_windows=contract.retraining.when.persists,
                cooldown_us=contract.retraining.cooldown_us,
                approval=contract.retraining.approval == "required",
            )
            asking = proposals.Asking(self._public_url)
            proposals.consider(
                conn, watched.id, policy, run.window_start_us, self._length(run), asking, now_us
            )
        return changes

    def _audit(
        self, conn: Connection, changes: Sequence[episodes.Change], start_us: int, now_us: int
    ) -> None:
        for change in changes:
            if isinstance(change.effect, Opened | Resolved):
                audit.append(
                    conn,
                    actor="driftglass",
                    action=f"episode.{type(change.effect).__name__.lower()}",
                    object=f"episode/{change.episode_id}",
                    payload={"family": change.family, "window_us": start_us},
                    now_us=now_us,
                )
