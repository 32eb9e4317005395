"""Keeping house: what is old is dropped, a slice of rows per transaction, so that nobody waits for it.

                                             kept for                               and longer while
    samples, what was set aside              window.keep of the contract (30 days)  a reference, an open episode or
                                                                                    labels that still come need them
    examples of an episode                   window.keep after it ended
    labels                                   keep + mature_after                    their record is kept
    parts, states between windows            DRIFTGLASS_REPLAY_DAYS (100)           a baseline was fitted to them
    measurements, verdicts, runs             DRIFTGLASS_RESULTS_DAYS (400)
    messages sent, their attempts, tasks     90 days                                their episode is open
    messages given up                        DRIFTGLASS_RESULTS_DAYS
    what is sent to us twice, sessions       a day, until they run out

Contracts, windows, episodes, feedback, triggers and the audit log stay: they are few, and say what was decided and why.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection

from monitor import telemetry
from monitor.clock import Clock
from monitor.settings import Settings
from monitor.store import chores, idempotency, retention, tables
from monitor.store.engine import Store
from monitor.watched import Watched

log = logging.getLogger(__name__)

DAY_US = 86_400_000_000
EVERY_US = 3_600_000_000
# The recent level of a series is that of four weeks: a verdict that is to be judged again needs them.
LEVEL_US = 28 * DAY_US
SENT_US = 90 * DAY_US
SLICES = 200  # in one tick; what is left waits for the next one
PAUSE_SECONDS = 0.02  # between slices: whoever wants to write comes in between
PAGES = 1_000  # of an SQLite file that are given back in one transaction

DROPPED = telemetry.counter("housekeeping_rows", "Rows that were dropped because they were old", ["what"])

Slice = Callable[[Connection], int]


class Housekeeping:
    """Once an hour, in whichever working process comes first."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        watched: Callable[[], Sequence[Watched]],
        settings: Settings,
        *,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._store = store
        self._clock = clock
        self._watched = watched
        self._settings = settings
        self._pause = pause

    def tick(self) -> dict[str, int]:
        """Drop what is old if it is time to; what was dropped, by kind. What is left over goes at the next tick."""
        now_us = self._clock.now_us()
        with self._store.read() as conn:
            last = chores.last(conn, "house")
        if last is not None and 0 <= now_us - last.done_us < EVERY_US:
            return {}
        with self._store.write() as conn:
            if not chores.take(conn, "house", now_us, EVERY_US):
                return {}
        dropped, finished = self._drop(now_us)
        if finished:
            finished = self._give_back()
        with self._store.write() as conn:
            # Not finished: due again at once.
            chores.note(
                conn,
                "house",
                {"dropped": dropped, "finished": finished},
                None if finished else now_us - EVERY_US,
            )
        if dropped:
            log.info("dropped what is old: %s", ", ".join(f"{n:,} {what}" for what, n in dropped.items()))
        return dropped

    def _drop(self, now_us: int) -> tuple[dict[str, int], bool]:
        dropped: dict[str, int] = {}
        left = SLICES
        for what, one in self._slices(now_us):
            while True:
                if left == 0:
                    return dropped, False
                with self._store.write() as conn:
                    if not retention.turn(conn):
                        return dropped, False
                    found = one(conn)
                if not found:
                    break
                left -= 1  # only what dropped something counts: every model gets its turn
                dropped[what] = dropped.get(what, 0) + found
                DROPPED.labels(what).inc(found)
                self._pause(PAUSE_SECONDS)
        return dropped, True

    def _slices(self, now_us: int) -> Iterator[tuple[str, Slice]]:
        for watched in self._watched():
            yield from self._of_model(watched, now_us)
        results_us = now_us - self._settings.results_days * DAY_US
        yield "messages", lambda conn: retention.messages(conn, now_us - SENT_US, results_us)
        yield "tasks", lambda conn: retention.tasks(conn, now_us - SENT_US)
        yield "answers", lambda conn: retention.answers(conn, now_us - idempotency.KEPT_US)
        yield "sessions", lambda conn: retention.sessions(conn, now_us)

    def _of_model(self, watched: Watched, now_us: int) -> Iterator[tuple[str, Slice]]:
        contract, model = watched.contract, watched.id
        window = contract.window
        kept_us = now_us - window.keep_us
        with self._store.read() as conn:
            need = retention.needed(conn, model)
            references = retention.references(conn, model, need.references)
        if not need.references:
            return  # it still learns: everything that it has is to be its reference
        samples_us = min(kept_us, need.since_us if need.since_us is not None else kept_us)
        labelled_us = kept_us
        if contract.labels is not None:
            maturing_us = contract.labels.mature_after_us + 2 * window.every_us + window.lateness_us
            samples_us = min(samples_us, now_us - maturing_us)
            labelled_us -= contract.labels.mature_after_us
        yield "samples", lambda conn: retention.samples(conn, model, samples_us, kept_us, references)
        yield "quarantine", lambda conn: retention.quarantine(conn, model, kept_us)
        yield "evidence", lambda conn: retention.evidence(conn, model, kept_us)
        yield "labels", lambda conn: retention.labels(conn, model, labelled_us)

        # Late records may come for two horizons, and judge again what follows.
        replay_us = now_us - max(self._settings.replay_days * DAY_US, 2 * window.horizon_us)
        if need.since_us is not None:
            replay_us = min(replay_us, need.since_us)
        trailing_us = (contract.reference and contract.reference.trailing_us) or 0
        parts_us = replay_us - max(LEVEL_US, trailing_us)
        yield "parts", lambda conn: retention.parts(conn, model, parts_us, need.references)
        yield "sequences", lambda conn: retention.states(conn, tables.sequences, model, replay_us)
        yield "detectors", lambda conn: retention.states(conn, tables.performance, model, replay_us)
        results_us = min(now_us - self._settings.results_days * DAY_US, replay_us)
        yield "verdicts", lambda conn: retention.of_windows(conn, tables.verdicts, model, results_us)
        yield "measurements", lambda conn: retention.of_windows(conn, tables.measurements, model, results_us)
        yield "runs", lambda conn: retention.runs(conn, model, results_us)

    def _give_back(self) -> bool:
        """The free pages of an SQLite file to the disk; False if some are left for the next tick."""
        left = self._store.free_pages()
        for _ in range(min(SLICES, left // PAGES)):
            self._store.reclaim(PAGES)
            self._pause(PAUSE_SECONDS)
        return left // PAGES <= SLICES
