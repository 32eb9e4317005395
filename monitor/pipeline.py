"""One pass over one model: learn if it is new, read what is new, then measure and judge every window that has closed.

What is to be done stands in the `runs` table; a pass claims it run by run, so that several processes may pass at
once and any of them may be killed at any instruction.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from checks import decision
from checks.plan import Plan
from monitor import absent, catching_up, closing, failpoints, jobs, labels
from monitor.alerts.notify import Limits
from monitor.catching_up import Pace
from monitor.clock import Clock
from monitor.delivery.channels.base import Channel
from monitor.errors import DependencyUnavailable, LeaseLost, SourceError, UsageError
from monitor.evaluate import Evaluator
from monitor.learning import FIRST_RECORDS, learn, not_yet, reference_source
from monitor.progress import Progress, silent
from monitor.reading import Reader, ReadReport
from monitor.settings import Settings
from monitor.sources import open_source
from monitor.sources.push import Push
from monitor.store import models, plans, retention, runs, windows
from monitor.store.engine import Store
from monitor.store.runs import Kind, Run
from monitor.watched import Watched

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# Old samples that one pass drops at most, in slices of 5,000: the next pass goes on.
_SLICES = 20
_ANY_TIME_US = 1 << 62


@dataclass(frozen=True)
class PassReport:
    """What one pass did. `newest_us` is the end of the newest window with records, None if there is none."""

    records: int
    duplicates: int
    quarantined: int
    judged: int
    opened: int
    newest_us: int | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ReferenceReport:
    """The reference judged by itself: its facts, and (window, family, why) of everything that would have fired."""

    facts: dict[str, Any]
    windows: int
    fired: list[tuple[int, str, str]]


class Pipeline:
    """The passes of one model; what it has decoded (plan, baseline) stays in memory between them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        watched: Watched,
        channels: Mapping[str, Channel],
        settings: Settings,
    ) -> None:
        self.watched = watched
        self._training: tuple[int, int] | None = None  # the span of a training file that was just read
        self._store = store
        self._clock = clock
        self._channels = channels
        self._settings = settings
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self._plan: Plan | None = None
        self._reader: Reader | None = None
        self._evaluator: Evaluator | None = None
        self._moment: tuple[int | None, bool | None] = (None, None)  # `until_us` and `at_newest` of the pass
        self._fitted: list[str] = []  # what there is to say of the baseline that was just fitted
        self._absent: set[str] = set()  # declared columns of which the log says that they are not there

    def one_pass(
        self, *, until_us: int | None = None, at_newest: bool | None = False, progress: Progress = silent
    ) -> PassReport:
        """Do what is due. `until_us`: judge what had closed then (default: now). `at_newest`: judge as of the newest
        record; None does so only where that is more than a week old.
        """
        notes: list[str] = []
        self._moment, self._fitted = (until_us, at_newest), []
        report = self._read(progress)
        newest_us = self._newest_us()
        until_us = self._until(until_us, at_newest, newest_us, notes)
        judged = opened = 0
        notes += self._fitted
        if self._plan is not None and self._has_reference(notes):
            self._materialise(until_us)
            try:
                judged, opened = self._work(progress)
            finally:
                self._evaluate().close()
            self._forget(until_us)
        notes += [*report.notes, *report.absent.values()]
        notes += [f"could not read {failed}" for failed in report.failed]
        return PassReport(
            report.records, report.duplicates, report.quarantined, judged, opened, newest_us, tuple(notes)
        )

    def work(self, run: Run) -> None:
        """Do one run that the caller has claimed for this model. LeaseLost if it was lost; any other error is its
        failure, which the caller writes down.
        """
        if run.kind == "read":
            self._moment, self._fitted = (None, None), []
            report = self._read_run(run, silent)
            for note in (*self._fitted, *(f"could not read {failed}" for failed in report.failed)):
                log.info("%s: %s", self.watched.name, note)
            for column, note in report.absent.items():
                if column not in self._absent:  # once: it is read again every half minute
                    log.warning("%s: %s", self.watched.name, note)
            self._absent |= report.absent.keys()
        elif run.kind == "measure":
            self._evaluate().measure(run)
        else:
            self._evaluate().judge(run)

    def rest(self) -> None:
        """Give back what is only held for the next run: Evidently's process."""
        if self._evaluator is not None:
            self._evaluator.close()

    def judge_reference(self, progress: Progress = silent) -> ReferenceReport:
        """Judge every block of the reference by the others. UsageError if it has fewer than three blocks."""
        evaluator = self._evaluate()
        reference = evaluator.reference()
        if reference is None:
            raise UsageError(
                f"{self.watched.name}: there is no baseline yet; run `driftglass run` first, and again once the "
                "reference has closed"
            )
        facts = reference.baseline.facts
        obs = evaluator.observations(facts.from_us, facts.to_us)
        contract = self.watched.contract
        try:
            judged = decision.leave_one_block_out(
                obs, contract.calendar(), contract.budget(), progress=progress
            )
        except ValueError as error:
            raise UsageError(
                f"{self.watched.name}: {error}; name a longer reference in the contract"
            ) from error
        fired: list[tuple[int, str, str]] = [
            (start_us, finding.family, _why(finding, reference.baseline.series))
            for start_us, judgement in zip(obs.start_us.tolist(), judged, strict=True)
            for finding in judgement.findings
            if finding.firing
        ]
        return ReferenceReport(facts.to_dict(), len(obs.start_us), fired)

    # ----- reading ------------------------------------------------------------------------------------------

    def _read(self, progress: Progress) -> ReadReport:
        """Claim this model's reading and do it; nothing if another process is at it."""
        with self._store.write() as conn:
            self._queue_read(conn)
        run = self._claim("read")
        if run is None:
            self._load_plan()
            return ReadReport()
        try:
            return self._read_run(run, progress)
        except LeaseLost:
            log.warning("the reading of %s was taken over by another process", self.watched.name)
            return ReadReport()
        except Exception as error:
            self._give_back(run, error)
            raise

    def read_again(self, start_us: int, end_us: int, progress: Progress = silent) -> ReadReport | None:
        """Read the whole windows of a span again at the source and take in what was missing there; they are measured
        and judged again. None if another process reads this model just now.

        UsageError for a span before the time in which records can be told apart, or a source that is read only once.
        """
        if self.watched.contract.source.type != "sql":
            raise UsageError(
                "files are read again when they change, and what was pushed can be sent again: only tables"
            )
        if self._load_plan() is None:
            raise UsageError(f"{self.watched.name} has learnt nothing yet: there is nothing to read again")
        self._require_columns()
        with self._store.write() as conn:
            self._queue_read(conn)
        run = self._claim("read")
        if run is None:
            return None
        beat = self._heartbeat(run)
        report = ReadReport()

        def on_page(report: ReadReport) -> None:
            beat()
            progress("reading", report.records, None)

        try:
            reader, grid = self._read_with(), self.watched.grid
            source = open_source(self.watched.contract, self.watched.base_path, self._store, self.watched.id)
            known = reader.distinct()
            if known is None or not known[0] <= start_us:
                raise UsageError(
                    "the span begins before the time in which records can be told apart: twice the horizon"
                )
            for window_us in grid.starts(grid.window_start(start_us), min(end_us, known[1])):
                reader.keep(source.reread(window_us, grid.window_end(window_us)), report, on_page, again=True)
            with self._store.write() as conn:
                jobs.finish(conn, run, self._clock.now_us())
        except LeaseLost:
            log.warning("the reading of %s was taken over by another process", self.watched.name)
            return None
        except Exception as error:
            self._give_back(run, error)
            raise
        return report

    def _give_back(self, run: Run, error: Exception) -> None:
        """The run failed: it is tried again later, if it is still ours."""
        try:
            with self._store.write() as conn:
                jobs.fail(conn, run, f"{type(error).__name__}: {error}", self._clock.now_us())
        except LeaseLost as lost:
            log.warning("%s", lost)

    def _queue_read(self, conn: Connection) -> None:
        slot_us = self.watched.grid.window_start(self._clock.now_us())
        last = runs.latest(conn, self.watched.id, "read")
        if last is not None and last.state == "failed":
            runs.supersede(conn, [last.id])  # somebody asks now, and is not to wait for its turn
        elif last is not None and last.state in runs.UNFINISHED:
            return
        jobs.queue_read(conn, self.watched.id, slot_us, self._clock.now_us())

    def _read_run(self, run: Run, progress: Progress) -> ReadReport:
        beat = self._heartbeat(run)

        def told(stage: str, done: int, total: int | None) -> None:
            beat()
            progress(stage, done, total)

        source = open_source(self.watched.contract, self.watched.base_path, self._store, self.watched.id)
        report = ReadReport()
        if self._load_plan() is None:
            waiting = not_yet(self.watched, source, self._clock.now_us(), self._settings.inbox_limits)
            if waiting is not None:
                report.notes.append(f"learning: {waiting}")
                self._read_done(run)
                return report
            plan = learn(self.watched, self._clock.now_us(), told, source)
            with self._store.write() as conn:
                plans.save(conn, self.watched.id, plan.plan_id, plan.encode(), self._clock.now_us())
            self._load_plan()
        self._require_columns()
        reader = self._read_with()

        def on_page(report: ReadReport) -> None:
            told("reading", report.records, None)

        training = reference_source(self.watched)
        if training is not None and self._evaluate().reference() is None:
            reader.keep(training.read(None, ()), report, on_page)
            self._training = report.span
            self._look_for_absent(report, "in the reference file: ")
        reader.read_new(source, report, on_page)
        self._look_for_absent(report)
        if getattr(self.watched.contract.source, "ingested", "") is None:
            reader.probe(source, report, on_page)
        if isinstance(source, Push):
            now_us = self._clock.now_us()
            before_us = now_us - self.watched.contract.window.horizon_us
            source.forget(reader.position, before_us, self._settings.inbox_limits, now_us)
        self._read_labels(report)
        self._fit_if_closed(told)
        self._read_done(run)
        return report

    def _require_columns(self) -> None:
        """UsageError where the contract has lost a column by which records are counted."""
        assert self._plan is not None
        why = absent.changed_since(self._plan, self.watched.contract)
        if why is not None:
            raise UsageError(
                f"{self.watched.name}: {why}: give a new --database to learn them, what was measured stays in the "
                "old one; or take the change back"
            )

    def _look_for_absent(self, report: ReadReport, where: str = "") -> None:
        """Note the declared columns that what was read so far does not have, and begin anew."""
        assert self._plan is not None
        for column in absent.not_learnt(self._plan, self.watched.contract):
            report.absent[column] = (
                f"column {column} is declared since the model was learnt: nothing is measured of it; "
                "to learn it, give a new --database"
            )
        for column, sentence in report.presence.missing(self._plan).items():
            report.absent[column] = where + sentence
        report.presence = absent.Presence()

    def _read_done(self, run: Run) -> None:
        with self._store.write() as conn:
            jobs.finish(conn, run, self._clock.now_us())
            if self._reader is not None:
                self._reader.forget(conn)
        failpoints.reach("read.finished")

    def _read_labels(self, report: ReadReport) -> None:
        """Labels that cannot be read do not keep records from being judged."""
        try:
            found = labels.read(self._store, self._clock, self.watched)
        except (SourceError, DependencyUnavailable) as error:
            log.warning("cannot read the labels of %s: %s", self.watched.name, error)
            report.failed.append(f"the labels: {error}")
            return
        report.failed += [f"the labels {failed}" for failed in found.failed]

    def _heartbeat(self, run: Run) -> Callable[[], None]:
        """A function that keeps the lease when a third of it has passed."""
        last = time.monotonic()

        def beat() -> None:
            nonlocal last
            if time.monotonic() - last > self._settings.lease_seconds / 3:
                jobs.heartbeat(self._store, self._clock, run, self._settings.lease_seconds)
                last = time.monotonic()

        return beat

    def _load_plan(self) -> Plan | None:
        if self._plan is None:
            with self._store.read() as conn:
                body = plans.current(conn, self.watched.id)
            if body is not None:
                try:
                    self._plan = Plan.decode(body)
                except (ValueError, KeyError) as error:
                    raise UsageError(
                        f"{self.watched.name}: what was learnt here is of another release of driftglass ({error}); "
                        "give a new --database, what was measured stays in the old one"
                    ) from error
        return self._plan

    def _read_with(self) -> Reader:
        assert self._plan is not None
        if self._reader is None:
            self._reader = Reader(self._store, self._clock, self.watched, self._plan)
        return self._reader

    # ----- judging ------------------------------------------------------------------------------------------

    def _newest_us(self) -> int | None:
        with self._store.read() as conn:
            newest = windows.newest_with_records(conn, self.watched.id)
        return None if newest is None else newest.end_us

    def _until(
        self, until_us: int | None, at_newest: bool | None, newest_us: int | None, notes: list[str]
    ) -> int:
        now_us = self._clock.now_us()
        if until_us is not None or newest_us is None:
            return until_us if until_us is not None else now_us
        as_of_us = newest_us + self.watched.contract.window.lateness_us
        if at_newest is None:
            with self._store.read() as conn:
                as_of_us = closing.until(conn, self.watched, models.by_id(conn, self.watched.id), now_us)
        if at_newest or (at_newest is None and as_of_us != now_us):
            if at_newest is None:
                days = (now_us - newest_us) // 86_400_000_000
                notes.append(
                    f"the newest record is {days:,} days old: judged as of its window's end (--as-of now for today)"
                )
            return as_of_us
        return now_us

    def _has_reference(self, notes: list[str]) -> bool:
        """Whether there is a baseline."""
        if self._evaluate().reference() is not None:
            return True
        notes.append("learning: windows are judged once the reference has closed")
        return False

    def _fit_if_closed(self, progress: Progress) -> None:
        """Fit the baseline if the reference has closed, while the reading is held: so nobody else does the same."""
        evaluator = self._evaluate()
        if evaluator.has_reference():
            return
        until_us = self._until(*self._moment, self._newest_us(), [])
        span = self._reference_span(until_us)
        if span is None or span[1] + self.watched.contract.window.lateness_us > until_us:
            return
        facts = evaluator.fit(*span, progress).baseline.facts
        self._fitted += [f"{missing}: what differs there is judged without it" for missing in facts.missing]
        if facts.provisional:
            self._fitted.append("fewer than three blocks of reference: every verdict is provisional")

    def _reference_span(self, until_us: int) -> tuple[int, int] | None:
        """Whole windows [from, to) of the reference."""
        contract, grid = self.watched.contract, self.watched.grid
        span = self._training or contract.reference_span(until_us)
        if span is None:
            with self._store.read() as conn:
                span = windows.first_records(conn, self.watched.id, FIRST_RECORDS)
            if span is None:
                return None
        first, last = grid.window_start(span[0]), grid.window_start(span[1] - 1)
        return first, grid.window_end(last)

    def _materialise(self, until_us: int) -> None:
        """Queue the windows after the reference that have closed."""
        reference = self._evaluate().reference()
        assert reference is not None
        with self._store.read() as conn:
            model = models.by_id(conn, self.watched.id)
            due = closing.closed(conn, self.watched, model, reference.baseline.facts.to_us, until_us)
        closing.queue(self._store, self.watched, due, self._clock.now_us(), read=False)

    def _work(self, progress: Progress) -> tuple[int, int]:
        """Measure and judge until nothing is left; returns (windows judged, episodes opened)."""
        judged = opened = 0
        with self._store.read() as conn:
            waiting = sum(
                count
                for (kind, state), count in runs.counts(conn, self.watched.id).items()
                if kind == "judge" and state in runs.UNFINISHED
            )
        pace = Pace()
        while True:
            run = self._claim("measure", "judge")
            if run is None:
                return judged, opened
            if run.kind == "measure":
                self._measure(run, pace)
                continue
            done = self._attempt(run, partial(self._judge, run, pace))
            if done is not None:
                judged, opened = judged + done[0], opened + done[1]
                progress("judging", judged, max(waiting, judged))

    def _measure(self, run: Run, pace: Pace) -> None:
        """Measure a window and those after it; one that fails keeps none of the others from being measured."""
        measures = catching_up.measures_with(
            *(self._store, self._clock, run, self.watched.grid, pace.windows, self._settings.lease_seconds)
        )
        evaluator = self._evaluate()
        if len(measures) > 1:
            try:
                pace.work(lambda: evaluator.measure(run, measures[1:]))
                return
            except DependencyUnavailable:
                raise
            except Exception as error:  # noqa: BLE001  of whichever of them: each for itself says which
                log.warning(
                    "%d windows of %s are measured one by one: %s", len(measures), self.watched.name, error
                )
        for one in measures:
            self._attempt(one, partial(pace.work, partial(evaluator.measure, one)))

    def _judge(self, run: Run, pace: Pace) -> tuple[int, int]:
        following = catching_up.judges_after(self._store, self._clock, run, self.watched.grid, pace.windows)
        return pace.work(lambda: self._evaluate().judge(run, following, catching_up.SECONDS))

    def _attempt(self, run: Run, work: Callable[[], Result]) -> Result | None:
        """Do the work of a run; None where it failed or went to another."""
        try:
            return work()
        except LeaseLost as error:
            log.warning("%s", error)
        except DependencyUnavailable:
            raise
        except Exception as error:  # the edge of a job: recorded with the run, tried again, dead at last
            log.exception("%s of window %d of %s failed", run.kind, run.window_start_us, self.watched.name)
            self._give_back(run, error)
        return None

    def _forget(self, until_us: int) -> None:
        """Drop sampled records that are older than the contract keeps them, a slice per transaction.

        Their age counts from the time that was judged: history is not forgotten for being history. A service leaves
        it to `housekeeping`, which knows when a window was measured.
        """
        before_us = until_us - self.watched.contract.window.keep_us
        with self._store.read() as conn:
            need = retention.needed(conn, self.watched.id)
            references = retention.references(conn, self.watched.id, need.references)
        if need.since_us is not None:
            before_us = min(before_us, need.since_us)
        for _ in range(_SLICES):
            with self._store.write() as conn:
                if not retention.samples(conn, self.watched.id, before_us, _ANY_TIME_US, references):
                    return

    def _claim(self, *kinds: Kind) -> Run | None:
        lease_seconds = self._settings.lease_seconds
        return jobs.claim(self._store, self._clock, self._owner, lease_seconds, kinds, self.watched.id)

    def _evaluate(self) -> Evaluator:
        if self._evaluator is None:
            plan = self._load_plan()
            if plan is None:
                raise UsageError(f"{self.watched.name}: nothing was learnt yet; run `driftglass run` first")
            self._evaluator = Evaluator(
                self._store,
                self._clock,
                self.watched,
                plan,
                self._channels,
                self._settings.base_url,
                Limits(installation=self._settings.storm_alerts),
            )
        return self._evaluator


def _why(finding: decision.Finding, series: Any) -> str:
    if finding.hard:
        return finding.hard[0].message
    return series[finding.named[0].series].name if finding.named else ""
