"""The first baseline of a model, fitted once its reference has closed; `rebasing` knows of those after it."""

from __future__ import annotations

from monitor.evaluate import Evaluator
from monitor.learning import FIRST_RECORDS
from monitor.progress import Progress
from monitor.store import windows
from monitor.store.engine import Store
from monitor.watched import Watched

Span = tuple[int, int]


def fit_if_closed(
    store: Store,
    watched: Watched,
    evaluator: Evaluator,
    until_us: int,
    training: Span | None,
    progress: Progress,
) -> list[str]:
    """Fit the baseline if its reference had closed at `until_us`; returns what there is to say of it.

    `training` is the span of the reference's own file. For a model without a baseline, and for whoever holds its
    reading: so nobody else does the same.
    """
    span = _reference(store, watched, until_us, training)
    if span is None or span[1] + watched.contract.window.lateness_us > until_us:
        return []
    facts = evaluator.fit(*span, progress).baseline.facts
    said = [f"{missing}: what differs there is judged without it" for missing in facts.missing]
    if facts.provisional:
        said.append("fewer than three blocks of reference: every verdict is provisional")
    return said


def _reference(store: Store, watched: Watched, until_us: int, training: Span | None) -> Span | None:
    """Whole windows [from, to) of the reference; None while it has too few records to be one."""
    span = training or watched.contract.reference_span(until_us)
    if span is None:
        with store.read() as conn:
            span = windows.first_records(conn, watched.id, FIRST_RECORDS)
        if span is None:
            return None
    first, last = watched.grid.window_start(span[0]), watched.grid.window_start(span[1] - 1)
    return first, watched.grid.window_end(last)
