"""A table or a query as a source, on both databases."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine, text

from monitor import contract
from monitor.errors import DependencyUnavailable, SourceError
from monitor.sources import Page, sql
from monitor.sources.sql import Sql
from tests.monitor.sources.pages import WANTED, cells, rejects

START = datetime(2026, 8, 1, tzinfo=UTC)
START_US = round(START.timestamp() * 1e6)
HOUR_US = 3_600_000_000

Reading = tuple[list[Page], dict[str, Any] | None]


class Records:
    """A table of records, and its source."""

    def __init__(self, url: str, time_type: str, **named: str | None) -> None:
        self.url = url
        self.engine: Engine = create_engine(url)
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    f"CREATE TABLE records (id BIGINT, at {time_type}, text TEXT, size TEXT, "
                    "created BIGINT, other TEXT)"
                )
            )
        names: dict[str, Any] = {"table": "records", "id": "id", "time": "at"} | named
        self.source = Sql(contract.SqlSource(url=url, **names), Path(), ZoneInfo("Europe/Berlin"), WANTED)

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        names = list(rows[0])
        values = ", ".join(f":{name}" for name in names)
        with self.engine.begin() as connection:
            connection.execute(
                text(f"INSERT INTO records ({', '.join(names)}) VALUES ({values})"),
                [dict(row) for row in rows],
            )

    def read(self, position: dict[str, Any] | None = None) -> Reading:
        """All pages after a position, and where they end; the position travels as JSON, as in the store."""
        pages = list(self.source.read(position, ()))
        last = pages[-1].position if pages else position
        return pages, json.loads(json.dumps(last))


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def records(kind: str, new_database: Callable[..., str]) -> Iterator[Callable[..., Records]]:
    made: list[Records] = []

    def make(time_type: str = "BIGINT", **named: str | None) -> Records:
        made.append(
            Records(
                new_database(kind, migrated=False).replace("postgresql://", "postgresql+psycopg://"),
                time_type,
                **named,
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.engine.dispose()


def row(number: int, **more: object) -> dict[str, object]:
    return {"id": number, "at": START_US // 1_000_000 + number // 3, "text": f"message {number}"} | more


def test_a_table_is_read_in_pages_and_once(
    records: Callable[..., Records], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "ROWS", 10)
    table = records()
    table.add([row(number) for number in range(25)])  # three share each second: pages end within a second
    pages, position = table.read()
    assert cells(pages, "id") == [str(number).encode() for number in range(25)]
    assert [len(page.rows) for page in pages] == [10, 10, 5]
    assert "other" not in pages[0].table.schema.names
    assert table.read(position)[0] == []
    table.add([row(30)])
    pages, position = table.read(position)
    assert cells(pages, "id") == [b"30"]
    assert table.read(position)[0] == []


def test_pages_have_the_same_names_when_they_are_read_again(records: Callable[..., Records]) -> None:
    table = records()
    table.add([row(number) for number in range(5)])
    first, position = table.read()
    assert [page.piece for page in table.read()[0]] == [page.piece for page in first]
    table.add([row(9)])
    (more,), _ = table.read(position)
    assert more.piece != first[0].piece


def test_rows_that_come_late_are_found_by_when_they_came(records: Callable[..., Records]) -> None:
    table = records(ingested="created")
    table.add([row(5, created=1), row(6, created=2)])
    _, position = table.read()
    table.add([row(1, created=3)])
    pages, _ = table.read(position)
    assert cells(pages, "id") == [b"1"]


def test_rows_without_a_time_are_read_too(
    records: Callable[..., Records], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "ROWS", 2)
    table = records()
    table.add([row(1), row(2, at=None), row(3, at=None), row(4, at=None)])
    pages, position = table.read()
    assert sorted(cells(pages, "id")) == [b"1", b"2", b"3", b"4"]
    table.add([row(5, at=None)])
    pages, _ = table.read(position)
    assert cells(pages, "id") == [b"5"]


@pytest.mark.parametrize(
    ("sqlite_type", "postgresql_type", "write"),
    [
        ("BIGINT", "BIGINT", lambda moment: round(moment.timestamp())),
        ("BIGINT", "BIGINT", lambda moment: round(moment.timestamp() * 1000)),
        ("DOUBLE PRECISION", "DOUBLE PRECISION", lambda moment: moment.timestamp()),
        ("TEXT", "TEXT", lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S")),
        ("TEXT", "TEXT", lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")),
        ("TEXT", "TIMESTAMPTZ", lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("TEXT", "TIMESTAMP", lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S")),
    ],
)
def test_counting_and_reading_a_span_again(
    records: Callable[..., Records],
    kind: str,
    sqlite_type: str,
    postgresql_type: str,
    write: Callable[[datetime], Any],
) -> None:
    table = records(sqlite_type if kind == "sqlite" else postgresql_type)
    moments = [START + timedelta(minutes=20 * number) for number in range(9)]
    written = [write(moment) for moment in moments]
    naive = isinstance(written[0], str) and not written[0].endswith("Z")
    table.add([{"id": number, "at": at, "text": "x"} for number, at in enumerate(written)])
    # Times without a zone are read as Berlin's, two hours ahead in August.
    start_us = START_US - (2 * HOUR_US if naive else 0)
    assert table.source.count(start_us, start_us + HOUR_US) == 3
    assert table.source.count(start_us + HOUR_US, start_us + 3 * HOUR_US) == 6
    assert table.source.count(start_us - HOUR_US, start_us) == 0
    pages = list(table.source.reread(start_us + HOUR_US, start_us + 2 * HOUR_US))
    assert sorted(cells(pages, "id")) == [b"3", b"4", b"5"]
    assert pages[0].position is None


def test_a_span_that_is_read_again_for_other_rows_is_another_piece(records: Callable[..., Records]) -> None:
    table = records()
    table.add([row(1)])
    names = {page.piece for page in table.source.reread(START_US, START_US + HOUR_US)}
    table.add([row(2)])
    assert names.isdisjoint(page.piece for page in table.source.reread(START_US, START_US + HOUR_US))


def test_times_that_do_not_sort_cannot_be_counted(records: Callable[..., Records]) -> None:
    table = records("TEXT")
    assert table.source.count(0, START_US) == 0  # an empty table holds nothing of any span
    table.add([row(1, at="2026-08-01 10:00:00 +0200")])
    assert table.source.count(0, 2 * START_US) is None
    assert list(table.source.reread(0, 2 * START_US)) == []


def test_a_query_and_a_schema(records: Callable[..., Records]) -> None:
    table = records(table=None, query="SELECT id, at, upper(text) AS text FROM records WHERE id > 1;")
    table.add([row(number) for number in range(4)])
    pages, _ = table.read()
    assert cells(pages, "text") == [b"MESSAGE 2", b"MESSAGE 3"]
    assert pages[0].origin == "query"


def test_the_source_cannot_write(records: Callable[..., Records]) -> None:
    table = records(table=None, query="DELETE FROM records RETURNING id, at")
    table.add([row(1)])
    with pytest.raises((SourceError, DependencyUnavailable)):
        table.read()
    with table.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM records")).scalar_one() == 1


def test_text_that_is_no_utf8_keeps_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE records (id, at, text, size)")
        connection.execute("INSERT INTO records VALUES (1, 1785542400, CAST(x'636166e9' AS TEXT), 'x')")
        connection.execute("INSERT INTO records VALUES (2, 1785542400, 5, x'00')")
    connection.close()
    source = Sql(
        contract.SqlSource(url="sqlite:///records.db", table="records", id="id", time="at"),
        tmp_path,
        UTC,
        WANTED,
    )
    (page,) = source.read(None, ())
    assert page.table.column("text").to_pylist() == [b"caf\xe9", None]
    assert page.wrong["text"].tolist() == [1]
    assert rejects([page]) == [("row 2", "wrong_type")]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    def source(**named: str) -> Sql:
        names = {"url": "sqlite:///records.db", "table": "records", "id": "id", "time": "at"} | named
        return Sql(contract.SqlSource(**names), tmp_path, UTC, WANTED)  # type: ignore[arg-type]

    with pytest.raises(DependencyUnavailable, match=r"there is no database"):
        list(source().read(None, ()))
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("CREATE TABLE records (id, at)")
    connection.close()
    with pytest.raises(SourceError, match=r"no such table: wrong"):
        list(source(table="wrong").read(None, ()))
    with pytest.raises(SourceError, match=r"no column when; there are id, at"):
        list(source(time="when").read(None, ()))
    with pytest.raises(SourceError, match=r"use a sqlite or postgresql URL"):
        list(source(url="nosuch://x/y").read(None, ()))
    with pytest.raises(DependencyUnavailable):
        list(source(url="postgresql://127.0.0.1:1/none").read(None, ()))
    assert not (tmp_path / "none").exists()
