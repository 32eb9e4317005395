"""Kept records as cohorts: what they predicted beside the labels that were given until a time, and what came in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from checks.performance.cohort import Cohort
from checks.performance.reweighting import Inputs
from checks.seasons import places
from monitor.store import labels as stored_labels
from monitor.store.samples import Sample
from monitor.watched import Watched

_DAY_US = 86_400e6


def cohort_of(conn: Connection, watched: Watched, rows: Sequence[Sample], until_us: int) -> Cohort:
    """Kept records with the labels that were given until then; without a prediction there is nothing to compare."""
    labels = watched.contract.labels
    assert labels is not None
    rows = predicting(rows)
    known = stored_labels.of_events(conn, watched.id, [row.event_id for row in rows], until_us)
    found = [known.get(row.event_id) for row in rows]
    smallest = min((row.inclusion_probability for row in rows), default=1.0)
    return Cohort(
        predicted=[str(row.prediction) for row in rows],
        label=[None if label is None else label.label for label in found],
        positive=labels.positive,
        score=np.array([np.nan if row.score is None else row.score for row in rows], np.float64),
        weight=np.array([1 / row.inclusion_probability for row in rows], np.float64),
        even=np.array([row.rank <= smallest for row in rows], np.bool_),
        segment=[tuple(f"{name}={value}" for name, value in row.segments.items()) for row in rows],
        delay_days=np.array(
            [
                (label.labelled_us - row.event_us) / _DAY_US if label and label.labelled_us else np.nan
                for row, label in zip(rows, found, strict=True)
            ],
            np.float64,
        ),
        numeric=predicts_numbers(watched),
    )


def days_of(
    watched: Watched, rows: Sequence[Sample]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]] | None:
    """Weekday (0 = Monday, holidays 6) and date of the records of `cohort_of`, int[n] each: those of their windows.

    None where a window is longer than a day.
    """
    calendar = watched.contract.calendar()
    if calendar.every_us > _DAY_US:
        return None
    events = np.array([row.event_us for row in predicting(rows)], np.int64)
    starts, of = np.unique(watched.grid.window_starts(events), return_inverse=True)
    at = places(starts, calendar)
    return at.weekday[of.reshape(-1)], at.day[of.reshape(-1)]


def inputs_of(watched: Watched, rows: Sequence[Sample]) -> Inputs:
    """What is known of the inputs of kept records: their features, segments, language and damage, and what the model
    made of them."""
    contract = watched.contract
    kinds = {name: contract.column_specs[name].kind for name in contract.names("feature")}
    numbers = {"score": [row.score for row in rows]}
    numbers |= {
        f"feature {name}": [row.features.get(name) for row in rows]
        for name, kind in kinds.items()
        if kind == "number"
    }
    words: dict[str, list[str | None]] = {
        f"feature {name}": [row.features.get(name) for row in rows]
        for name, kind in kinds.items()
        if kind == "category"
    }
    words |= {
        f"segment {name}": [row.segments.get(name) for row in rows] for name in contract.names("segment")
    }
    words["language"] = [row.flags.get("language") for row in rows]
    for flag in ("encoding", "evasion"):
        words[flag] = [str(bool(row.flags.get(flag))) for row in rows]
    said = [row.prediction for row in rows]
    if predicts_numbers(watched):
        numbers["prediction"] = [None if word is None else float(word) for word in said]
    else:
        words["prediction"] = said
    return Inputs(
        {name: np.array(values, np.float64) for name, values in numbers.items()},
        words,
        len(rows),
    )


def predicting(rows: Sequence[Sample]) -> list[Sample]:
    """The records that the model said something of."""
    return [row for row in rows if row.prediction is not None]


def predicts_numbers(watched: Watched) -> bool:
    """Whether the model predicts numbers, not words."""
    contract = watched.contract
    return contract.column_specs[contract.names("prediction")[0]].kind == "number"
