"""`driftglass db`: tables that go up and down, copies that are made and put back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.monitor.commandline import Cli


def test_tables_go_up_and_down(cli: Cli, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    up = cli("db", "upgrade", "-d", url)
    assert (up.code, "at revision" in up.err) == (0, True)
    down = cli("db", "downgrade", "base", "-d", url)
    assert (down.code, down.err.strip().endswith("at revision base")) == (0, True)
    assert cli("db", "upgrade", "-d", url).err == up.err
    wrong = cli("db", "upgrade", "no-such-revision", "-d", url)
    assert wrong.code == 2
    assert "no-such-revision" in wrong.err


def test_tables_of_a_newer_version_are_left_alone(cli: Cli, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    cli("db", "upgrade", "-d", url)
    with closing(sqlite3.connect(tmp_path / "new.db")) as conn, conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    done = cli("status", "-d", url)
    assert done.code == 2
    assert "9999" in done.err


def test_a_store_is_copied_and_put_back(cli: Cli, new_database: Callable[..., str], tmp_path: Path) -> None:
    url, copy = new_database("sqlite"), tmp_path / "copy.db"
    made = cli("db", "backup", copy, "-d", url)
    assert (made.code, f"to {copy}" in made.err) == (0, True)
    assert cli("db", "backup", copy, "-d", url).code == 2
    back = cli("db", "restore", copy, "-d", url)
    assert back.code == 0
    assert ".before-" in back.err
    assert "still holds what people wrote: delete it" in back.err
    first = cli("db", "restore", copy, "-d", f"sqlite:///{tmp_path}/new.db")
    assert (first.code, "warning: there was no store here" in first.err) == (0, True)
    other = cli("db", "backup", tmp_path / "x", "-d", "postgresql://me:hunter2@db/x")
    assert (other.code, "pg_dump" in other.err) == (2, True)
    assert "hunter2" not in other.err
