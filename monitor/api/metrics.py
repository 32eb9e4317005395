"""The state of the installation as Prometheus gauges, read from the store when somebody scrapes.

Every replica answers the same: what is counted lies in SQL, not in a process. Labels come from models,
families and series, so every gauge has a cap; what it leaves out is counted in `driftglass_series_dropped`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from threading import Lock
from time import monotonic

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, and_, func, select

import monitor
from monitor import canary
from monitor.clock import Clock
from monitor.errors import DependencyUnavailable, UsageError
from monitor.store import chores, listing, outbox
from monitor.store import tables as t
from monitor.store.engine import Store
from monitor.store.models import CANARY

CACHE_SECONDS = 5.0
MAX_SERIES = 500
MICRO = 1e6

# Nobody watches our own model but us.
_OURS_NOT = t.models.c.name != CANARY

Rows = Iterable[tuple[tuple[str, ...], float]]


class State(Collector):
    """A collector over one store. Within `CACHE_SECONDS` it repeats itself: a scrape storm costs one read."""

    def __init__(self, store: Store, clock: Clock, max_series: int = MAX_SERIES) -> None:
        self.store = store
        self.clock = clock
        self.max_series = max_series
        self._lock = Lock()
        self._read_at = -CACHE_SECONDS
        self._last: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            if monotonic() - self._read_at >= CACHE_SECONDS:
                self._last = list(self._read())
                self._read_at = monotonic()
            yield from self._last

    def _read(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("driftglass_build_info", "The version that runs", labels=["version"])
        build.add_metric([monitor.__version__], 1)
        yield build
        up = GaugeMetricFamily("driftglass_store_up", "1 if the store could be read for this scrape")
        found: list[Metric] = []
        try:
            with self.store.read() as conn:
                found = list(self._state(conn))
        except (DependencyUnavailable, UsageError):
            up.add_metric([], 0)
        else:
            up.add_metric([], 1)
        yield up
        yield from found

    def _state(self, conn: Connection) -> Iterator[Metric]:
        dropped: dict[str, int] = {}

        def gauge(name: str, documentation: str, labels: tuple[str, ...], rows: Rows) -> Metric:
            family = GaugeMetricFamily(f"driftglass_{name}", documentation, labels=labels)
            rows = iter(rows)
            for values, number in islice(rows, self.max_series):
                family.add_metric(values, number)
            if left := sum(1 for _ in rows):
                dropped[name] = left
            return family

        now_us = self.clock.now_us()
        model, family = ("model",), ("model", "family", "severity")
        yield gauge("models", "Watched models by state", ("state",), _models(conn))
        yield gauge("models_paused", "Watched models that are paused", (), _paused(conn))
        yield gauge("window_lag_seconds", "Age of the oldest unjudged window", model, _lag(conn, now_us))
        yield gauge(
            "last_judged_window_end_timestamp_seconds", "End of the last judged window", model, _judged(conn)
        )
        yield gauge("alerts", "Open episodes that people are told about", family, _alerts(conn))
        yield gauge("runs", "Runs by kind and state", ("kind", "state"), _runs(conn))
        yield gauge("outbox_messages", "Messages by state", ("state",), _outbox(conn))
        yield gauge("outbox_oldest_pending_seconds", "Age of the oldest unsent", (), _oldest(conn, now_us))
        yield gauge(
            "measurement_value",
            "Value in the newest judged window, of series over all traffic",
            ("model", "metric", "column", "term"),
            _values(conn),
        )
        sung = canary.look(conn, now_us)
        if sung.state != "off":
            yield gauge(
                "canary_ok",
                "1 if the known drift of the last day was found and told",
                (),
                _one(sung.state == "fired"),
            )
            yield gauge(
                "canary_last_fired_timestamp_seconds",
                "When the canary's drift was found last",
                (),
                _at(sung.fired_us),
            )
        beat = chores.last(conn, "heartbeat")
        if beat is not None:
            sent_us = beat.body.get("sent_us")
            yield gauge(
                "heartbeat_last_sent_timestamp_seconds", "When a heartbeat was taken last", (), _at(sent_us)
            )
        yield gauge("series_dropped", "Rows that a cap left out", ("metric",), _counted(dropped))


def _counted(counts: dict[str, int]) -> Rows:
    return [((name,), float(number)) for name, number in sorted(counts.items())]


def _one(value: float) -> Rows:
    return [((), float(value))]


def _at(us: int | None) -> Rows:
    return [] if us is None else [((), us / MICRO)]


def _models(conn: Connection) -> Rows:
    query = select(t.models.c.state, func.count()).where(_OURS_NOT)
    rows = conn.execute(query.group_by(t.models.c.state))
    return _counted({row[0]: row[1] for row in rows})


def _paused(conn: Connection) -> Rows:
    query = select(func.count()).select_from(t.models).where(t.models.c.paused_us.is_not(None))
    return _one(conn.execute(query).scalar_one())


def _lag(conn: Connection, now_us: int) -> Rows:
    w, m, learnt = t.windows, t.models, t.windows.alias("learnt")
    # What was read of the time before the reference, and while there is none, waits for no judgement.
    reference = select(func.max(learnt.c.end_us)).where(
        learnt.c.model_id == m.c.id, learnt.c.state == "reference"
    )
    late = and_(
        w.c.model_id == m.c.id,
        w.c.state.in_(["open", "measured"]),
        w.c.end_us <= now_us,
        w.c.start_us >= func.coalesce(reference.scalar_subquery(), 0),
        m.c.state != "learning",
        m.c.paused_us.is_(None),
    )
    query = select(m.c.name, func.min(w.c.end_us)).select_from(m).outerjoin(w, late).where(_OURS_NOT)
    rows = conn.execute(query.group_by(m.c.name).order_by(m.c.name))
    return [((name,), 0.0 if end is None else (now_us - end) / MICRO) for name, end in rows]


def _judged(conn: Connection) -> Rows:
    rows = [(row["name"], row["judged_until_us"]) for row in listing.models(conn)]
    return [((name,), end / MICRO) for name, end in rows if end is not None]


def _alerts(conn: Connection) -> Rows:
    e, m = t.episodes, t.models
    query = (
        select(m.c.name, e.c.family, e.c.severity, func.count())
        .join_from(e, m, m.c.id == e.c.model_id)
        .where(e.c.closed_us.is_(None), e.c.inhibited_by.is_(None), _OURS_NOT)
        .group_by(m.c.name, e.c.family, e.c.severity)
        .order_by(m.c.name, e.c.family)
    )
    return [((name, family, severity), number) for name, family, severity, number in conn.execute(query)]


def _runs(conn: Connection) -> Rows:
    r = t.runs
    query = select(r.c.kind, r.c.state, func.count()).group_by(r.c.kind, r.c.state)
    query = query.order_by(r.c.kind, r.c.state)
    return [((kind, state), number) for kind, state, number in conn.execute(query)]


def _outbox(conn: Connection) -> Rows:
    return _counted(outbox.counts(conn))


def _oldest(conn: Connection, now_us: int) -> Rows:
    oldest = outbox.oldest_pending_us(conn)
    return [((), 0.0 if oldest is None else max(0.0, (now_us - oldest) / MICRO))]


def _values(conn: Connection) -> Rows:
    m, s, w = t.measurements, t.series, t.windows
    newest = (
        select(w.c.model_id, func.max(w.c.start_us).label("start_us"))
        .where(w.c.state == "judged")
        .group_by(w.c.model_id)
        .subquery()
    )
    in_newest = and_(m.c.model_id == newest.c.model_id, m.c.window_start_us == newest.c.start_us)
    query = (
        select(t.models.c.name, s.c.metric, s.c.column, s.c.term, m.c.value)
        .join_from(m, newest, in_newest)
        .join(s, s.c.id == m.c.series_id)
        .join(t.models, t.models.c.id == m.c.model_id)
        .where(s.c.segment == "*", m.c.value.is_not(None), listing.latest_revision(m), _OURS_NOT)
        .order_by(t.models.c.name, s.c.metric, s.c.column, s.c.term)
    )
    return [(tuple(row[:4]), row[4]) for row in conn.execute(query)]
