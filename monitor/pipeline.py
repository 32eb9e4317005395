"""One pass over one model: learn if it is new, read what is new, then measure and judge every window that has closed.

What is to be done stands in the `runs` table; a pass claims it run by run, so that several processes may pass at
once and any of them may be killed at any instruction.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from monitor import as_of, catching_up, closing, jobs, judged_by_itself
from monitor.as_of import AsOf
from monitor.catching_up import Pace
from monitor.clock import Clock
from monitor.delivery.channels.base import Channel
from monitor.errors import DependencyUnavailable, LeaseLost
from monitor.judged_by_itself import ReferenceReport
from monitor.learnt import Learnt
from monitor.progress import Progress, silent
from monitor.read_runs import ReadRuns
from monitor.reading import ReadReport
from monitor.settings import Settings
from monitor.store import models, retention, runs
from monitor.store.engine import Store
from monitor.store.run_states import UNFINISHED
from monitor.store.runs import Run
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
        self._store = store
        self._clock = clock
        self._settings = settings
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self._learnt = Learnt(store, clock, watched, channels, settings)
        self._reading = ReadRuns(store, clock, watched, self._learnt, settings, self._owner)
        self._absent: set[str] = set()  # declared columns of which the log says that they are not there

    def one_pass(
        self, *, until_us: int | None = None, at_newest: bool | None = False, progress: Progress = silent
    ) -> PassReport:
        """Do what is due. `until_us`: judge what had closed then (default: now). `at_newest`: judge as of the newest
        record; None does so only where that is more than a week old.
        """
        with self._store.read() as conn:
            if models.by_id(conn, self.watched.id).paused_us is not None:
                paused = f"paused: nothing is read or judged; `driftglass resume {self.watched.name}`"
                return PassReport(0, 0, 0, 0, 0, None, (paused,))
        asked = AsOf(until_us, at_newest)
        report = self._reading.now(asked, progress)
        newest_us = as_of.newest_us(self._store, self.watched.id)
        moment_us, note = asked.moment(self._store, self.watched, self._clock.now_us())
        notes = [note] if note is not None else []
        notes += report.fitted
        judged = opened = 0
        if self._learnt.plan() is not None:
            if self._learnt.evaluator().reference() is None:
                notes.append("learning: windows are judged once the reference has closed")
            else:
                judged, opened = self._judge_until(moment_us, progress)
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
            self._log(self._reading.do(run, AsOf()))
        elif run.kind == "measure":
            self._learnt.evaluator().measure(run)
        else:
            self._learnt.evaluator().judge(run)

    def rest(self) -> None:
        """Give back what is only held for the next run: Evidently's process."""
        self._learnt.rest()

    def read_again(self, start_us: int, end_us: int, progress: Progress = silent) -> ReadReport | None:
        """Read a span again at the source; see `ReadRuns.again`."""
        return self._reading.again(start_us, end_us, progress)

    def judge_reference(self, progress: Progress = silent) -> ReferenceReport:
        """Judge every block of the reference by the others. UsageError if it has fewer than three blocks."""
        return judged_by_itself.judge_reference(self.watched, self._learnt.evaluator(), progress)

    def _log(self, report: ReadReport) -> None:
        for note in (*report.fitted, *(f"could not read {failed}" for failed in report.failed)):
            log.info("%s: %s", self.watched.name, note)
        for column, note in report.absent.items():
            if column not in self._absent:  # once: it is read again every half minute
                log.warning("%s: %s", self.watched.name, note)
        self._absent |= report.absent.keys()

    def _judge_until(self, until_us: int, progress: Progress) -> tuple[int, int]:
        """Measure and judge what had closed then; returns (windows judged, episodes opened)."""
        self._materialise(until_us)
        try:
            done = self._work(progress)
        finally:
            self._learnt.rest()
        self._forget(until_us)
        return done

    def _materialise(self, until_us: int) -> None:
        """Queue the windows after the reference that have closed."""
        reference = self._learnt.evaluator().reference()
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
                if kind == "judge" and state in UNFINISHED
            )
        pace = Pace()
        while True:
            run = self._claim()
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
            self._store,
            self._clock,
            run,
            self.watched.grid,
            pace.windows,
            self._settings.lease_seconds,
        )
        evaluator = self._learnt.evaluator()
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
        return pace.work(lambda: self._learnt.evaluator().judge(run, following, catching_up.SECONDS))

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
            jobs.note_failure(self._store, self._clock, run, error)
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

    def _claim(self) -> Run | None:
        lease_seconds = self._settings.lease_seconds
        return jobs.claim(
            self._store, self._clock, self._owner, lease_seconds, ["measure", "judge"], self.watched.id
        )
