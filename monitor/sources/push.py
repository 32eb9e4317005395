"""Records that were sent to us, as a source: the inbox read forward, batch by batch, in the order of their commits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from monitor.sources import PAGE_ROWS, Known, Page, json_pages
from monitor.sources.lines import Block, reject
from monitor.store import halves, inbox, quarantine
from monitor.store.engine import Store
from monitor.store.halves import Half
from monitor.store.inbox import Batch, Fill, Limits

# A page stands in memory as text and as Python values.
PAGE_BYTES = 16 << 20


class Push:
    """The inbox of one model with the columns `wanted` (see `wanted_columns`).

    A position is {"inbox": the number of the last batch that was read}. A record that comes late stands after the
    position like any other: nothing need be probed.
    """

    def __init__(self, store: Store, model_id: int, wanted: Mapping[str, str]) -> None:
        self._store = store
        self._model_id = model_id
        self._wanted = wanted

    def read(self, position: dict[str, Any] | None, known: Collection[Known]) -> Iterator[Page]:
        """Pages after `position`, each of whole batches; each says where it ends."""
        yield from self._pages(
            number_of(position),
            lambda conn, number: inbox.after(conn, self._model_id, number, PAGE_ROWS - 1, PAGE_BYTES),
            keeps_place=True,
        )

    def reread(self, start_us: int, end_us: int) -> Iterator[Page]:
        """Pages of the batches with event times around [start_us, end_us) that are still kept; without a position."""
        span = (start_us, end_us)
        yield from self._pages(
            0,
            lambda conn, number: inbox.overlapping(
                conn, self._model_id, span, number, PAGE_ROWS - 1, PAGE_BYTES
            ),
            keeps_place=False,
        )

    def count(self, start_us: int, end_us: int) -> int | None:
        """None: batches leave the inbox when they have been read."""
        return None

    def waiting(self) -> Fill:
        """What stands in the inbox."""
        with self._store.read() as conn:
            return inbox.fill(conn, self._model_id)

    def forget(self, position: dict[str, Any] | None, before_us: int, limits: Limits, now_us: int) -> None:
        """Drop what was read up to `position` and came before a time, or crowds the inbox: a slice per transaction.

        Halves of inferences that came before that time are set aside: the other half will not come any more.
        """
        while True:
            with self._store.write() as conn:
                alone = halves.expired(conn, self._model_id, before_us)
                quarantine.add(conn, self._model_id, [_alone(half) for half in alone], now_us)
                dropped = inbox.trim(conn, self._model_id, number_of(position), before_us, limits)
            if not alone and not dropped:
                return

    def _pages(
        self, number: int, following: Callable[[Connection, int], Sequence[Batch]], *, keeps_place: bool
    ) -> Iterator[Page]:
        while True:
            with self._store.read() as conn:
                batches = following(conn, number)
            if not batches:
                return
            first, number = batches[0].number, batches[-1].number
            yield self._page(batches, f"push?{first}-{number}", {"inbox": number} if keeps_place else None)

    def _page(self, batches: Sequence[Batch], piece: str, position: dict[str, Any] | None) -> Page:
        blocks = [*(Block(batch.body, 0, False) for batch in batches), Block(b"", 0, True)]
        # Fewer records than a page holds: they are one chunk.
        (chunk,) = json_pages.chunks(iter(blocks), self._wanted, 1, leave=False)
        return Page(
            piece=piece,
            origin="push",
            table=pa.table(chunk.columns),
            rows=chunk.rows,
            rejects=tuple(reject(piece, bad) for bad in chunk.bad),
            wrong=chunk.wrong,
            position=position,
            unit="line",
        )


def _alone(half: Half) -> quarantine.Entry:
    missing = "response" if half.half == "request" else "request"
    return quarantine.Entry(
        window_start_us=None,
        piece="push",
        place=f"event {half.event_id}",
        reason=f"no_{missing}",
        column=None,
        detail=f"the {missing} of this inference did not come within the horizon",
        counted=False,
        raw=half.body,
    )


def number_of(position: Mapping[str, Any] | None) -> int:
    """The number in a position; 0 before the first reading, and where another kind of source was read before."""
    number = (position or {}).get("inbox", 0)
    return number if isinstance(number, int) else 0
