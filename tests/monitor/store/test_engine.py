from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from monitor.errors import DependencyUnavailable, NotFound, UsageError
from monitor.store import engine, models, sqlite
from monitor.store.engine import Store
from monitor.store.tables import models as table


def names(store: Store) -> list[str]:
    with store.read() as conn:
        return [model.name for model in models.everyone(conn)]


def test_a_write_commits_at_the_end_and_rolls_back_on_an_exception(store: Store) -> None:
    with store.write() as conn:
        models.create(conn, "kept", 1)
    with pytest.raises(NotFound, match="no model with id 99"), store.write() as conn:
        models.by_id(conn, models.create(conn, "lost", 1).id + 97)
    assert names(store) == ["kept"]


def test_asking_for_the_revision_again_and_again_leaves_nothing_behind(store: Store) -> None:
    def compiled() -> int:
        with store.read() as conn:
            return len(conn.engine._compiled_cache or ())

    store.current()
    before = compiled()
    assert {store.current() for _ in range(20)} == {store.head()}
    assert compiled() == before


def test_a_reader_sees_one_state_while_others_write(store: Store) -> None:
    count = select(func.count()).select_from(table)
    with store.read() as reader:
        before = reader.execute(count).scalar_one()
        with store.write() as conn:
            models.create(conn, "new", 1)
        assert reader.execute(count).scalar_one() == before == 0
    assert names(store) == ["new"]


def test_reads_of_one_state_see_the_same_until_something_is_written_here(store: Store) -> None:
    def elsewhere(name: str) -> None:
        with store.write() as conn:
            models.create(conn, name, 1)

    def in_a_thread(name: str) -> None:
        thread = threading.Thread(target=elsewhere, args=(name,))
        thread.start()
        thread.join()

    with store.one_state():
        assert names(store) == []
        in_a_thread("theirs")
        assert names(store) == []
        elsewhere("ours")
        assert names(store) == ["theirs", "ours"]
        in_a_thread("later")
        assert names(store) == ["theirs", "ours"]
    assert names(store) == ["theirs", "ours", "later"]


def test_a_read_that_fails_spoils_none_of_those_after_it(store: Store) -> None:
    with store.one_state():
        with pytest.raises(DBAPIError), store.read() as conn:
            conn.exec_driver_sql("SELECT 1 FROM models WHERE no_such_function(id)")
        assert names(store) == []


def test_a_reader_cannot_write(store: Store) -> None:
    row = {"name": "x", "state": "live", "created_us": 1}
    with pytest.raises((DependencyUnavailable, DBAPIError), match=r"read-?only"), store.read() as conn:
        conn.execute(insert(table).values(row))
    assert names(store) == []


def test_foreign_keys_and_checks_hold(store: Store) -> None:
    with pytest.raises(IntegrityError), store.write() as conn:
        conn.execute(insert(table).values(name="x", state="no such state", created_us=1))
    with pytest.raises(IntegrityError), store.write() as conn:
        models.update_state(conn, models.create(conn, "x", 1).id, state="dozing")  # type: ignore[arg-type]


def test_writers_that_read_first_take_turns(store: Store) -> None:
    """Deferred transactions would fail here on SQLite: each reads, then writes what it read plus one."""
    with store.write() as conn:
        model_id = models.create(conn, "counter", 0).id

    def add_one() -> None:
        for _ in range(20):
            with store.write() as conn:
                last = models.lock(conn, model_id).materialised_until_us or 0
                models.update_state(conn, model_id, materialised_until_us=last + 1)

    threads = [threading.Thread(target=add_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as conn:
        assert models.by_id(conn, model_id).materialised_until_us == 80


def test_what_is_to_be_written_soon_looks_more_often_for_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(f"sqlite:///{tmp_path}/new.db")
    store.upgrade()

    def pauses(*, soon: bool) -> set[float]:
        """Those between the looks of a writer that another one keeps waiting for three of them."""
        seen: list[float] = []
        with sqlite3.connect(tmp_path / "new.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")

            def pause(seconds: float) -> None:
                seen.append(seconds)
                if len(seen) == 3:
                    other.execute("COMMIT")

            monkeypatch.setattr("monitor.store.sqlite.time.sleep", pause)
            with store.write(soon=soon) as conn:
                models.create(conn, f"soon {soon}", 1)
        assert len(seen) == 3
        return set(seen)

    (often,), (seldom,) = pauses(soon=True), pauses(soon=False)
    assert often * 5 < seldom
    assert names(store) == ["soon True", "soon False"]


def test_sqlite_is_durable_and_gives_space_back(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/new.db")
    with store.write() as conn:
        found = {
            name: conn.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "auto_vacuum")
        }
    full, incremental = 2, 2
    assert found == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
        "auto_vacuum": incremental,
    }
    with store.write() as conn:
        conn.exec_driver_sql("CREATE TABLE filler (body BLOB)")
        conn.exec_driver_sql("INSERT INTO filler VALUES (zeroblob(2000000))")
        conn.exec_driver_sql("DELETE FROM filler")
    with store.read() as conn:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
    store.reclaim()
    with store.read() as conn:
        assert conn.exec_driver_sql("PRAGMA page_count").scalar_one() < pages / 10
    store.close()


def test_a_database_that_cannot_be_reached_is_named_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(DependencyUnavailable, match="does its folder exist") as away:
        Store(f"sqlite:///{tmp_path}/no/such/folder/x.db").upgrade()
    assert "x.db" in str(away.value)
    with pytest.raises(DependencyUnavailable, match="check that PostgreSQL runs") as away:
        Store("postgresql://me:hunter2@127.0.0.1:9/x").current()
    assert "hunter2" not in str(away.value)
    assert "postgresql://me:***@127.0.0.1:9/x" in str(away.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a database, " * 100)
    with pytest.raises(DependencyUnavailable, match="not an SQLite database"):
        Store(f"sqlite:///{path}").current()


def test_an_sqlite_writer_that_waits_too_long_is_told_why(
    new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.05)
    url = new_database("sqlite")
    hasty = Store(url)
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DependencyUnavailable, match="another process kept writing"), hasty.write():
        pass
    other.execute("ROLLBACK")
    other.close()
    with hasty.write() as conn:
        models.create(conn, "after", 1)
    hasty.close()


def test_postgresql_ends_what_stands_still_in_a_transaction(
    new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database("postgresql")
    monkeypatch.setattr(engine, "IDLE_SECONDS", 1)
    still, waiting = Store(url), Store(url)

    def hold() -> None:
        with still.write() as conn:
            models.create(conn, "toxicity", 1)
            with waiting.write() as later:  # the name is held until the other transaction has ended
                models.create(later, "toxicity", 2)
            models.create(conn, "spam", 3)

    try:
        with pytest.raises(DependencyUnavailable, match="stood still"):
            hold()
        assert names(waiting) == ["toxicity"]
        assert names(still) == ["toxicity"]  # it comes back by itself
    finally:
        still.close()
        waiting.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_missing_tables_ask_for_the_upgrade(new_database: Callable[..., str], kind: str) -> None:
    empty = Store(new_database(kind, migrated=False))
    with pytest.raises(UsageError, match="driftglass db upgrade"):
        names(empty)
    empty.close()


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("mysql://root@localhost/x", "'mysql' is not supported"),
        ("driftglass.db", "cannot be read"),
    ],
)
def test_a_url_that_cannot_work_is_refused_at_once(url: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        Store(url)


def test_a_wrong_statement_is_not_blamed_on_the_database(store: Store) -> None:
    with pytest.raises(DBAPIError), store.read() as conn:
        conn.exec_driver_sql("SELEC 1")
