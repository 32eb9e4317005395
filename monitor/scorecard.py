"""What is known of a model's performance, from what was stored: window by window, and in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping

from monitor.contract.model import Contract
from monitor.store import baselines, listing
from monitor.store import labels as stored_labels
from monitor.store import performance as stored
from monitor.windows import grid

LEAST_LABELS = 100  # of the reference, as `checks.performance.cohort.release` needs them
BLIND = "Estimated figures come from calibrated scores and are blind to concept shift."
_PAGE = 1_000
# What is shown first, by what a model predicts.
_NUMBERS, _CLASSES, _YES_NO = ("mae", "rmse", "bias"), ("accuracy", "macro_f1"), ("accuracy", "f1", "roc_auc")
_SHARES = ("error_rate", "large_error_rate")


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure with the bounds of its 95 % interval."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One window. `figures` by metric, `metric[term]` where it has one; `labelled`: records with a label, None before
    the window is mature; `evidence` that errors exceed what is tolerated, `bar` where that is an alarm."""

    window_start_us: int
    labelled: int | None
    figures: Mapping[str, Measured]
    evidence: float | None
    estimated_evidence: float | None
    bar: float | None

    def __getitem__(self, name: str) -> Measured | None:
        return self.figures.get(name)


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A model that has labels: rows by time, the metrics to show first, what was known at release (None: nothing yet),
    the error rate that is tolerated, and what has to be said, a sentence each."""

    model: str
    metrics: tuple[str, ...]
    error_rate: str
    rows: tuple[Row, ...]
    release: Mapping[str, Any] | None
    tolerated: float | None
    notes: tuple[str, ...]

    @property
    def estimated(self) -> bool:
        """Whether anything is estimated in these rows."""
        return any(name.startswith("estimated_") for row in self.rows for name in row.figures)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; calibration curves are left out."""
        release = self.release and {
            name: value for name, value in self.release.items() if name != "calibrations"
        }
        return {
            "model": self.model,
            "release": release,
            "tolerated": self.tolerated,
            "notes": list(self.notes),
            "windows": [
                {
                    "window_start_us": row.window_start_us,
                    "labelled": row.labelled,
                    "evidence": row.evidence,
                    "estimated_evidence": row.estimated_evidence,
                    "bar": row.bar,
                    "figures": {
                        name: {"value": one.value, "low": one.low, "high": one.high}
                        for name, one in sorted(row.figures.items())
                    },
                }
                for row in self.rows
            ],
        }


def gather(
    conn: Connection,
    model_id: int,
    contract: Contract,
    now_us: int,
    *,
    from_us: int | None = None,
    to_us: int | None = None,
    windows: int = 14,
) -> Scorecard | None:
    """The newest windows of [from_us, to_us) that performance is known of; None for a model without labels."""
    if contract.labels is None:
        return None
    rows = _rows(conn, model_id, from_us, to_us, windows)
    learnt = stored.newest_release(conn, model_id)
    release = None if learnt is None else learnt.body
    known = {name for row in rows for name in row.figures}
    numeric = contract.column_specs[contract.names("prediction")[0]].kind == "number"
    metrics = _NUMBERS if numeric else _YES_NO if contract.labels.positive is not None else _CLASSES
    tolerated = None if release is None else min(1.0, release["risk"] + contract.labels.tolerance)
    notes = [_of_release(conn, model_id, contract, now_us, release, tolerated, numeric)]
    if release is not None:
        notes += _of_windows(rows, contract)
        if numeric:
            notes.append("Nothing is estimated without labels for a prediction that is a number.")
        elif not release["calibrations"]:
            notes.append(
                "Nothing is estimated without labels: the reference has too few labelled scores in 0..1, or of one "
                "class only."
            )
    if any(name.startswith("estimated_") for name in known):
        notes.append(BLIND)
    return Scorecard(
        model=contract.model,
        metrics=metrics,
        error_rate="large_error_rate" if numeric else "error_rate",
        rows=tuple(rows),
        release=release,
        tolerated=tolerated,
        notes=tuple(notes),
    )


def share(value: float | None) -> str:
    """A share as a sentence says it: 12.3 %."""
    return "–" if value is None else f"{100 * value:.1f} %"


def evidence(value: float) -> str:
    """Evidence as a sentence says it; beyond a million more says nothing."""
    if value > 1e6:
        return "over 1,000,000"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _rows(conn: Connection, model_id: int, from_us: int | None, to_us: int | None, windows: int) -> list[Row]:
    """Oldest first."""
    found: dict[int, list[RowMapping]] = {}
    after: listing.Key | None = None
    while True:
        page = listing.measurements(
            conn,
            model_id,
            family="performance",
            segment="*",
            from_us=from_us,
            to_us=to_us,
            after=after,
            limit=_PAGE,
        )
        for row in page.rows:
            found.setdefault(row["window_start_us"], []).append(row)
        after = page.after
        # The last window of a page may go on on the next one.
        if after is None or len(found) > windows:
            break
    newest = sorted(found, reverse=True)[:windows]
    return [_row(start_us, found[start_us]) for start_us in reversed(newest)]


def _row(start_us: int, rows: list[RowMapping]) -> Row:
    figures, said, labelled = {}, {}, None
    bar = None
    for row in rows:
        if row["value"] is not None:
            name = f"{row['metric']}[{row['term']}]" if row["term"] else row["metric"]
            figures[name] = Measured(row["value"], row["low"], row["high"])
        if row["threshold"] is not None:
            said[row["metric"]], bar = math.exp(row["cusum"]), math.exp(row["threshold"])
        if row["metric"] in _SHARES:
            labelled = int(row["n"])
    if labelled is None and "label_coverage" in figures:
        labelled = 0
    measured = next((said[name] for name in _SHARES if name in said), None)
    return Row(start_us, labelled, figures, measured, said.get("estimated_error_rate"), bar)


def _of_release(
    conn: Connection,
    model_id: int,
    contract: Contract,
    now_us: int,
    release: Mapping[str, Any] | None,
    tolerated: float | None,
    numeric: bool,
) -> str:
    assert contract.labels is not None
    if release is not None:
        rate = release["wrong"] / release["records"]
        of = f"{release['records']:,} labelled predictions of the reference"
        was = f"were wrong in {share(rate)} of cases, at most {share(release['risk'])} with 95 % confidence"
        if numeric:
            was = f"missed by {release['limit']:.4g} or less in nine of ten cases; larger misses count as errors"
        return f"The {of} {was}. An error rate of up to {share(tolerated)} is tolerated."
    baseline = baselines.current(conn, model_id)
    if baseline is None:
        return "The reference is not learnt yet, so nothing can be said of performance."
    span = baseline.reference["from_us"], baseline.reference["to_us"]
    kept, labelled = stored_labels.kept_and_labelled(conn, model_id, *span)
    if not kept:
        return (
            "No record of the reference is kept any more, so its labels say nothing: keep records longer "
            "(window.keep), or choose a newer reference."
        )
    have = (
        f"{labelled:,} of the {kept:,} kept records of the reference have a label so far; {LEAST_LABELS} are needed "
        "to say how well the model did"
    )
    mature_us = span[1] + contract.labels.mature_after_us
    if now_us < mature_us:
        return f"{have}, and they are looked at once they are complete, on {_day(mature_us)}."
    if not stored_labels.count(conn, model_id):
        return "No label was read yet. " + have + "."
    return have + "."


def _of_windows(rows: list[Row], contract: Contract) -> list[str]:
    assert contract.labels is not None
    mature = [row for row in rows if row.labelled is not None]
    if not rows:
        return ["No window has been looked at yet."]
    if not mature:
        end_us = grid(contract).window_end(rows[0].window_start_us) + contract.labels.mature_after_us
        return [
            f"The labels of these windows are not complete yet; those of the first are on {_day(end_us)}."
        ]
    notes = []
    without = sum(not row.labelled for row in mature)
    if without:
        notes.append(
            f"{without} of the {len(mature)} windows shown whose labels should be complete have no label at all."
        )
    newest = next((row for row in reversed(mature) if row.evidence is not None), None)
    if newest is not None and newest.evidence is not None and newest.bar is not None:
        notes.append(
            f"The evidence that errors exceed what is tolerated is {evidence(newest.evidence)}; an alarm "
            f"needs {newest.bar:,.0f}."
        )
    return notes


def _day(us: int) -> str:
    from monitor.terminal import moment_of

    return f"{moment_of(us):%Y-%m-%d %H:%M} UTC"
