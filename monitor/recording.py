"""The figures of measured and judged windows: rows of measurements and verdicts, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from checks import drift
from checks.decision import Judgement
from checks.plan import Plan
from checks.scores import STATUS, Scores
from checks.series import Series
from monitor.references import Reference
from monitor.store import measurements, verdicts
from monitor.store import series as stored_series
from monitor.store.runs import Run
from monitor.watched import Watched


class Recorder:
    """Writes the figures of one model under one plan."""

    def __init__(self, watched: Watched, plan: Plan) -> None:
        self._watched = watched
        self._plan = plan
        self._series_ids: list[int] | None = None

    def measurements(
        self,
        conn: Connection,
        starts: Sequence[int],
        revision: int | Sequence[int],
        n: npt.NDArray[np.float64],
        scores: Scores,
    ) -> None:
        """A row for every window and series; `n` is float64[W, S]."""
        measurements.write(
            conn,
            self._watched.id,
            starts,
            revision,
            self._ids(conn),
            n=n,
            value=scores.value,
            low=scores.low,
            high=scores.high,
            expected=scores.expected,
            expected_low=scores.expected_low,
            expected_high=scores.expected_high,
        )

    def beside(self, conn: Connection, run: Run, beside: Sequence[tuple[Series, int, float | None]]) -> None:
        """Evidently's scores of one window: (series, records, score)."""
        if not beside:
            return
        ids = stored_series.ids(conn, self._watched.id, [series for series, _, _ in beside])
        undefined = np.full((1, len(beside)), np.nan)
        measurements.write(
            conn,
            self._watched.id,
            [run.window_start_us],
            run.revision,
            ids,
            n=np.array([[float(records) for _, records, _ in beside]]),
            value=np.array([[np.nan if score is None else score for _, _, score in beside]]),
            low=undefined,
            high=undefined,
            expected=undefined,
            expected_low=undefined,
            expected_high=undefined,
        )

    def verdicts(
        self,
        conn: Connection,
        runs: Sequence[Run],
        reference: Reference,
        scores: Scores,
        judgements: Sequence[Judgement],
    ) -> None:
        """A row for every judged window and series; all were judged by one reference."""
        cusum = np.stack([judgement.cusum for judgement in judgements])
        verdicts.write(
            conn,
            self._watched.id,
            [run.window_start_us for run in runs],
            [run.revision for run in runs],
            self._ids(conn),
            status=np.array(STATUS)[np.stack([judgement.status for judgement in judgements])],
            z=scores.z,
            p=scores.p,
            effect=scores.effect,
            cusum=cusum,
            threshold=np.full(cusum.shape, reference.baseline.threshold),
            baseline_id=reference.id,
            provisional=reference.baseline.provisional,
        )

    def _ids(self, conn: Connection) -> list[int]:
        if self._series_ids is None:
            self._series_ids = stored_series.ids(conn, self._watched.id, drift.series_of(self._plan))
        return self._series_ids
