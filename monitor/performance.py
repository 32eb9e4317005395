"""How well a model does, window by window: realised on labels that are complete enough, estimated where there are none.

A window's labels are looked at once, when they are mature: those that were given until then. What is estimated from
scores says so in its name, and in its sentences that it is blind to concept shift.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection

from checks import explain
from checks.performance import cohort, detector
from checks.performance.cohort import LEAST_OF_A_SEGMENT, Cohort, Release
from checks.performance.detector import Detector
from checks.performance.estimated import BLIND
from checks.performance.estimates import Estimate
from checks.seasons import DAY_US, WEEKDAYS, places
from checks.series import ALL, Kind, Series
from monitor.alerts.attributes import Attributes, Moved
from monitor.alerts.episodes import FamilyFinding
from monitor.cohorts import cohort_of, days_of
from monitor.contract.model import Labels
from monitor.store import measurements, samples, verdicts
from monitor.store import performance as stored
from monitor.store import series as stored_series
from monitor.store.engine import Store
from monitor.watched import Watched

# Of the windows that may pass between two false episodes of the model, this detector may use up a tenth: it waits ten
# times as long. Two detectors share that.
_SHARE_OF_BUDGET = 0.1
_DETECTORS = ("error_rate", "estimated_error_rate")
REFERENCE_RECORDS = 20_000
# Everything else is a share of 1.
_NO_SHARES = ("mae", "rmse", "bias", "label_delay_days")


@dataclass(frozen=True)
class State:
    """After a window: up to where labels were looked at (microseconds), and what each detector holds."""

    looked_until_us: int
    detectors: Mapping[str, Detector]

    def to_dict(self) -> dict[str, Any]:
        return {
            "looked_until_us": self.looked_until_us,
            "detectors": {
                name: {
                    "log_m": [None if math.isinf(value) else value for value in one.log_m],
                    "since_us": one.since_us,
                }
                for name, one in sorted(self.detectors.items())
            },
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> State:
        return cls(
            int(body["looked_until_us"]),
            {
                name: Detector(
                    tuple(-math.inf if value is None else float(value) for value in one["log_m"]),
                    one["since_us"],
                )
                for name, one in body["detectors"].items()
            },
        )


@dataclass(frozen=True)
class Looked:
    """What a judged window says of performance: rows per window start, the state after it, and the finding."""

    metrics: Mapping[int, Sequence[tuple[Series, int, Estimate]]]
    state: State
    finding: FamilyFinding
    verdicts: Sequence[tuple[int, str, float]]  # window start, detector, its evidence after that window
    bar: float  # the evidence that is an alarm


class Performance:
    """Looks at the labels and scores of one model under one baseline."""

    def __init__(self, store: Store, watched: Watched, baseline_id: int, from_us: int, to_us: int) -> None:
        assert watched.contract.labels is not None
        self._labels: Labels = watched.contract.labels
        self._store = store
        self._watched = watched
        self._baseline_id = baseline_id
        self._span = (from_us, to_us)
        self._column = watched.contract.names("prediction")[0]
        self._release: Release | None = None

    def learn(self, now_us: int) -> Release | None:
        """How the model did on the labelled records of the reference, frozen once known; None while too few are.

        Nothing is frozen before the reference is mature: what is labelled first is seldom like the rest.
        """
        if self._release is None:
            with self._store.read() as conn:
                body = stored.release(conn, self._watched.id, self._baseline_id)
                if body is None:
                    rows = samples.smallest_ranks(conn, self._watched.id, *self._span, REFERENCE_RECORDS)
                    reference = cohort_of(conn, self._watched, rows, until_us=now_us)
                    day = days_of(self._watched, rows)
            if body is None:
                if now_us < self._span[1] + self._labels.mature_after_us:
                    return None
                try:
                    made = cohort.release(reference, day)
                except ValueError:
                    return None  # not enough labels yet: asked again after the next window
                with self._store.write() as conn:
                    body = stored.save_release(
                        conn, self._watched.id, self._baseline_id, made.to_dict(), now_us
                    )
            self._release = Release.from_dict(body)
        return self._release

    def look(self, start_us: int, now_us: int) -> Looked | None:
        """What the window that starts here adds; None while nothing is known of the release."""
        made = self.learn(now_us)
        if made is None:
            return None
        grid, labels = self._watched.grid, self._labels
        end_us = grid.window_end(start_us)
        with self._store.read() as conn:
            body = stored.latest_before(conn, self._watched.id, start_us)
            state = State.from_dict(body) if body else State(self._span[1], {})
            detectors = {name: state.detectors.get(name, Detector()) for name in _DETECTORS}
            metrics: dict[int, list[tuple[Series, int, Estimate]]] = {}
            said: list[tuple[int, str, float]] = []
            looked_until_us = state.looked_until_us
            for mature_us in grid.starts(state.looked_until_us, end_us - labels.mature_after_us):
                until_us = grid.window_end(mature_us)
                if until_us + labels.mature_after_us > end_us:
                    break
                rows = samples.of_window(conn, self._watched.id, mature_us)
                known = cohort_of(conn, self._watched, rows, until_us=until_us + labels.mature_after_us)
                metrics.setdefault(mature_us, []).extend(self._realised(known, made))
                even = known.where(known.known & known.even)
                detectors["error_rate"] = detector.step(
                    detectors["error_rate"],
                    even.wrong(made.limit).astype(np.float64),
                    self._tolerated(made.risk_on(self._weekday(mature_us))),
                    mature_us,
                )
                if len(even):
                    said.append((mature_us, made.error_rate, detectors["error_rate"].evidence))
                looked_until_us = until_us
            rows = samples.of_window(conn, self._watched.id, start_us)
            now = cohort_of(conn, self._watched, rows, until_us=0)
        if made.estimated_risk is not None and len(now):
            for value in made.calibrations:
                part = now.of(value)
                if value == ALL or len(part) >= LEAST_OF_A_SEGMENT:
                    estimates = cohort.estimated_metrics(part, made)
                    metrics.setdefault(start_us, []).extend(self._rows(estimates, len(part), value))
            detectors["estimated_error_rate"] = detector.step(
                detectors["estimated_error_rate"],
                cohort.expected_losses(now.where(now.even), made),
                self._tolerated(made.estimated_on(self._weekday(start_us))),
                start_us,
            )
            said.append((start_us, "estimated_error_rate", detectors["estimated_error_rate"].evidence))
        finding = self._finding(State(looked_until_us, detectors), metrics, made, start_us)
        return Looked(metrics, State(looked_until_us, detectors), finding, said, self._bar)

    def write(self, conn: Connection, looked: Looked, start_us: int, revision: int) -> None:
        """Keep what was looked at; belongs into the transaction that judges the window."""
        for window_us, rows in looked.metrics.items():
            if not rows:
                continue
            ids = stored_series.ids(conn, self._watched.id, [series for series, _, _ in rows])
            undefined = np.full((1, len(rows)), np.nan)
            measurements.write(
                conn,
                self._watched.id,
                [window_us],
                # A late look at an old window adds to what stands there; of this window it is a new revision.
                revision if window_us == start_us else 0,
                ids,
                n=np.array([[float(count) for _, count, _ in rows]]),
                value=np.array([[one.value for _, _, one in rows]]),
                low=np.array([[one.low for _, _, one in rows]]),
                high=np.array([[one.high for _, _, one in rows]]),
                expected=np.array([[self._expected(series, window_us) for series, _, _ in rows]]),
                expected_low=undefined,
                expected_high=undefined,
            )
        stored.put(conn, self._watched.id, start_us, looked.state.to_dict())
        nothing = np.full((1, 1), np.nan)
        for window_us, name, evidence in looked.verdicts:
            verdicts.write(
                conn,
                self._watched.id,
                [window_us],
                revision if window_us == start_us else 0,
                stored_series.ids(conn, self._watched.id, [self._series(name)]),
                status=[["breach" if evidence >= looked.bar else "ok"]],
                z=nothing,
                p=nothing,
                effect=nothing,
                cusum=np.full((1, 1), math.log(max(evidence, 1e-12))),
                threshold=np.full((1, 1), math.log(looked.bar)),
                baseline_id=self._baseline_id,
                provisional=False,
            )

    # ----- pieces -------------------------------------------------------------------------------------------

    def _realised(self, known: Cohort, made: Release) -> list[tuple[Series, int, Estimate]]:
        count = int(known.known.sum())
        found = self._rows(cohort.realised_metrics(known, made), count, ALL)
        for value in known.segments(LEAST_OF_A_SEGMENT):
            part = known.of(value)
            found += self._rows(cohort.realised_metrics(part, made), int(part.known.sum()), value)
        found += self._rows(known.delays(), count, ALL)
        coverage = known.coverage()
        return found + (self._rows({"label_coverage": coverage}, len(known), ALL) if coverage else [])

    def _rows(
        self, metrics: Mapping[str, Estimate], count: int, segment: str
    ) -> list[tuple[Series, int, Estimate]]:
        return [(self._series(name, segment), count, value) for name, value in metrics.items()]

    def _series(self, name: str, segment: str = ALL) -> Series:
        metric, _, term = name.partition("[")
        kind: Kind = "mean" if metric in _NO_SHARES else "rate"
        return Series(metric, self._column, segment, term.removesuffix("]"), kind, "performance")

    def _tolerated(self, risk: float) -> float:
        return min(risk + self._labels.tolerance, 1.0)

    def _weekday(self, window_us: int) -> int | None:
        """The day whose errors a window is compared with; None for windows that are longer than a day."""
        calendar = self._watched.contract.calendar()
        if calendar.every_us > DAY_US:
            return None
        return int(places(np.array([window_us], np.int64), calendar).weekday[0])

    def _expected(self, series: Series, window_us: int) -> float:
        """The error rate at release, where a series is that of all records; nothing is expected of the others."""
        made = self._release
        if made is None or series.segment != ALL:
            return math.nan
        if series.metric == made.error_rate:
            return made.rate_on(self._weekday(window_us))
        if series.metric != "estimated_error_rate" or made.estimated_risk is None:
            return math.nan
        return made.estimated_on(self._weekday(window_us))

    @property
    def _bar(self) -> float:
        """The evidence that is an alarm: windows that pass on average before a false one, by proof at least."""
        budget = self._watched.contract.budget()
        windows = budget.days * 86_400e6 / self._watched.contract.window.every_us / budget.episodes
        return max(windows / _SHARE_OF_BUDGET * len(_DETECTORS), 20.0)

    def _finding(
        self,
        state: State,
        metrics: Mapping[int, Sequence[tuple[Series, int, Estimate]]],
        made: Release,
        start_us: int,
    ) -> FamilyFinding:
        firing = [name for name in _DETECTORS if state.detectors[name].evidence >= self._bar]
        if not firing:
            clean = all(one.evidence <= 1.0 for one in state.detectors.values())
            return FamilyFinding("performance", False, clean, start_us)
        since_us = min(state.detectors[name].since_us or start_us for name in firing)
        attributes = self._attributes(firing, state, metrics, made, self._weekday(start_us))
        return FamilyFinding("performance", True, False, since_us, attributes)

    def _attributes(
        self,
        firing: Sequence[str],
        state: State,
        metrics: Mapping[int, Sequence[tuple[Series, int, Estimate]]],
        made: Release,
        weekday: int | None,
    ) -> Attributes:
        moved, said = [], []
        zone = self._watched.contract.timezone
        newest = {series.name: value for window in sorted(metrics) for series, _, value in metrics[window]}
        for name in firing:
            measured, one = name == "error_rate", state.detectors[name]
            series = self._series(made.error_rate if measured else name)
            value = newest.get(series.name)
            at_release = made.rate_on(weekday) if measured else made.estimated_on(weekday)
            moved.append(
                Moved(
                    series=series.name,
                    metric=series.metric,
                    column=series.column,
                    segment=ALL,
                    term="",
                    weight=math.log(one.evidence),
                    value=None if value is None else value.value,
                    expected=at_release,
                    effect=None if value is None else value.value - at_release,
                )
            )
            now = "has risen" if value is None else f"is {explain.percent(value.value)} in the newest window"
            said.append(
                f"{_errors(made, measured)}: the rate {now}; it was {explain.percent(at_release)} at release, and up "
                f"to {explain.percent(self._tolerated(made.risk_on(weekday) if measured else at_release))} is "
                f"tolerated{_on(made, weekday)}."
            )
            if one.since_us is not None:
                said.append(f"It began about {explain.at(one.since_us, zone)}.")
        return Attributes(moved=tuple(moved), sentences=tuple(said))


def _on(made: Release, weekday: int | None) -> str:
    """Which days the rates are of, where the days of the week differ."""
    return "" if made.weekdays is None or weekday is None else f" on a {WEEKDAYS[weekday]}"


def _errors(made: Release, measured: bool) -> str:
    """What is counted as an error, at the beginning of a sentence."""
    if not measured:
        return f"Errors, estimated from calibrated scores and {BLIND}"
    if made.limit is None:
        return "Errors, measured on labels"
    return f"Errors larger than {made.limit:.4g}, measured on labels"
