"""What a worker does with runs, but for the work: they are queued, claimed and finished."""

from __future__ import annotations

from sqlalchemy import select

from monitor.clock import SimulatedClock
from monitor.jobs import claim, finish, materialise
from monitor.store.engine import Store
from monitor.store.run_states import Kind
from monitor.store.runs import Run
from monitor.store.tables import runs as table

HOUR = 3_600_000_000
START = 1_790_000_000_000_000


def due(store: Store, model_id: int, *hours: int, read: bool = False) -> int:
    """Materialise windows that start at these hours."""
    spans = [(hour * HOUR, (hour + 1) * HOUR) for hour in hours]
    with store.write() as conn:
        return materialise(conn, model_id, spans, START, read=read)


def done(store: Store, clock: SimulatedClock, run: Run | None) -> Run:
    """Finish a run."""
    assert run is not None
    with store.write() as conn:
        finish(conn, run, clock.now_us())
    return run


def work(store: Store, clock: SimulatedClock) -> list[tuple[Kind, int, int]]:
    """Do everything there is to do; returns (kind, hour, revision) in the order it was done."""
    order = []
    while run := claim(store, clock, "worker"):
        done(store, clock, run)
        order.append((run.kind, run.window_start_us // HOUR, run.revision))
    return order


def state_of(store: Store, run: Run) -> str:
    with store.read() as conn:
        return str(conn.execute(select(table.c.state).where(table.c.id == run.id)).scalar_one())
