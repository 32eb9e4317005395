"""The pages behind the review: one alert, and one series over time."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from monitor import contract
from monitor.alerts import acts
from monitor.alerts.telling import Acknowledged, Snoozed
from monitor.errors import ContractError, NotFound
from monitor.reports import words
from monitor.reports.episodes import episode_view, figure, messages_about
from monitor.reports.weeks import WEEK_US, week_of
from monitor.store import alerts, contracts, listing, measurements, series, windows
from monitor.store.measurements import Measurement
from monitor.store.silences import Silence
from monitor.store.tables import baselines, models
from monitor.web.charts import HOUR_US, Axis, Span, Unit, number
from monitor.web.rendering import render_page

ALL_FIGURES, ALL_EXAMPLES = 8, 50
SHOWN_WINDOWS = 48


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window of a series as a row of a table."""

    start_us: int
    n: str
    value: str
    normal: str
    status: str
    z: str
    cusum: str
    threshold: str


@dataclass(frozen=True, slots=True)
class Acting:
    """Who looks may also act: `csrf` goes back with every form."""

    csrf: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What receivers know of an episode, and what holds back the rest."""

    told: str | None
    held: str
    acknowledged: Acknowledged | None
    snoozed: Snoozed | None
    silences: list[Silence]


def alert_page(conn: Connection, alert: int, now_us: int, acting: Acting | None = None) -> str:
    """Everything about one episode as HTML, with forms for who may act. NotFound if there is none."""
    row = alerts.get(conn, alert)
    known = series.everyone(conn, row.model_id)
    end = now_us if row.closed_us is None else min(now_us, row.closed_us + 2 * WEEK_US // 7)
    axis = Axis(row.since_us - WEEK_US, max(end, row.opened_us + HOUR_US), _every(conn, row.model_id))
    view = episode_view(conn, row, known, axis, now_us, figures=ALL_FIGURES, examples=ALL_EXAMPLES)
    events = alerts.events(conn, alert)
    owner, runbook = _people(conn, row.model_id)
    told, _, silences = acts.standing(conn, alert, now_us)
    return render_page(
        "alert.html",
        standing=Standing(told.severity, told.held, told.acknowledged, told.snoozed, silences),
        acting=acting,
        episode=view,
        events=events,
        notifications=messages_about(conn, row, events),
        owner=owner,
        runbook=runbook,
        week=week_of(row.opened_us),
        now_us=now_us,
    )


def series_page(conn: Connection, model_id: int, model: str, series_id: int, now_us: int) -> str:
    """The last four weeks of one series as HTML. NotFound if the model has no such series."""
    one = next((found for found in series.everyone(conn, model_id) if found.id == series_id), None)
    if one is None:
        raise NotFound("the model has no such series")
    edge = windows.edge(conn, model_id)
    end = now_us if edge is None else min(now_us, edge.end_us)
    first = windows.edge(conn, model_id, first=True)
    start = end - 4 * WEEK_US if first is None else max(end - 4 * WEEK_US, first.start_us)
    axis = Axis(min(start, end - HOUR_US), end, _every(conn, model_id))
    episodes = listing.episodes(
        conn, model_id=model_id, family=one.family, from_us=axis.from_us, to_us=axis.to_us
    )
    spans = [Span(row["since_us"], row["closed_us"], row["family"]) for row in episodes.rows]
    unit = words.unit_of(one.kind)
    newest = measurements.timeline(conn, model_id, series_id, axis.from_us, axis.to_us)[-SHOWN_WINDOWS:]
    return render_page(
        "series.html",
        model=model,
        one=one,
        name=_name(one),
        figure=figure(conn, model_id, model, one, axis, spans, "series"),
        rows=[_window(row, unit) for row in reversed(newest)],
        baseline=_baseline(conn, model_id),
        week=week_of(now_us),
        now_us=now_us,
    )


def _window(row: Measurement, unit: Unit) -> WindowRow:
    normal = "–"
    if row.expected_low is not None and row.expected_high is not None:
        normal = f"{number(row.expected_low, unit)} to {number(row.expected_high, unit)}"
    return WindowRow(
        start_us=row.window_start_us,
        n=number(row.n, "count"),
        value=number(row.value, unit),
        normal=normal,
        status=row.status or "not judged yet",
        z="–" if row.z is None else f"{row.z:+.1f}",
        cusum=number(row.cusum, "number"),
        threshold=number(row.threshold, "number"),
    )


def _every(conn: Connection, model_id: int) -> int:
    edge = windows.edge(conn, model_id)
    return HOUR_US if edge is None else edge.end_us - edge.start_us


def _people(conn: Connection, model_id: int) -> tuple[str | None, str | None]:
    """Owner and runbook of the contract in force. Only a web address becomes a link."""
    try:
        saved = contract.parse(contracts.current(conn, model_id).body)
    except (NotFound, ContractError):
        # An older release may have saved what this one refuses; the page matters more than the name on it.
        return None, None
    runbook = saved.runbook if saved.runbook and saved.runbook.startswith(("https://", "http://")) else None
    return saved.owner, runbook


def _baseline(conn: Connection, model_id: int) -> str:
    """Which reference decides what is normal, in words."""
    query = (
        select(baselines).join(models, models.c.baseline_id == baselines.c.id).where(models.c.id == model_id)
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        return "none yet: the model is learning"
    facts = json.loads(row.reference)
    held = f"{facts['windows']} windows" if "windows" in facts else "a training file"
    missing = f"; {facts['missing']}" if facts.get("missing") else ""
    return f"{held} of the reference, baseline {row.sha256[:12]}{missing}"


def _name(one: series.Stored) -> str:
    column = f"({one.column})" if one.column else ""
    segment = f"[{one.segment}]" if one.segment != "*" else ""
    return f"{one.metric}{column}{segment}" + (f":{one.term}" if one.term else "")
