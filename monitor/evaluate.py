"""Measure and judge: from the profile of a closed window to measurements, verdicts and episodes.

measure   profile → observations → scores → measurements                        any order, repeatable
judge     scores + breaks → verdicts → sequence → episodes → outbox, triggers   in window order, one transaction
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
from sqlalchemy import Connection

from checks import baseline as baselines
from checks import drift
from checks.baseline import Baseline
from checks.decision import Judgement, State
from checks.plan import Plan
from checks.profile import Profile, empty, merge_all
from checks.scores import STATUS, Scores
from checks.series import Family, Observations, Series
from monitor import corrected, failpoints, jobs, judging, profiles, rebasing
from monitor.alerts import episodes, notify
from monitor.alerts.attributes import Attributes
from monitor.alerts.audience import audience_of
from monitor.alerts.state import Absent, Opened, Resolved
from monitor.beside import Beside
from monitor.clock import Clock
from monitor.delivery.channels.base import Channel
from monitor.findings import Findings, Window
from monitor.performance import Performance
from monitor.progress import Progress, silent
from monitor.rebasing import Fitted, Known
from monitor.recent import RECENT_US, Changed, Recent
from monitor.references import Reference, References
from monitor.retraining import proposals
from monitor.retraining.policy import Policy
from monitor.store import alerts as alert_rows
from monitor.store import (
    audit,
    feedback,
    measurements,
    runs,
    sequences,
    verdicts,
    windows,
)
from monitor.store import series as stored_series
from monitor.store.engine import Store
from monitor.store.runs import Run
from monitor.watched import Watched

log = logging.getLogger(__name__)

# Fitting a long reference of many series may take longer than the lease of a judgement.
_FIT_SECONDS = 900.0

# Windows of the reference are written in slices, so that no other writer waits long.
_SLICE = 100


class _FeedbackCame(Exception):
    """Somebody said something of an alert between reading and writing."""


def _fires(finding: episodes.Finding) -> bool:
    return isinstance(finding, episodes.FamilyFinding) and finding.firing


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
        limits: notify.Limits = notify.LIMITS,
    ) -> None:
        self._limits = limits
        self._store = store
        self._clock = clock
        self._watched = watched
        self._plan = plan
        self._channels = channels
        self._public_url = public_url
        self._references = References(store, clock, watched, plan)
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
        return self._references.current()

    def observations(self, from_us: int, to_us: int) -> Observations:
        """What was counted in every window of [from_us, to_us), those without records among them."""
        return self._observations(list(self._watched.grid.starts(from_us, to_us)), from_us, to_us)

    def _observations(self, starts: list[int], from_us: int, to_us: int) -> Observations:
        return profiles.observations(self._store, self._watched.id, self._plan, starts, from_us, to_us)

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
            failpoints.reach("fit.written")
            progress("writing the reference", min(first + _SLICE, len(starts)), len(starts))
        # Last: whoever is killed before it leaves a model that is still learning, and the same is written again.
        self._references.save(baseline, baseline.facts.to_us, Fitted(), "the reference closed")
        failpoints.reach("fit.committed")
        return self._must_have_reference()

    # ----- one window ---------------------------------------------------------------------------------------

    def measure(self, run: Run) -> None:
        """Write what a closed window measured, against the frozen reference. LeaseLost if the run was lost."""
        failpoints.reach("measure.begun")
        reference = self._references.at(run.window_start_us)
        profile = self._profile(run.window_start_us)
        obs = self._observe(run.window_start_us, profile)
        scores = baselines.score(reference.baseline, obs)
        if self._beside is None:
            facts = reference.baseline.facts
            self._beside = Beside(self._store, self._watched, facts.from_us, facts.to_us)
        beside = self._beside.measure(run.window_start_us)
        now_us = self._clock.now_us()
        failpoints.reach("measure.worked")
        with self._store.write() as conn:
            jobs.finish(conn, run, now_us)
            failpoints.reach("measure.finished")
            self._write_measurements(conn, [run.window_start_us], run.revision, obs, scores)
            self._write_beside(conn, run, beside)
            corrected.write(
                conn,
                *(self._watched.id, run.window_start_us, run.revision),
                *(self._plan, profile, reference.profile),
            )
            windows.mark(conn, self._watched.id, [run.window_start_us], "measured", now_us)
            failpoints.reach("measure.written")
        failpoints.reach("measure.committed")

    def judge(self, run: Run) -> int:
        """Judge a measured window; returns how many episodes opened. LeaseLost if the run was lost."""
        while True:
            try:
                return self._judge(run)
            except _FeedbackCame:
                log.info("feedback came while window %d was judged: judged anew", run.window_start_us)

    def _judge(self, run: Run) -> int:
        start_us = run.window_start_us
        failpoints.reach("judge.begun")
        self._references.renew(start_us, lambda: jobs.heartbeat(self._store, self._clock, run, _FIT_SECONDS))
        reference = self._references.at(start_us)
        first, baseline = self._references.first(reference), reference.baseline
        with self._store.read() as conn:
            measured = runs.latest(conn, self._watched.id, "measure", start_us)
            before = sequences.latest_before(conn, self._watched.id, start_us)
            edited = (
                []
                if before is None
                else alert_rows.ended_at(conn, self._watched.id, before[0], alert_rows.RULE_CHANGED)
            )
        before_us, state = (
            (before[0], State.decode(before[1])) if before is not None else (None, State.empty(baseline))
        )
        if measured is not None and measured.state == "dead":
            self._judge_unmeasured(run, state)
            return 0
        profile = self._profile(start_us)
        obs = self._observe(start_us, profile)
        known = self._references.known()
        begun = rebasing.began(known, start_us, before_us)
        recent_us, recent = self._recent_before(start_us, baseline)
        context = judging.Context(
            code=judging.code(),
            baseline_id=reference.id,
            first_id=first.id,
            before_us=before_us,
            recent_us=recent_us,
            changed=self._changed_before(start_us, recent_us, known),
            started=tuple(sorted({*(episode.family for episode in begun), *edited})),
            quiet=rebasing.quiet(known, start_us, reference.fitted),
        )
        judged = judging.judge(
            *(self._plan, baseline, first.baseline, state, profile, obs, recent, context),
            window_us=self._length(run),
        )
        scores, state, judgement = judged.scores, judged.state, judged.judgement
        findings = Findings(self._store, self._watched, self._plan, baseline, reference.profile, self._merged)
        named: list[episodes.Finding] = [*findings.of(Window(start_us, profile, scores), judgement)]
        if profile.records == 0:
            # What is not there is broken if anything is, and not calm.
            named = [
                one if _fires(one) else episodes.FamilyAbsent(one.family, Absent("no_data")) for one in named
            ]
        now_us = self._clock.now_us()
        performance = self._look_at_performance(self._references.first())
        looked = performance.look(start_us, now_us) if performance is not None else None
        if looked is not None:
            named.append(looked.finding)
        failpoints.reach("judge.worked")
        with self._store.write() as conn:
            jobs.finish(conn, run, now_us)
            failpoints.reach("judge.finished")
            if feedback.of_model(conn, self._watched.id) != known.feedback:
                raise _FeedbackCame
            self._write_measurements(conn, [start_us], run.revision, obs, scores)
            self._write_verdicts(conn, run, reference, scores, judgement)
            if performance is not None and looked is not None:
                performance.write(conn, looked, start_us, run.revision)
            changes = self._record(conn, run, named, now_us)
            # Also when the window is judged again, long after its episode was closed.
            ended = alert_rows.ended_at(conn, self._watched.id, start_us)
            state = judging.restarted(baseline, state, ended)
            context = replace(context, ended=tuple(ended))
            sequences.put(conn, self._watched.id, start_us, state.encode(), context.encode())
            windows.mark(conn, self._watched.id, [start_us], "judged", now_us)
            self._audit(conn, changes, start_us, now_us)
            failpoints.reach("judge.written")
        failpoints.reach("judge.committed")
        recent.add(obs, {start_us: run.revision})
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

    def _merged(self, from_us: int, to_us: int) -> Profile:
        found = profiles.by_window(self._store, self._watched.id, self._plan.plan_id, from_us, to_us)
        return merge_all([empty(self._plan), *(profile for _, profile in found)])

    def _profile(self, start_us: int) -> Profile:
        return self._merged(start_us, start_us + 1)

    def _observe(self, start_us: int, profile: Profile) -> Observations:
        return drift.observe([profile], [start_us], self._plan)

    def _recent_before(self, start_us: int, baseline: Baseline) -> tuple[int, Recent]:
        """Where the recent level begins, and the windows from there to `start_us` as they are in the store now."""
        first_us = max(start_us - RECENT_US, baseline.facts.from_us)
        with self._store.read() as conn:
            # A window that nobody was to watch is unknown, and that is not a volume of zero.
            known = windows.revisions(conn, self._watched.id, first_us, start_us)
        if self._recent is None:
            self._recent = Recent(self._observations([], start_us, start_us))
        lacking = self._recent.lacking(known)  # new here, or judged by another process
        if lacking:
            found = self._observations(lacking, lacking[0], lacking[-1] + 1)
            self._recent.add(found, known)
        return first_us, self._recent

    def _changed_before(self, start_us: int, recent_us: int, known: Known) -> tuple[Changed, ...]:
        """The spans of the recent level in which episodes that had opened by then were going on, but for those that
        a person called normal."""
        normal = {one.episode_id for one in rebasing.taken_in(known, start_us)}
        with self._store.read() as conn:
            rows = alert_rows.overlapping(conn, self._watched.id, get_args(Family), recent_us)
        return tuple(self._changed(row) for row in rows if row.opened_us < start_us and row.id not in normal)

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
        self, conn: Connection, run: Run, named: Sequence[episodes.Finding]
    ) -> list[episodes.Finding]:
        """The findings that may move alerts: they go forward in time only.

        A revision of the last judged window opens what it now shows to be broken; of earlier ones nothing moves.
        """
        last_us = windows.last_judged_us(conn, self._watched.id)
        if last_us is None or run.window_start_us > last_us:
            return list(named)
        if run.window_start_us < last_us:
            return []
        already = {row.family for row in alert_rows.open_of(conn, self._watched.id)}
        return [finding for finding in named if _fires(finding) and finding.family not in already]

    def _record(
        self, conn: Connection, run: Run, named: Sequence[episodes.Finding], now_us: int
    ) -> tuple[episodes.Change, ...]:
        """Write the episodes of a window, and tell of what changed."""
        contract, watched = self._watched.contract, self._watched
        telling = self._telling(conn, run, named)
        if not telling:
            return ()
        changes = episodes.record(conn, watched.id, run.window_start_us, self._length(run), telling, now_us)
        audience = audience_of(watched, self._channels, self._public_url)
        notify.announce(conn, watched.id, audience, now_us, limits=self._limits)
        failpoints.reach("judge.announced")
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
