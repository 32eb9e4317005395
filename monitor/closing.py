"""What falls due with time: readings of every source, and the windows that have closed since somebody last looked.

Nothing here loads numpy: it ticks in the process that serves, beside the API. What it finds goes into the store, and
however many processes look, each window is queued once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from itertools import islice

from sqlalchemy import Connection

from monitor import failpoints, jobs, telemetry
from monitor.clock import Clock
from monitor.errors import DependencyUnavailable, DriftglassError
from monitor.store import baselines, models, runs, set_back, windows
from monitor.store.engine import Store
from monitor.store.models import Model
from monitor.store.run_states import UNFINISHED
from monitor.store.runs import Run
from monitor.watched import Watched

log = logging.getLogger(__name__)

# A source whose newest record is older than this is history, and is judged as of its own end.
HISTORY_US = 7 * 86_400_000_000
SLICE = 500  # windows of a transaction: other writers come in between
MODELS = 50  # of a transaction that queues one window of each
JUMP_SECONDS = 60.0
CLOCK_JUMPS = telemetry.counter("clock_jumps", "Times that the wall clock moved against the monotonic one")

Span = tuple[int, int]


def closed(
    conn: Connection, watched: Watched, model: Model, reference_to_us: int, until_us: int
) -> list[Span]:
    """Windows [start_us, end_us) after the reference that had closed at `until_us` and were not queued yet."""
    closed_us = until_us - watched.contract.window.lateness_us
    from_us = max(reference_to_us, model.materialised_until_us or 0)
    reference = watched.contract.reference
    if model.materialised_until_us is None and reference is not None and reference.path is not None:
        # Between a training file and the first record of the stream nothing was to be expected.
        from_us = windows.first_from(conn, watched.id, from_us) or closed_us
    grid = watched.grid
    due = [(start, grid.window_end(start)) for start in grid.starts(from_us, closed_us)]
    return [span for span in due if span[1] <= closed_us]


def until(conn: Connection, watched: Watched, model: Model, now_us: int) -> int:
    """The time as of which a model is judged: now, or the end of its records where they are history."""
    ended_us = history_end(conn, watched, model, now_us)
    return now_us if ended_us is None else ended_us + watched.contract.window.lateness_us


def history_end(conn: Connection, watched: Watched, model: Model, now_us: int) -> int | None:
    """The end of the last window with records where that is long ago, None for a stream that is followed.

    A stream that was followed past its last record is no history: that nothing comes any more is its news.
    """
    newest = windows.newest_with_records(conn, watched.id)
    if newest is None or now_us - newest.end_us <= HISTORY_US:
        return None
    if model.materialised_until_us is not None and model.materialised_until_us > newest.end_us:
        return None
    return newest.end_us


def queue(store: Store, watched: Watched, due: Sequence[Span], now_us: int, *, read: bool) -> int:
    """Queue closed windows, at most 500 per transaction, as the contract says; returns how many runs that made.

    `window.catch_up_windows` of the contract leaves out the oldest of them, once the model has been judged at all.
    """
    window = watched.contract.window
    made = 0
    if window.catch_up_windows is not None and len(due) > window.catch_up_windows:
        due = _without_oldest(store, watched, due, window.catch_up_windows)
    left = iter(due)
    while some := list(islice(left, SLICE)):
        with store.write() as conn:
            done_us = models.lock(conn, watched.id).materialised_until_us or 0
            some = [span for span in some if span[1] > done_us]  # another process may have been here
            made += jobs.materialise(
                conn, watched.id, some, now_us, read=read, newest_first=window.catch_up == "newest-first"
            )
        failpoints.reach("materialise.committed")
        read = False
    return made


def _without_oldest(store: Store, watched: Watched, due: Sequence[Span], kept: int) -> Sequence[Span]:
    reason = f"it closed while nothing ran, and the contract catches up {kept} windows at most"
    for first in range(0, len(due) - kept, SLICE):
        with store.write() as conn:
            model = models.lock(conn, watched.id)
            if model.materialised_until_us is None:  # history that is judged for the first time
                return due
            done_us = model.materialised_until_us
            some = [span for span in due[first : min(first + SLICE, len(due) - kept)] if span[1] > done_us]
            jobs.skip(conn, watched.id, some, reason)
    return due[len(due) - kept :]


def skip(store: Store, watched: Watched, due: Sequence[Span], reason: str) -> int:
    """Write closed windows down as `skipped`, at most 500 per transaction; returns how many."""
    skipped = 0
    for first in range(0, len(due), SLICE):
        with store.write() as conn:
            skipped += jobs.skip(conn, watched.id, due[first : first + SLICE], reason)
    return skipped


class Jumps:
    """Whether the wall clock can be believed: after a jump against the monotonic clock, two looks have to agree."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._last: tuple[int, float] | None = None
        self._doubted = 0
        self.back_us = 0  # how far the clock was set back by the last jump; who has dealt with it says 0

    def steady(self) -> bool:
        """One look at both clocks; False for the look that finds a jump of more than a minute and for the next."""
        wall_us, monotonic = self._clock.now_us(), self._monotonic()
        last, self._last = self._last, (wall_us, monotonic)
        if last is not None:
            jump = (wall_us - last[0]) / 1e6 - (monotonic - last[1])
            if abs(jump) > JUMP_SECONDS:
                self._doubt("the clock jumped by %+.0f s", jump)
                return False
        self._doubted = max(0, self._doubted - 1)
        return self._doubted == 0

    def follows(self, written_us: int) -> bool:
        """Whether the wall clock stands after what has happened already; if not, it was set back unseen, and what
        holds after a jump holds now.
        """
        jump = (self._clock.now_us() - written_us) / 1e6
        if jump >= -JUMP_SECONDS:
            return True
        self._doubt("the clock stands %+.0f s from what was written by it before this process began", jump)
        return False

    def _doubt(self, sentence: str, jump: float) -> None:
        CLOCK_JUMPS.inc()
        log.warning(f"{sentence}: windows are closed once it is seen to go on from there", jump)
        self._doubted = 2
        self.back_us = max(0, round(-jump * 1e6))


class Closing:
    """Looks at every model once per tick: queues its reading when that is due, and its windows when they close."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        watched: Callable[[], Sequence[Watched]],
        read_seconds: float,
        *,
        jumps: Jumps | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._watched = watched
        self._read_us = round(read_seconds * 1e6)
        self._jumps = jumps or Jumps(clock)
        self._begins = True
        self.next_us: int | None = None  # when the next window ends that was not queued yet; None: not known
        self._reference_to: dict[
            int, tuple[str, int]
        ] = {}  # by baseline: its plan, and where its reference ends

    def tick(self) -> int:
        """Queue what is due now; returns how many runs that made. DependencyUnavailable if the store is away."""
        if not self._jumps.steady() or not self._follows_what_was():
            return 0
        now_us = self._clock.now_us()
        if self._jumps.back_us:
            with self._store.write() as conn:
                set_back.plan_anew(conn, self._jumps.back_us, now_us)
            self._jumps.back_us = 0
        self.next_us = None
        one_each: list[tuple[Watched, Span | None]] = []  # the window that closed, None for a reading alone
        many: list[tuple[Watched, list[Span]]] = []
        with self._store.read() as conn:
            known = {model.id: model for model in models.everyone(conn)}
            reads = runs.latest_reads(conn)
            for watched in sorted(self._watched(), key=lambda one: one.id):
                model = known.get(watched.id)
                if model is None or model.paused_us is not None:
                    continue
                due = self._closed(conn, watched, model, now_us)
                if len(due) > 1:
                    many.append((watched, due))
                elif due:
                    one_each.append((watched, due[0]))
                elif self._read_is_due(reads.get(watched.id), now_us):
                    one_each.append((watched, None))
        made = self._queue(one_each, now_us)
        return made + sum(queue(self._store, watched, due, now_us, read=True) for watched, due in many)

    def _follows_what_was(self) -> bool:
        """Asked once: a clock that was set back while nothing ran is not seen to jump."""
        if not self._begins:
            return True
        with self._store.read() as conn:
            written_us = set_back.last_written_us(conn)
        self._begins = False
        return written_us is None or self._jumps.follows(written_us)

    def _queue(self, one_each: Sequence[tuple[Watched, Span | None]], now_us: int) -> int:
        """Queue a window or a reading of each of these models, many models in a transaction."""
        made = 0
        for first in range(0, len(one_each), MODELS):
            with self._store.write() as conn:
                for watched, span in one_each[first : first + MODELS]:
                    if span is None:
                        made += jobs.queue_read(conn, watched.id, watched.grid.window_start(now_us), now_us)
                    elif span[1] > (models.lock(conn, watched.id).materialised_until_us or 0):
                        newest_first = watched.contract.window.catch_up == "newest-first"
                        made += jobs.materialise(conn, watched.id, [span], now_us, newest_first=newest_first)
            failpoints.reach("materialise.committed")
        return made

    def _closed(self, conn: Connection, watched: Watched, model: Model, now_us: int) -> list[Span]:
        try:
            to_us = self._reference_end(conn, model)
            if (
                to_us is None
                or self._closes_us(watched, max(to_us, model.materialised_until_us or 0), now_us) > now_us
            ):
                return []  # seen without asking the store, which has to be asked once it has closed
            due = closed(conn, watched, model, to_us, until(conn, watched, model, now_us))
            if due:
                self._closes_us(watched, due[-1][1], now_us)
            return due
        except DependencyUnavailable:
            raise
        except DriftglassError as error:
            log.error("cannot see what is due for %s: %s", watched.name, error)
            return []

    def _reference_end(self, conn: Connection, model: Model) -> int | None:
        """Where the reference of the model's baseline ends, None while there is none for its plan."""
        if model.baseline_id is None:
            return None
        if model.baseline_id not in self._reference_to:
            self._reference_to[model.baseline_id] = baselines.reference_end(conn, model.baseline_id)
        plan_id, to_us = self._reference_to[model.baseline_id]
        return to_us if plan_id == model.plan_id else None

    def _closes_us(self, watched: Watched, from_us: int, now_us: int) -> int:
        """When the window with `from_us` in it closes; noted if none is known that closes before it."""
        grid = watched.grid
        closes_us = grid.window_end(grid.window_start(from_us)) + watched.contract.window.lateness_us
        if closes_us > now_us:
            self.next_us = closes_us if self.next_us is None else min(closes_us, self.next_us)
        return closes_us

    def _read_is_due(self, read: Run | None, now_us: int) -> bool:
        if read is None:
            return True
        if read.state in UNFINISHED:
            return False
        finished_us = read.finished_us or 0
        return not 0 <= now_us - finished_us < self._read_us  # also after the clock went back
