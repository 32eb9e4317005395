"""The readings of a model, as runs: learn if it is new, take in what is new, and fit its baseline once it can be.

Whoever reads holds the model's reading by a lease, so no two processes read, learn or fit at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sqlalchemy import Connection

from checks.plan import Plan
from monitor import absent, failpoints, first_baseline, jobs, labels
from monitor.as_of import AsOf
from monitor.clock import Clock
from monitor.errors import DependencyUnavailable, LeaseLost, SourceError, UsageError
from monitor.learning import learn, not_yet, reference_source
from monitor.learnt import Learnt
from monitor.progress import Progress, silent
from monitor.reading import Reader, ReadReport
from monitor.settings import Settings
from monitor.sources import Source, open_source
from monitor.sources.push import Push
from monitor.store import models, plans, runs
from monitor.store.engine import Store
from monitor.store.run_states import UNFINISHED
from monitor.store.runs import Run
from monitor.watched import Watched

log = logging.getLogger(__name__)


class ReadRuns:
    """Reads one model's source, with what it has learnt."""

    def __init__(
        self, store: Store, clock: Clock, watched: Watched, learnt: Learnt, settings: Settings, owner: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._watched = watched
        self._learnt = learnt
        self._settings = settings
        self._owner = owner

    def now(self, as_of: AsOf, progress: Progress = silent) -> ReadReport:
        """Claim this model's reading and do it; an empty report if another process is at it."""
        run = self._claim()
        if run is None:
            return ReadReport()
        try:
            return self.do(run, as_of, progress)
        except LeaseLost:
            self._taken_over()
            return ReadReport()
        except Exception as error:
            jobs.note_failure(self._store, self._clock, run, error)
            raise

    def again(self, start_us: int, end_us: int, progress: Progress = silent) -> ReadReport | None:
        """Read the whole windows of a span again at the source and take in what was missing there; they are measured
        and judged again. None if another process reads this model just now.

        UsageError for a span before the time in which records can be told apart, or a source that is read only once.
        """
        if self._watched.contract.source.type != "sql":
            raise UsageError(
                "files are read again when they change, and what was pushed can be sent again: only tables"
            )
        with self._store.read() as conn:
            if models.by_id(conn, self._watched.id).paused_us is not None:
                raise UsageError(
                    f"{self._watched.name} is paused: `driftglass resume {self._watched.name}` first"
                )
        plan = self._learnt.plan()
        if plan is None:
            raise UsageError(f"{self._watched.name} has learnt nothing yet: there is nothing to read again")
        absent.require_learnt(absent.learnt(plan), self._watched.contract)
        run = self._claim()
        if run is None:
            return None
        told = self._telling(run, progress)
        try:
            report = self._span(start_us, end_us, told)
            self._done(run)
        except LeaseLost:
            self._taken_over()
            return None
        except Exception as error:
            jobs.note_failure(self._store, self._clock, run, error)
            raise
        return report

    def do(self, run: Run, as_of: AsOf, progress: Progress = silent) -> ReadReport:
        """Do a reading that was claimed. LeaseLost if it went to another."""
        told = self._telling(run, progress)
        source = open_source(self._watched.contract, self._watched.base_path, self._store, self._watched.id)
        report = ReadReport()
        plan = self._learnt.plan()
        if plan is None:
            waiting = not_yet(self._watched, source, self._clock.now_us(), self._settings.inbox_limits)
            if waiting is not None:
                report.notes.append(f"learning: {waiting}")
                self._done(run)
                return report
            plan = self._learn(source, told)
        absent.require_learnt(absent.learnt(plan), self._watched.contract)
        reader = self._learnt.reader()
        training = self._read_training(reader, plan, report, told)
        self._read_source(reader, source, plan, report, told)
        self._read_labels(report)
        evaluator = self._learnt.evaluator()
        if not evaluator.has_reference():
            until_us, _ = as_of.moment(self._store, self._watched, self._clock.now_us())
            report.fitted = first_baseline.fit_if_closed(
                self._store, self._watched, evaluator, until_us, training, told
            )
        self._done(run, reader)
        return report

    def _learn(self, source: Source, told: Progress) -> Plan:
        plan = learn(self._watched, self._clock.now_us(), told, source)
        with self._store.write() as conn:
            now_us, columns = self._clock.now_us(), absent.learnt(plan)
            plans.save(conn, self._watched.id, plan.plan_id, plan.encode(), now_us, columns=columns)
        saved = self._learnt.plan()
        assert saved is not None
        return saved

    def _read_training(
        self, reader: Reader, plan: Plan, report: ReadReport, told: Progress
    ) -> tuple[int, int] | None:
        """Read the file that is the reference until the baseline is fitted; returns the span of its windows."""
        training = reference_source(self._watched)
        if training is None or self._learnt.evaluator().reference() is not None:
            return None
        reader.keep(training.read(None, ()), report, _each_page(told))
        span = report.span
        self._look_for_absent(plan, report, "in the reference file: ")
        return span

    def _read_source(
        self, reader: Reader, source: Source, plan: Plan, report: ReadReport, told: Progress
    ) -> None:
        reader.read_new(source, report, _each_page(told))
        self._look_for_absent(plan, report)
        if getattr(self._watched.contract.source, "ingested", "") is None:
            reader.probe(source, report, _each_page(told))
        if isinstance(source, Push):
            now_us = self._clock.now_us()
            before_us = now_us - self._watched.contract.window.horizon_us
            source.forget(reader.position, before_us, self._settings.inbox_limits, now_us)

    def _span(self, start_us: int, end_us: int, told: Progress) -> ReadReport:
        report, reader, grid = ReadReport(), self._learnt.reader(), self._watched.grid
        source = open_source(self._watched.contract, self._watched.base_path, self._store, self._watched.id)
        known = reader.distinct()
        if known is None or not known[0] <= start_us:
            raise UsageError(
                "the span begins before the time in which records can be told apart: twice the horizon"
            )
        for window_us in grid.starts(grid.window_start(start_us), min(end_us, known[1])):
            pages = source.reread(window_us, grid.window_end(window_us))
            reader.keep(pages, report, _each_page(told), again=True)
        return report

    def _look_for_absent(self, plan: Plan, report: ReadReport, where: str = "") -> None:
        """Note the declared columns that what was read so far does not have, and begin anew."""
        report.absent |= absent.told(plan, self._watched.contract, report.presence, where)
        report.presence = absent.Presence()

    def _read_labels(self, report: ReadReport) -> None:
        """Labels that cannot be read do not keep records from being judged."""
        try:
            found = labels.read(self._store, self._clock, self._watched)
        except (SourceError, DependencyUnavailable) as error:
            log.warning("cannot read the labels of %s: %s", self._watched.name, error)
            report.failed.append(f"the labels: {error}")
            return
        report.failed += [f"the labels {failed}" for failed in found.failed]

    def _claim(self) -> Run | None:
        with self._store.write() as conn:
            self._queue(conn)
        lease_seconds = self._settings.lease_seconds
        return jobs.claim(self._store, self._clock, self._owner, lease_seconds, ["read"], self._watched.id)

    def _queue(self, conn: Connection) -> None:
        now_us = self._clock.now_us()
        last = runs.latest(conn, self._watched.id, "read")
        if last is not None and last.state == "failed":
            runs.supersede(conn, [last.id])  # somebody asks now, and is not to wait for its turn
        elif last is not None and last.state in UNFINISHED:
            return
        jobs.queue_read(conn, self._watched.id, self._watched.grid.window_start(now_us), now_us)

    def _done(self, run: Run, reader: Reader | None = None) -> None:
        with self._store.write() as conn:
            jobs.finish(conn, run, self._clock.now_us())
            if reader is not None:
                reader.forget(conn)
        failpoints.reach("read.finished")

    def _taken_over(self) -> None:
        log.warning("the reading of %s was taken over by another process", self._watched.name)

    def _telling(self, run: Run, progress: Progress) -> Progress:
        """`progress` that also keeps the lease, whenever a third of it has passed."""
        last = time.monotonic()

        def told(stage: str, done: int, total: int | None) -> None:
            nonlocal last
            if time.monotonic() - last > self._settings.lease_seconds / 3:
                jobs.heartbeat(self._store, self._clock, run, self._settings.lease_seconds)
                last = time.monotonic()
            progress(stage, done, total)

        return told


def _each_page(told: Progress) -> Callable[[ReadReport], None]:
    return lambda report: told("reading", report.records, None)
