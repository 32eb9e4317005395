"""Reading what is new: pages become parts, samples and quarantine in the store, each page in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from checks.plan import Plan
from monitor import failpoints, jobs, sampling
from monitor.absent import Presence
from monitor.clock import Clock
from monitor.conform import Conformed, conform
from monitor.router import Routed, RoutedWindow, Seen, route, strata
from monitor.sources import FileFact, Page, Reject, Source
from monitor.store import cursors, manifest, parts, quarantine, samples, windows
from monitor.store.engine import Store
from monitor.watched import Watched

log = logging.getLogger(__name__)


@dataclass
class ReadReport:
    """What one reading found; grows page by page."""

    records: int = 0
    duplicates: int = 0
    quarantined: int = 0
    late: set[int] = field(default_factory=set)  # windows that were measured before these records came
    failed: list[str] = field(default_factory=list)  # files that could not be read, with the reason
    notes: list[str] = field(default_factory=list)  # what the reader of the report should know besides
    fitted: list[str] = field(default_factory=list)  # what there is to say of a baseline that was just fitted
    span: tuple[int, int] | None = None  # [start, end) of the windows that records were read of
    presence: Presence = field(default_factory=Presence)  # of the columns, in what is read just now
    absent: dict[str, str] = field(default_factory=dict)  # what to say of declared columns not there

    def reach(self, start_us: int, end_us: int) -> None:
        """Widen the span by one window."""
        first, last = self.span or (start_us, end_us)
        self.span = (min(first, start_us), max(last, end_us))


class Reader:
    """Reads one model's source into the store, under one plan."""

    def __init__(self, store: Store, clock: Clock, watched: Watched, plan: Plan) -> None:
        self._store = store
        self._clock = clock
        self._watched = watched
        self._plan = plan
        self._strata = strata(watched.contract, plan)
        self._seen: Seen | None = None
        self._newest_part: int | None = None  # of the parts that `_seen` knows
        self._position: dict[str, Any] | None = None  # where the cursor stood when this process last moved it

    def read_new(self, source: Source, report: ReadReport, on_page: Callable[[ReadReport], None]) -> None:
        """Everything that the source has and the store has not; calls `on_page` after each page."""
        with self._store.read() as conn:
            self._position = cursors.get(conn, self._watched.id)
            known = manifest.known(conn, self._watched.id)
        self.keep(source.read(self._position, known), report, on_page)

    def keep(
        self,
        pages: Iterable[Page],
        report: ReadReport,
        on_page: Callable[[ReadReport], None],
        *,
        again: bool = False,
    ) -> None:
        """Route pages and keep what they hold. A page that was kept before (a crash came after) is passed over.

        `again`: these records were read before, and those that are counted already are no duplicates.
        """
        contract = self._watched.contract
        for page in pages:
            report.presence.add(page)
            with self._store.read() as conn:
                kept = parts.windows_of_piece(conn, self._watched.id, self._plan.plan_id, page.piece)
                newest = parts.newest_id(conn, self._watched.id)
            for start_us in kept:
                report.reach(start_us, self._watched.grid.window_end(start_us))
            if not kept:
                conformed = conform(page, contract, now_us=self._clock.now_us())
                seen = self._seen_before(newest)
                if again:
                    conformed = _unknown(conformed, self._watched, seen)
                self._seen = (
                    None  # routing adds to it: what is not kept in the end must not be a duplicate later
                )
                routed = route(conformed, contract, self._plan, seen, base_path=self._watched.base_path)
                self._write(page, routed, report)
                self._seen = seen
            else:
                self._write(page, None, report)
            on_page(report)

    def probe(self, source: Source, report: ReadReport, on_page: Callable[[ReadReport], None]) -> None:
        """Ask the source for the count of the closed windows within the horizon, and read again where it differs.

        For tables without an ingestion column: rows that came late stand before the cursor.
        """
        now_us = self._clock.now_us()
        horizon_us = self._watched.contract.window.horizon_us
        with self._store.read() as conn:
            recent = windows.between(conn, self._watched.id, now_us - horizon_us, now_us)
        for window in recent:
            if window.end_us > now_us:
                continue  # still open: its rows stand after the cursor, and the next reading takes them
            found = source.count(window.start_us, window.end_us)
            if found is None:
                return  # this source cannot say, for any window
            if (
                found == window.source_count
                or found == window.records + window.duplicates + window.quarantined
            ):
                continue
            self.keep(source.reread(window.start_us, window.end_us), report, on_page, again=True)
            with self._store.write() as conn:
                windows.set_source_count(conn, self._watched.id, window.start_us, found)

    def distinct(self) -> tuple[int, int] | None:
        """The span in which a record that is read again is known for what it is, up to the newest window there is."""
        with self._store.read() as conn:
            newest = windows.edge(conn, self._watched.id)
        if newest is None:
            return None
        return newest.start_us - 2 * self._watched.contract.window.horizon_us, newest.end_us

    @property
    def position(self) -> dict[str, Any] | None:
        """How far the source was read."""
        return self._position

    def forget(self, conn: Connection) -> None:
        """Drop hashes that no duplicate can meet any more: two horizons before the newest window. In the transaction
        that ends a reading.
        """
        newest = windows.edge(conn, self._watched.id)
        if newest is None:
            return
        before_us = newest.start_us - 2 * self._watched.contract.window.horizon_us
        parts.forget_event_hashes(conn, self._watched.id, before_us)
        if self._seen is not None:
            self._seen.forget(before_us)

    # ----- pieces -------------------------------------------------------------------------------------------

    def _seen_before(self, newest: int | None) -> Seen:
        """Event hashes of everything within the horizon that the store holds, then of what is read; `newest` is the
        store's newest part.
        """
        if self._seen is None or newest != self._newest_part:
            # New, or another process has read in the meantime.
            self._seen = Seen(self._watched.contract.window.horizon_us)
            with self._store.read() as conn:
                for start_us, pairs in parts.hashes_by_window(conn, self._watched.id, self._plan.plan_id):
                    self._seen.add(start_us, pairs)
            self._newest_part = newest
        return self._seen

    def _write(self, page: Page, routed: Routed | None, report: ReadReport) -> None:
        now_us = self._clock.now_us()
        with self._store.write() as conn:
            if routed is not None:
                found = list(routed.windows.values())
                new = parts.add(
                    conn, self._watched.id, [self._part(routed.piece, one) for one in found], now_us
                )
                fresh = [one for one in found if (one.start_us, routed.piece) in new]
                aside = _set_aside(routed.rejects)
                windows.upsert(conn, self._watched.id, [self._counts(one, aside) for one in fresh])
                for one in fresh:
                    samples.merge(conn, self._watched.id, one.start_us, one.sample, self._bottom_k)
                quarantine.add(conn, self._watched.id, [_entry(reject) for reject in routed.rejects], now_us)
                late = jobs.revise(conn, self._watched.id, [one.start_us for one in fresh], now_us)
            if page.position is not None:
                # A reading that lost its lease must not count again what the next one counts, nor turn it back.
                cursors.move(conn, self._watched.id, self._position, page.position, now_us)
            if page.file is not None:
                manifest.record(conn, self._watched.id, _file(page.file, now_us))
            newest = parts.newest_id(conn, self._watched.id)
            failpoints.reach("read.written")
        failpoints.reach("read.committed")
        # Counted only now: a transaction that was rolled back has read nothing.
        if page.position is not None:
            self._position = page.position
        if routed is not None:
            self._newest_part = newest
            report.records += sum(one.records for one in fresh)
            report.duplicates += sum(one.duplicates for one in fresh)
            report.quarantined += sum(not reject.reason.startswith("duplicate") for reject in routed.rejects)
            report.late.update(late)
            for one in fresh:
                report.reach(one.start_us, self._watched.grid.window_end(one.start_us))
        if page.file is not None and page.file.state == "failed":
            report.failed.append(f"{page.file.path}: {page.file.error}")
            log.warning("cannot read %s: %s", page.file.path, page.file.error)

    def _part(self, piece: str, window: RoutedWindow) -> parts.Part:
        return parts.Part(
            self._plan.plan_id,
            window.start_us,
            piece,
            window.profile.encode(),
            window.records,
            parts.pack(window.hashes[:, 0], window.hashes[:, 1]),
        )

    def _counts(self, window: RoutedWindow, aside: dict[int, int]) -> windows.Counts:
        end_us = self._watched.grid.window_end(window.start_us)
        return windows.Counts(
            window.start_us, end_us, window.records, window.duplicates, aside.get(window.start_us, 0)
        )

    def _bottom_k(self, rows: Sequence[samples.Sample]) -> Sequence[samples.Sample]:
        return sampling.keep(rows, self._strata)


def _unknown(conformed: Conformed, watched: Watched, seen: Seen) -> Conformed:
    """The records that were not counted yet, or only with other content."""
    starts = watched.grid.window_starts(conformed.batch.event_us)
    known, counted = seen.find(conformed.batch.event_hash, starts)
    new = ~(known & (counted == conformed.content_hash))
    rows, unit = conformed.places
    return replace(
        conformed,
        batch=conformed.batch.where(new),
        content_hash=conformed.content_hash[new],
        places=(rows[new], unit),
    )


def _set_aside(rejects: Sequence[Reject]) -> dict[int, int]:
    """Records per window that are not counted at all, where their window is known; duplicates are counted apart."""
    found: dict[int, int] = {}
    for reject in rejects:
        if reject.window_us is not None and not reject.counted and not reject.reason.startswith("duplicate"):
            found[reject.window_us] = found.get(reject.window_us, 0) + 1
    return found


def _entry(reject: Reject) -> quarantine.Entry:
    return quarantine.Entry(
        reject.window_us,
        reject.piece,
        reject.place,
        reject.reason,
        reject.column,
        reject.detail,
        reject.counted,
        reject.raw,
    )


def _file(fact: FileFact, now_us: int) -> manifest.File:
    return manifest.File(fact.path, fact.size, fact.etag, fact.state, fact.rows, fact.error, now_us)
