"""`driftglass performance`: how well models do, as a table and sentences, or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from monitor import scorecard
from monitor.app import App
from monitor.errors import NotFound, UsageError
from monitor.scorecard import Measured, Row, Scorecard
from monitor.store import models
from monitor.terminal import clock, headed, print_json, print_out

if TYPE_CHECKING:
    from rich.table import Table

    from monitor.on_demand import Again, Bound
    from monitor.watched import Watched

_CALLED = {"roc_auc": "ROC AUC", "f1": "F1", "macro_f1": "macro F1", "mae": "MAE", "rmse": "RMSE"}


def show(app: App, model: str | None, *, windows: int, recalibrate: bool, as_json: bool) -> None:
    """Of each model with labels, or of the named one: its newest windows, and what has to be said of them."""
    cards = []
    for watched in _chosen(app, model):
        with app.store.read() as conn:
            card = scorecard.gather(conn, watched.id, watched.contract, app.clock.now_us(), windows=windows)
        if card is None:
            _without_labels(watched.name, named=model is not None)
            continue
        bound = _bound(app, watched, card) if model is not None else None
        cards.append((card, bound, _again(app, watched, card) if recalibrate else None))
    if as_json:
        print_json([_for_programs(*one) for one in cards])
        return
    for card, bound, again in cards:
        print_out(card.model)
        if card.rows:
            print_out(_table(card))
        for note in (*card.notes, *([bound.sentence] if bound else ()), *(again.sentences if again else ())):
            print_out(note)


def _for_programs(card: Scorecard, bound: Bound | None, again: Again | None) -> dict[str, Any]:
    body = card.to_dict()
    if bound is not None:
        body["error_rate_at_least"] = {"value": bound.low, "records": bound.records}
    return body if again is None else body | {"recalibrated": again.to_dict()}


def _chosen(app: App, model: str | None) -> Sequence[Watched]:
    watched = app.watched()
    if model is None:
        return watched
    with app.store.read() as conn:
        models.get(conn, model)  # NotFound says which models there are
    chosen = [one for one in watched if one.name == model]
    if not chosen:
        raise NotFound(f"the contract of {model} cannot be used by this version; register it again")
    return chosen


def _without_labels(name: str, *, named: bool) -> None:
    said = f"{name} declares no labels: say in its contract where they come from (labels: source, key, value)"
    if named:
        raise UsageError(said)
    print(f"driftglass: {said}", file=sys.stderr)  # noqa: T201 - this is the command line


def _bound(app: App, watched: Watched, card: Scorecard) -> Bound | None:
    from monitor.on_demand import error_bound

    mature = [row.window_start_us for row in card.rows if row.labelled is not None]
    return error_bound(app.store, watched, mature) if mature else None


def _again(app: App, watched: Watched, card: Scorecard) -> Again:
    from monitor.on_demand import estimate_again

    return estimate_again(app.store, watched, [row.window_start_us for row in card.rows])


def _table(card: Scorecard) -> Table:
    names = [_CALLED.get(name, name) for name in card.metrics]
    head = ["window (UTC)", "labelled", "coverage", "delay, days", "wrong"]
    for name in names:
        head.append(name)
        if card.estimated:
            head.append(f"{name}, estimated")
    table = headed(*head, "evidence")
    for row in card.rows:
        table.add_row(*_cells(card, row))
    return table


def _cells(card: Scorecard, row: Row) -> list[str]:
    numeric = "mae" in card.metrics
    cells = [
        clock(row.window_start_us),
        "not yet" if row.labelled is None else f"{row.labelled:,}",
        _percent(row["label_coverage"]),
        _delay(row),
        _percent(row[card.error_rate]),
    ]
    for name in card.metrics:
        cells.append(_figure(row[name], share=not numeric))
        if card.estimated:
            cells.append(_figure(row[f"estimated_{name}"], share=not numeric))
    return [*cells, "" if row.evidence is None else f"{scorecard.evidence(row.evidence)} of {row.bar:,.0f}"]


def _percent(one: Measured | None) -> str:
    return "" if one is None else scorecard.share(one.value)


def _delay(row: Row) -> str:
    median, late = row["label_delay_days[median]"], row["label_delay_days[p90]"]
    return "" if median is None or late is None else f"{median.value:.1f} (90 %: {late.value:.1f})"


def _figure(one: Measured | None, *, share: bool) -> str:
    if one is None:
        return ""
    form = ".3f" if share else ".4g"
    if one.low is None or one.high is None:
        return format(one.value, form)
    return f"{one.value:{form}} ({one.low:{form}}–{one.high:{form}})"
