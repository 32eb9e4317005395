"""Copies of an SQLite store: whole while others write, never over a file, never under a process."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from monitor.errors import Conflict, UsageError
from monitor.store import copies, manifest, models, processes, quarantine
from monitor.store.engine import Store
from monitor.store.manifest import File
from monitor.store.processes import Process
from monitor.store.quarantine import Entry
from monitor.store.tables import manifest as files
from monitor.store.tables import quarantine as set_aside


@pytest.fixture
def filled(new_database: object) -> Iterator[Store]:
    store = Store(new_database("sqlite"))  # type: ignore[operator]
    with store.write() as conn:
        models.create(conn, "shop", 1)
    yield store
    store.close()


def names(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as conn:
        return [row[0] for row in conn.execute("SELECT name FROM models ORDER BY name")]


def put_back(store: Store, copy: Path) -> Path | None:
    """Restore a copy as it is."""
    return copies.restore(store, copy, lambda old, part: None)[0]


def both(store: Store, number: int) -> None:
    """Two rows that belong together, in one transaction."""
    with store.write() as conn:
        manifest.record(conn, 1, File(f"{number}.csv", 1, "e", "read", 1, None, 1))
        quarantine.add(conn, 1, [Entry(None, f"{number}", "line 1", "r", None, "d" * 500, False)], 1)


def test_a_copy_made_while_others_write_is_of_one_moment(filled: Store, tmp_path: Path) -> None:
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            both(filled, number)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            copies.backup(filled, tmp_path / f"copy{number}.db")
    finally:
        over.set()
        writer.join()
    counts = []
    for number in range(5):
        copy = Store(f"sqlite:///{tmp_path}/copy{number}.db")
        with copy.read() as conn:
            one = conn.execute(select(func.count()).select_from(files)).scalar_one()
            assert conn.execute(select(func.count()).select_from(set_aside)).scalar_one() == one
            assert conn.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
        assert copy.current() == copy.head()
        copy.close()
        counts.append(one)
    assert counts == sorted(counts)
    assert counts[-1] > 0


def test_a_copy_is_one_file_and_nothing_is_written_over(filled: Store, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    assert copies.backup(filled, folder / "copy.db") == (folder / "copy.db").stat().st_size
    assert [path.name for path in folder.iterdir()] == ["copy.db"]
    with pytest.raises(UsageError, match="is there already"):
        copies.backup(filled, folder / "copy.db")


def test_a_copy_takes_the_place_of_the_store_which_stays_beside_it(filled: Store, tmp_path: Path) -> None:
    copies.backup(filled, tmp_path / "copy.db")
    with filled.write() as conn:
        models.create(conn, "later", 1)
    assert filled.file is not None
    kept = put_back(filled, tmp_path / "copy.db")
    assert names(Path(filled.file)) == ["shop"]
    assert kept is not None
    assert names(kept) == ["later", "shop"]
    with filled.write() as conn:  # it is a store as before
        models.create(conn, "after", 1)
    assert names(Path(filled.file)) == ["after", "shop"]


def test_a_copy_can_be_put_where_no_store_is(filled: Store, tmp_path: Path) -> None:
    copies.backup(filled, tmp_path / "copy.db")
    elsewhere = Store(f"sqlite:///{tmp_path}/new.db")
    assert put_back(elsewhere, tmp_path / "copy.db") is None
    assert names(tmp_path / "new.db") == ["shop"]


def test_a_store_that_somebody_has_open_is_left_alone(filled: Store, tmp_path: Path) -> None:
    copies.backup(filled, tmp_path / "copy.db")
    other = Store(filled.address)
    with other.read() as conn:
        conn.execute(select(func.count()).select_from(files))
    with pytest.raises(Conflict, match="is in use: stop every driftglass process"):
        put_back(filled, tmp_path / "copy.db")
    other.close()
    assert put_back(filled, tmp_path / "copy.db") is not None


def test_a_store_that_was_served_a_moment_ago_is_left_alone(filled: Store, tmp_path: Path) -> None:
    copies.backup(filled, tmp_path / "copy.db")
    with filled.write() as conn:
        now_us = 4_000_000_000_000_000
        processes.seen(conn, Process("host:7:1", "worker", "1", now_us, now_us), 0)
    with pytest.raises(Conflict, match=r"in use.*\(host:7:1\)"):
        put_back(filled, tmp_path / "copy.db")
    assert not list(tmp_path.glob("*.part"))


def test_what_is_no_copy_is_refused(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but long enough to be looked at " * 50)
    with pytest.raises(UsageError, match="cannot be read as an SQLite file"):
        put_back(filled, tmp_path / "text")
    with closing(sqlite3.connect(tmp_path / "other.db")) as conn:
        conn.execute("CREATE TABLE mine (x)")
    with pytest.raises(UsageError, match="holds no tables of driftglass"):
        put_back(filled, tmp_path / "other.db")
    copies.backup(filled, tmp_path / "newer.db")
    with closing(sqlite3.connect(tmp_path / "newer.db")) as conn, conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UsageError, match="revision 9999, which this release does not know"):
        put_back(filled, tmp_path / "newer.db")
    copies.backup(filled, tmp_path / "damaged.db")
    with (tmp_path / "damaged.db").open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096 * 8)
    with pytest.raises(UsageError, match="damaged"):
        put_back(filled, tmp_path / "damaged.db")
    with pytest.raises(UsageError, match="there is no"):
        put_back(filled, tmp_path / "missing.db")
    assert filled.file is not None
    assert names(Path(filled.file)) == ["shop"]


def test_postgresql_has_tools_of_its_own(new_database: object, tmp_path: Path) -> None:
    store = Store(new_database("postgresql"))  # type: ignore[operator]
    with pytest.raises(UsageError, match="pg_dump"):
        copies.backup(store, tmp_path / "copy.db")
    with pytest.raises(UsageError, match="pg_restore"):
        put_back(store, tmp_path / "copy.db")
    store.close()
