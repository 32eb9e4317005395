"""Evidently's numbers beside ours: the stat tests that a contract names, on the samples of window and reference.

They are measurements like any other (`evidently_psi`, `evidently_wasserstein` …) without a verdict: their thresholds
ignore sample size, season and multiplicity, and nothing is decided by them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from checks.batch import Column
from checks.drift import FAMILY_OF_ROLE
from checks.series import ALL, Series
from monitor.evidently import Answer, EvidentlyProcess, Request
from monitor.store import samples
from monitor.store.engine import Store
from monitor.store.samples import Sample
from monitor.watched import Watched

log = logging.getLogger(__name__)

# Of the reference so many sampled records are compared with; more would cost time and change the score little.
REFERENCE_ROWS = 5_000


class Beside:
    """Asks one child process, started when first needed, for every test of one model's contract."""

    def __init__(self, store: Store, watched: Watched, from_us: int, to_us: int) -> None:
        self._store = store
        self._watched = watched
        self._span = (from_us, to_us)
        self._asked = [
            (column, method)
            for column in watched.contract.columns()
            for method in watched.contract.column_specs[column.name].evidently
        ]
        self._reference: list[Sample] | None = None
        self._child: EvidentlyProcess | None = None

    def measure(self, start_us: int) -> list[tuple[Series, int, float | None]]:
        """(series, records, score) of every test that the contract asks for; None where Evidently gives none.

        One child, all columns in one batch. A test that fails costs its own score and nothing else.
        """
        if not self._asked:
            return []
        if self._reference is None:
            with self._store.read() as conn:
                self._reference = samples.smallest_ranks(conn, self._watched.id, *self._span, REFERENCE_ROWS)
        with self._store.read() as conn:
            current = samples.of_window(conn, self._watched.id, start_us)
        requests = [
            Request(
                column.name,
                column.kind,
                method,
                _values(self._reference, column),
                _values(current, column),
            )
            for column, method in self._asked
        ]
        if self._child is None:
            self._child = EvidentlyProcess()
        answers = self._child.measure(requests)
        return [
            (_series(column, method), len(request.current), _score(answer))
            for (column, method), request, answer in zip(self._asked, requests, answers, strict=True)
        ]

    def close(self) -> None:
        """End the child; the next `measure` starts another."""
        if self._child is not None:
            self._child.close()
            self._child = None


def _series(column: Column, method: str) -> Series:
    return Series(f"evidently_{method}", column.name, ALL, "", "distribution", FAMILY_OF_ROLE[column.role])


def _score(answer: Answer) -> float | None:
    if answer.error is not None:
        log.warning("Evidently's %s of %s: %s", answer.method, answer.column, answer.error)
    return answer.score


def _values(rows: Sequence[Sample], column: Column) -> list[Any]:
    found = (_value(row, column) for row in rows)
    return [value for value in found if value is not None]


def _value(row: Sample, column: Column) -> Any:
    value: Any
    match column.role:
        case "prediction":
            value = row.prediction
        case "score":
            value = row.score
        case "segment":
            value = row.segments.get(column.name)
        case "version":
            value = row.version
        case _:
            value = row.features.get(column.name)
    if value is None:
        return None
    return float(value) if column.kind == "number" else str(value)
