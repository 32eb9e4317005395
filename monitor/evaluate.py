"""Measure and judge: from the profile of a closed window to measurements, verdicts and episodes.

measure   profile → observations → scores → measurements                        any order, repeatable
judge     scores + breaks → verdicts → sequence → episodes → outbox, triggers   in window order, one transaction
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import Connection

from checks import baseline as baselines
from checks.decision import Judgement, State
from checks.plan import Plan
from checks.scores import Scores, joined
from checks.series import Observations, Series
from monitor import catching_up, corrected, failpoints, jobs, judging, profiles, rebasing
from monitor.alerts import episodes, notify
from monitor.alerts.state import Absent, Opened
from monitor.beside import Beside
from monitor.clock import Clock
from monitor.consequences import Consequences, fires
from monitor.counted import Counted
from monitor.delivery.channels.base import Channel
from monitor.errors import LeaseLost
from monitor.findings import Findings, Window
from monitor.lately import Lately, changed_before
from monitor.performance import Performance
from monitor.progress import Progress, silent
from monitor.rebasing import Fitted, Known
from monitor.recent import RECENT_US
from monitor.recording import Recorder
from monitor.references import Reference, References
from monitor.store import alerts as alert_rows
from monitor.store import feedback, runs, sequences, windows
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


@dataclass(frozen=True)
class _Done:
    """A judged window before it is written."""

    run: Run
    obs: Observations
    judged: judging.Judged
    context: judging.Context
    named: list[episodes.Finding]


@dataclass(frozen=True)
class _Before:
    """How a model stands before a window: the window judged last and the state after it; the families that start again
    because their rule is another since; whether no episode is open; whether the window could not be measured.
    """

    start_us: int | None
    state: State
    edited: Sequence[str]
    is_calm: bool
    is_dead: bool


def _scored(references: Sequence[Reference], obs: Observations) -> Scores:
    """The windows of `obs`, each against its own reference."""
    found: dict[int, Scores] = {}
    for reference in {one.id: one for one in references}.values():
        mine = [place for place, one in enumerate(references) if one.id == reference.id]
        scores = baselines.score(reference.baseline, obs.rows(np.array(mine, np.intp)))
        found |= {place: scores.rows(slice(at, at + 1)) for at, place in enumerate(mine)}
    return joined([found[place] for place in range(len(references))])


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
        self._store = store
        self._clock = clock
        self._watched = watched
        self._plan = plan
        self._recorder = Recorder(watched, plan)
        self._references = References(store, clock, watched, plan)
        self._is_fitted = False
        self._counted = Counted(store, watched.id, plan)
        self._lately = Lately(store, watched.id, self._counted)
        self._consequences = Consequences(watched, channels, public_url, limits)
        self._beside: Beside | None = None
        self._performance: Performance | None = None

    def close(self) -> None:
        """Give back what a pass held: Evidently's process."""
        if self._beside is not None:
            self._beside.close()

    # ----- the reference ------------------------------------------------------------------------------------

    def reference(self) -> Reference | None:
        """The baseline that counts now, None while the reference has not closed."""
        self._references.look()
        return self._references.current()

    def has_reference(self) -> bool:
        """Whether there is a baseline: once there is one, there always is."""
        self._is_fitted = self._is_fitted or self.reference() is not None
        return self._is_fitted

    def observations(self, from_us: int, to_us: int) -> Observations:
        """What was counted in every window of [from_us, to_us), those without records among them."""
        return self._counted.between(list(self._watched.grid.starts(from_us, to_us)), from_us, to_us)

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
                self._recorder.measurements(conn, starts[some], 0, obs.n[some], scores.rows(some))
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

    # ----- windows ------------------------------------------------------------------------------------------

    def measure(self, run: Run, others: Sequence[Run] = ()) -> None:
        """Write what a closed window measured, against the frozen reference, and what others did (of any windows).

        LeaseLost if the run was lost; of several, those that were lost are passed over.
        """
        measures = [run, *others]
        self._references.look()
        failpoints.reach("measure.begun")
        with self._store.one_state():
            counted = self._counted.of(measures)
            references = self._references.each([one.window_start_us for one in measures])
            wholes = [one.profile for one in references] if corrected.is_measured(self._plan) else []
        obs = profiles.stacked([one for _, one in counted])
        scores = _scored(references, obs)
        beside = [self._measured_beside(*pair) for pair in zip(measures, references, strict=True)]
        now_us = self._clock.now_us()
        failpoints.reach("measure.worked")
        with self._store.write() as conn:
            kept = self._finished(conn, measures, now_us)
            failpoints.reach("measure.finished")
            ours = [measures[place] for place in kept]
            starts = [one.window_start_us for one in ours]
            self._recorder.measurements(
                conn,
                starts,
                [one.revision for one in ours],
                obs.n[kept],
                scores.rows(np.array(kept, np.intp)),
            )
            for place, one in zip(kept, ours, strict=True):
                self._recorder.beside(conn, one, beside[place])
                if wholes:
                    corrected.write(
                        conn,
                        *(self._watched.id, one.window_start_us, one.revision),
                        *(self._plan, counted[place][0], wholes[place]),
                    )
            windows.mark(conn, self._watched.id, starts, "measured", now_us)
            failpoints.reach("measure.written")
        failpoints.reach("measure.committed")
        self._counted.keep(ours, [counted[place] for place in kept])

    def judge(self, run: Run, following: Sequence[Run] = (), seconds: float = math.inf) -> tuple[int, int]:
        """Judge a measured window, and of those in `following` (`catching_up.judges_after`) as many as nothing keeps
        from being judged in the same transaction, for about so many seconds.

        Returns (windows judged, episodes opened). LeaseLost if the run was lost.
        """
        while True:
            try:
                return self._judge(run, following, time.monotonic() + seconds)
            except _FeedbackCame:
                log.info("feedback came while window %d was judged: judged anew", run.window_start_us)

    def _judge(self, run: Run, following: Sequence[Run], until: float) -> tuple[int, int]:
        start_us = run.window_start_us
        self._references.look()
        failpoints.reach("judge.begun")
        with self._store.one_state():
            known = self._references.known()
            to_fit = self._references.due(start_us, known)
        if to_fit is not None:
            jobs.heartbeat(self._store, self._clock, run, _FIT_SECONDS)
            self._references.renew(start_us, to_fit)
        with self._store.one_state():
            reference = self._references.at(start_us)
            before = self._before(start_us, reference)
            if before.is_dead:
                self._judge_unmeasured(run, before.state)
                return 1, 0
            performance = self._look_at_performance(self._references.first())
            judges = [run]
            if before.is_calm and performance is None:
                starts = [one.window_start_us for one in (run, *following)]
                judges += following[: self._references.lasts(known, starts) - 1]
            done = self._judged(judges, reference, known, before, until)
        now_us = self._clock.now_us()
        looked = performance.look(start_us, now_us) if performance is not None else None
        if looked is not None:
            done[0].named.append(looked.finding)
        failpoints.reach("judge.worked")
        opened = 0
        with self._store.write() as conn:
            jobs.finish(conn, run, now_us)
            failpoints.reach("judge.finished")
            if feedback.of_model(conn, self._watched.id) != known.feedback:
                raise _FeedbackCame
            if performance is not None and looked is not None:
                performance.write(conn, looked, start_us, run.revision)
            kept: list[_Done] = []
            for one in done:
                if kept and not catching_up.finish(conn, one.run, run, now_us):
                    break
                changes, concluded = self._conclude(conn, one, reference, now_us)
                opened += sum(isinstance(change.effect, Opened) for change in changes)
                kept.append(concluded)
                if changes or concluded.context.ended:
                    break  # the windows after it were judged as if nothing had changed
            self._write(conn, kept, reference, now_us)
            failpoints.reach("judge.written")
        failpoints.reach("judge.committed")
        return len(kept), opened

    def _before(self, start_us: int, reference: Reference) -> _Before:
        with self._store.read() as conn:
            measured = runs.latest(conn, self._watched.id, "measure", start_us)
            last = sequences.latest_before(conn, self._watched.id, start_us)
            edited = (
                []
                if last is None
                else alert_rows.ended_at(conn, self._watched.id, last[0], alert_rows.RULE_CHANGED)
            )
            is_calm = not alert_rows.open_of(conn, self._watched.id)
        return _Before(
            None if last is None else last[0],
            State.empty(reference.baseline) if last is None else State.decode(last[1]),
            edited,
            is_calm,
            measured is not None and measured.state == "dead",
        )

    def _judged(
        self, judges: Sequence[Run], reference: Reference, known: Known, before: _Before, until: float
    ) -> list[_Done]:
        """The first window judged, and those after it until one shows something, fails, or the time is over.

        As long as nothing fires and no episode is open, a judgement depends on those before it only by the sequence and
        the recent level.
        """
        first = self._references.first(reference).baseline
        recent, rows = self._lately.before(judges[0].window_start_us, reference.baseline)
        counted = self._counted.of(judges)
        obs = profiles.stacked([one for _, one in counted])
        recent.add(obs, {run.window_start_us: run.revision for run in judges})
        befores = [before.start_us, *(run.window_start_us for run in judges[:-1])]
        contexts = [
            self._context(run.window_start_us, last_us, reference, known, rows)
            for run, last_us in zip(judges, befores, strict=True)
        ]
        contexts[0] = replace(contexts[0], started=tuple(sorted({*contexts[0].started, *before.edited})))
        scores = judging.scored(reference.baseline, first, obs, recent, contexts)
        findings = Findings(
            *(self._store, self._watched, self._plan, reference.baseline),
            *(lambda: reference.profile, self._counted.merged),
        )
        state, done = before.state, list[_Done]()
        for place, (run, (profile, own), context) in enumerate(zip(judges, counted, contexts, strict=True)):
            row = scores.rows(slice(place, place + 1))
            try:
                judged = judging.judge_scored(
                    *(self._plan, reference.baseline, state, profile, own, recent, row, context),
                    window_us=self._length(run),
                )
                named = self._named(findings, Window(run.window_start_us, profile, row), judged.judgement)
            except Exception:  # the edge of a job, but for the first, which has one
                if not done:
                    raise
                log.exception("window %d of %s is judged alone", run.window_start_us, self._watched.name)
                break
            done.append(_Done(run, own, judged, context, named))
            if any(fires(finding) for finding in named) or time.monotonic() > until:
                break
            state = judged.state
        return done

    def _named(self, findings: Findings, window: Window, judgement: Judgement) -> list[episodes.Finding]:
        named = findings.of(window, judgement)
        if window.profile.records:
            return [*named]
        # What is not there is broken if anything is, and not calm.
        return [one if fires(one) else episodes.FamilyAbsent(one.family, Absent("no_data")) for one in named]

    def _context(
        self,
        start_us: int,
        before_us: int | None,
        reference: Reference,
        known: Known,
        rows: Sequence[alert_rows.EpisodeRow],
    ) -> judging.Context:
        begun = rebasing.began(known, start_us, before_us)
        recent_us = max(start_us - RECENT_US, reference.baseline.facts.from_us)
        return judging.Context(
            code=judging.code(),
            baseline_id=reference.id,
            first_id=self._references.first(reference).id,
            before_us=before_us,
            recent_us=recent_us,
            changed=changed_before(
                rows, start_us, recent_us, known, self._must_have_reference().baseline.series
            ),
            started=tuple(sorted({episode.family for episode in begun})),
            quiet=rebasing.quiet(known, start_us, reference.fitted),
        )

    def _conclude(
        self, conn: Connection, one: _Done, reference: Reference, now_us: int
    ) -> tuple[tuple[episodes.Change, ...], _Done]:
        """Write what becomes of the episodes; returns what changed, and the window with the families that ended."""
        start_us = one.run.window_start_us
        changes = self._consequences.of(conn, one.run, one.named, now_us)
        # Also when the window is judged again, long after its episode was closed.
        ended = alert_rows.ended_at(conn, self._watched.id, start_us)
        state = judging.restarted(reference.baseline, one.judged.state, ended)
        judged, context = replace(one.judged, state=state), replace(one.context, ended=tuple(ended))
        return changes, replace(one, judged=judged, context=context)

    def _write(self, conn: Connection, done: Sequence[_Done], reference: Reference, now_us: int) -> None:
        judges = [one.run for one in done]
        starts = [run.window_start_us for run in judges]
        scores = joined([one.judged.scores for one in done])
        n = np.concatenate([one.obs.n for one in done])
        self._recorder.measurements(conn, starts, [run.revision for run in judges], n, scores)
        judgements = [one.judged.judgement for one in done]
        self._recorder.verdicts(conn, judges, reference, scores, judgements)
        sequences.put_each(
            conn,
            self._watched.id,
            [(one.run.window_start_us, one.judged.state.encode(), one.context.encode()) for one in done],
        )
        windows.mark(conn, self._watched.id, starts, "judged", now_us)

    def _judge_unmeasured(self, run: Run, state: State) -> None:
        """A window that could not be measured is an error and no evidence: the sequence waits where it was."""
        now_us = self._clock.now_us()
        families = sorted({series.family for series in self._must_have_reference().baseline.series})
        with self._store.write() as conn:
            jobs.finish(conn, run, now_us)
            sequences.put(conn, self._watched.id, run.window_start_us, state.encode())
            self._consequences.of_unmeasured(conn, run, families, now_us)
            windows.mark(conn, self._watched.id, [run.window_start_us], "error", now_us)

    # ----- pieces -------------------------------------------------------------------------------------------

    def _must_have_reference(self) -> Reference:
        reference = self._references.current()
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

    def _measured_beside(self, run: Run, reference: Reference) -> list[tuple[Series, int, float | None]]:
        if self._beside is None:
            facts = reference.baseline.facts
            self._beside = Beside(self._store, self._watched, facts.from_us, facts.to_us)
        return self._beside.measure(run.window_start_us)

    def _finished(self, conn: Connection, work: Sequence[Run], now_us: int) -> list[int]:
        """Finish the runs that are still ours; returns their places. LeaseLost if none is."""
        kept = []
        for place, run in enumerate(work):
            try:
                jobs.finish(conn, run, now_us)
                kept.append(place)
            except LeaseLost as error:
                if len(work) == 1:
                    raise
                log.warning("%s", error)
        if not kept:
            raise LeaseLost(
                f"all {len(work)} windows of {self._watched.name} went to another worker or revision"
            )
        return kept

    def _length(self, run: Run) -> int:
        return self._watched.grid.window_end(run.window_start_us) - run.window_start_us
