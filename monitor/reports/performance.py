"""How well a model did in a week, as a table of a page: the newest windows that are known, and what has to be said."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping

from monitor import scorecard
from monitor.contract import parse
from monitor.errors import ContractError
from monitor.reports.weeks import WEEK_US, Week
from monitor.scorecard import Measured, Row
from monitor.store import contracts
from monitor.web.charts import moment

MOST_WINDOWS = 10
_CALLED = {
    "accuracy": "Accuracy",
    "f1": "F1",
    "macro_f1": "Macro F1",
    "roc_auc": "ROC AUC",
    "mae": "MAE",
    "rmse": "RMSE",
    "bias": "Bias",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A realised figure, its interval, and what scores expected; "" where there is none."""

    value: str
    interval: str
    estimated: str


@dataclass(frozen=True, slots=True)
class RowView:
    when: str
    labelled: str
    delay: str
    wrong: str
    cells: tuple[Cell, ...]
    evidence: str
    alarm: bool


@dataclass(frozen=True, slots=True)
class PerformanceView:
    """`metrics` heads the cells of each row, which are newest first."""

    metrics: tuple[str, ...]
    rows: tuple[RowView, ...]
    notes: tuple[str, ...]


def performance_view(conn: Connection, model: RowMapping, week: Week, now_us: int) -> PerformanceView | None:
    """Of the week and the one before it, whose labels come late; None for a model without labels."""
    try:
        contract = parse(contracts.current(conn, model["id"]).body, f"{model['name']}.yaml")
    except ContractError:
        return None  # saved by another release: nothing is known of its labels
    card = scorecard.gather(
        conn,
        model["id"],
        contract,
        now_us,
        from_us=week.from_us - WEEK_US,
        to_us=week.to_us,
        windows=MOST_WINDOWS,
    )
    if card is None:
        return None
    form = ".3g" if "mae" in card.metrics else ".3f"
    rows = tuple(
        RowView(
            when=moment(row.window_start_us),
            labelled=_labelled(row),
            delay=_delay(row),
            wrong=_share(row[card.error_rate]),
            cells=tuple(
                Cell(
                    _number(row[name], form),
                    _interval(row[name], form),
                    _number(row[f"estimated_{name}"], form),
                )
                for name in card.metrics
            ),
            evidence="–" if row.evidence is None else scorecard.evidence(row.evidence),
            alarm=row.evidence is not None and row.bar is not None and row.evidence >= row.bar,
        )
        for row in reversed(card.rows)
    )
    return PerformanceView(tuple(_CALLED[name] for name in card.metrics), rows, card.notes)


def _labelled(row: Row) -> str:
    if row.labelled is None:
        return "not yet"
    return f"{row.labelled:,} ({_share(row['label_coverage'])})"


def _delay(row: Row) -> str:
    median, late = row["label_delay_days[median]"], row["label_delay_days[p90]"]
    return "–" if median is None or late is None else f"{median.value:.1f} / {late.value:.1f}"


def _share(one: Measured | None) -> str:
    return "–" if one is None else scorecard.share(one.value)


def _number(one: Measured | None, form: str) -> str:
    return "" if one is None else format(one.value, form)


def _interval(one: Measured | None, form: str) -> str:
    return (
        "" if one is None or one.low is None or one.high is None else f"{one.low:{form}} to {one.high:{form}}"
    )
