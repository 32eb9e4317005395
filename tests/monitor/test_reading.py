"""Reading a table as it grows: rows that come late are found, and nothing is counted twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from checks.plan import Plan
from monitor import failpoints
from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import load
from monitor.errors import DependencyUnavailable
from monitor.pipeline import PassReport
from monitor.reading import Reader, ReadReport
from monitor.settings import Settings
from monitor.sources import open_source
from monitor.store import listing, plans, windows
from monitor.store.engine import Store
from monitor.watched import Watched
from tests.monitor import stream

ROWS = stream.records()
US = 1_000_000


def us(day: float) -> int:
    return int(stream.day(day).timestamp()) * US


def within(first: float, last: float) -> list[stream.Record]:
    return [row for row in ROWS if stream.day(first) <= stream.at(row) < stream.day(last)]


def without(some: Iterable[stream.Record]) -> list[stream.Record]:
    left_out = {row["id"] for row in some}
    return [row for row in ROWS if row["id"] not in left_out]


@dataclass
class Table:
    """A growing table of orders and the model that watches it."""

    folder: Path
    app: App
    watched: Watched
    written: int = 0

    def add(self, rows: Iterable[stream.Record]) -> None:
        """Insert rows; `created` counts up with every insert, as a clock would."""
        self.written += 1
        engine = create_engine(f"sqlite:///{self.folder / 'orders.db'}")
        places = ", ".join(f":{name}" for name in ("id", "epoch", "created", *stream.COLUMNS[2:]))
        with engine.begin() as conn:
            conn.execute(
                text(f"INSERT INTO orders VALUES ({places})"),
                [
                    {**row, "epoch": int(stream.at(row).timestamp()), "created": us(17) // US + self.written}
                    for row in rows
                ],
            )
        engine.dispose()

    def pass_(self) -> PassReport:
        return self.app.one_pass(self.watched)

    def records(self) -> tuple[int, int]:
        """Records and duplicates of all windows."""
        with self.app.store.read() as conn:
            found = windows.between(conn, self.watched.id, 0, us(400))
        return sum(window.records for window in found), sum(window.duplicates for window in found)


Tables = Callable[..., Table]


@pytest.fixture
def table(store_url: str, tmp_path: Path) -> Iterator[Tables]:
    made: list[Table] = []

    def make(ingested: str = "", now: float = 17) -> Table:
        engine = create_engine(f"sqlite:///{tmp_path / 'orders.db'}")
        with engine.begin() as conn:
            rest = ", ".join(f"{name} TEXT" for name in stream.COLUMNS[2:])
            conn.execute(text(f"CREATE TABLE orders (id TEXT, at BIGINT, created BIGINT, {rest})"))
        engine.dispose()
        contract = stream.contract(tmp_path)
        source = "source: {type: sql, url: env:ORDERS_URL, table: orders, id: id, time: at"
        lines = [
            source + (f", ingested: {ingested}}}" if ingested else "}") if line.startswith("source") else line
            for line in contract.read_text("utf-8").splitlines()
        ]
        contract.write_text("\n".join(lines), "utf-8")
        app = App(Store(store_url), SimulatedClock(us(now)), Settings(database_url=store_url))
        made.append(Table(tmp_path, app, app.register(load(contract), author="test")))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORDERS_URL", f"sqlite:///{tmp_path / 'orders.db'}")
        yield make
    for one in made:
        one.app.store.close()


def test_the_count_probe_finds_late_rows_once(table: Tables) -> None:
    late = within(16, 16.25)[:20]
    orders = table()
    orders.add(without(late))
    assert orders.pass_().records == len(ROWS) - 20
    orders.add(late)  # before the cursor: only their number gives them away
    report = orders.pass_()
    assert (report.records, report.duplicates, report.judged) == (20, 0, 4)
    assert orders.records() == (len(ROWS), 0)
    again = orders.pass_()
    assert (again.records, again.duplicates, again.judged) == (0, 0, 0)
    assert orders.records() == (len(ROWS), 0)


def test_what_a_transaction_did_not_keep_is_no_duplicate_later(
    table: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away before the commit; the same process reads on."""
    late = within(16.5, 17)
    orders = table()
    orders.add(without(late))
    orders.pass_()
    orders.add(late)

    def away(point: str) -> None:
        if point == "read.written":
            raise DependencyUnavailable("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "reach", away)
        with pytest.raises(DependencyUnavailable):
            orders.pass_()
    report = orders.pass_()
    assert (report.records, report.duplicates) == (len(late), 0)
    assert orders.records() == (len(ROWS), 0)


def test_rows_later_than_the_horizon_are_left_alone(table: Tables) -> None:
    late = within(14, 14.25)[:20]
    orders = table()
    orders.add(without(late))
    orders.pass_()
    orders.add(late)
    assert orders.pass_().records == 0


def test_with_the_time_of_arrival_late_rows_are_simply_the_next(table: Tables) -> None:
    late = within(14, 14.25)[:20]
    orders = table(ingested="created")
    orders.add(without(late))
    orders.pass_()
    orders.add(late)
    report = orders.pass_()
    assert (report.records, report.duplicates, report.judged) == (20, 0, 12)
    assert orders.pass_().records == 0
    assert orders.records() == (len(ROWS), 0)


def test_a_row_that_was_deleted_is_no_reason_to_read_for_ever(table: Tables) -> None:
    orders = table()
    orders.add(ROWS)
    orders.pass_()
    engine = create_engine(f"sqlite:///{orders.folder / 'orders.db'}")
    with engine.begin() as conn:
        conn.execute(text("DELETE FROM orders WHERE id = :id"), {"id": ROWS[-1]["id"]})
    engine.dispose()
    report = orders.pass_()
    assert (report.records, report.duplicates) == (0, 0)
    with orders.app.store.read() as conn:
        (window,) = windows.between(conn, orders.watched.id, us(16.75), us(17))
    assert window.source_count == window.records - 1
    assert orders.records() == (len(ROWS), 0)


def test_rows_of_a_window_that_is_still_open_are_left_to_the_next_reading(table: Tables) -> None:
    """A row that comes between reading and probing stands after the cursor: it is not late."""
    new = within(16.75, 17)[-3:]
    orders = table(now=16.9)
    orders.add(without(new))
    orders.pass_()
    with orders.app.store.read() as conn:
        body = plans.current(conn, orders.watched.id)
    assert body is not None
    reader = Reader(orders.app.store, orders.app.clock, orders.watched, Plan.decode(body))
    source = open_source(orders.watched.contract, orders.watched.base_path)
    orders.add(new)
    probed = ReadReport()
    reader.probe(source, probed, lambda _: None)
    assert probed.records == 0
    read = ReadReport()
    reader.read_new(source, read, lambda _: None)
    assert read.records == 3
    assert orders.records() == (len(ROWS), 0)


def test_what_is_set_aside_is_counted_by_the_probe_too(table: Tables) -> None:
    """A row with a word for a number counts, a duplicate does not: neither is a reason to read again."""
    orders = table()
    rows = [dict(row) for row in ROWS]
    rows[-1]["amount"] = "twelve"
    orders.add([*rows, dict(ROWS[-1])])
    first = orders.pass_()
    assert (first.records, first.duplicates) == (len(ROWS), 1)
    again = orders.pass_()
    assert (again.records, again.duplicates, again.judged) == (0, 0, 0)
    with orders.app.store.read() as conn:
        aside = listing.quarantine(conn, orders.watched.id, limit=10).rows
    assert sorted(row["reason"] for row in aside) == ["duplicate_differs", "wrong_type"]
