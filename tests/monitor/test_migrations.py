"""A migrated database is what tables.py describes; forwards and back on both kinds, also with rows in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    CheckConstraint,
    Connection,
    Float,
    LargeBinary,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)

from monitor.store.engine import Store
from monitor.store.tables import metadata
from monitor.store.types import Text

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, new_database: Callable[..., str]) -> Iterator[Callable[[], Store]]:
    """Makes stores without tables, of one kind."""
    made: list[Store] = []

    def make() -> Store:
        made.append(Store(new_database(request.param, migrated=False)))
        return made[-1]

    yield make
    for store in made:
        store.close()


def schema(store: Store) -> dict[str, Any]:
    """Everything the database knows of our tables, in an order of its own."""
    with store.read() as conn:
        found = inspect(conn)
        tables = [name for name in found.get_table_names() if name != "alembic_version"]
        return {"indexes": _indexes(conn), **{name: _table(found, name) for name in tables}}


def _table(found: Any, name: str) -> dict[str, Any]:
    def by_name(constraints: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {constraint["name"]: constraint for constraint in constraints}

    return {
        "columns": {
            column["name"]: (str(column["type"]), column["nullable"], column["default"])
            for column in found.get_columns(name)
        },
        "primary": found.get_pk_constraint(name),
        "foreign": by_name(found.get_foreign_keys(name)),
        "unique": by_name(found.get_unique_constraints(name)),
        "checks": {
            name: re.sub(r"\s+", " ", check["sqltext"])
            for name, check in by_name(found.get_check_constraints(name)).items()
        },
    }


def _indexes(conn: Connection) -> dict[str, str]:
    """Index definitions as the database wrote them down: the condition of a partial index is in there."""
    query = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes"
        " WHERE schemaname = 'public' AND tablename != 'alembic_version'",
    }[conn.dialect.name]
    return {name: re.sub(r"\s+", " ", definition) for name, definition in conn.execute(text(query))}


def test_the_migrations_build_what_tables_py_describes(empty: Callable[[], Store]) -> None:
    migrated, described = empty(), empty()
    migrated.upgrade()
    with described.write() as conn:
        metadata.create_all(conn)
    wanted = schema(described)
    assert set(wanted) == {"indexes", *metadata.tables}
    assert schema(migrated) == wanted


def fill(store: Store) -> None:
    """One row in every table."""
    with store.write() as conn:
        for table in metadata.sorted_tables:
            conn.execute(insert(table).values(_row(table)))


def _row(table: Table) -> dict[str, object]:
    words: dict[str, str] = {}
    for check in (one for one in table.constraints if isinstance(one, CheckConstraint)):
        matched = re.match(r"(\w+) IN \('(\w+)'", str(check.sqltext))
        assert matched is not None
        words[matched[1]] = matched[2]
    return {column.name: words.get(column.name, _cell(column.type)) for column in table.columns}


def _cell(kind: object) -> object:
    if isinstance(kind, Text):
        return "1"
    if isinstance(kind, LargeBinary):
        return b"1"
    return 1.0 if isinstance(kind, Float) else 1


def test_forwards_back_and_forwards_again_with_rows_in_every_table(empty: Callable[[], Store]) -> None:
    store = empty()
    assert store.current() is None
    store.upgrade()
    assert store.current() == store.head()
    before = schema(store)
    fill(store)
    store.upgrade()  # nothing to do: the rows stay
    with store.read() as conn:
        counts = {
            name: conn.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }
    assert set(counts.values()) == {1}

    store.downgrade("base")
    assert store.current() is None
    assert schema(store) == {"indexes": {}}

    store.upgrade()
    assert schema(store) == before
    fill(store)


def test_a_failed_migration_leaves_nothing_behind(empty: Callable[[], Store]) -> None:
    store = empty()
    with store.write() as conn:
        conn.execute(text("CREATE TABLE triggers (mine INTEGER)"))  # the way of 0001 is blocked near its end
    with pytest.raises(Exception, match="already exists"):
        store.upgrade()
    assert store.current() is None
    assert set(schema(store)) == {"indexes", "triggers"}


@pytest.mark.slow
def test_an_installed_wheel_migrates_outside_the_repository(tmp_path: Path, store_url: str) -> None:
    wheel = _wheel(tmp_path)
    python = _environment(tmp_path / "venv")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    _run([*pip, str(wheel)], tmp_path)

    store = Store(store_url)
    store.downgrade("base")
    where = "import migrations, monitor; print(monitor.__file__, migrations.__file__)"
    imported = _run([str(python), "-c", where], tmp_path).split()
    assert all(Path(path).is_relative_to(tmp_path / "venv") for path in imported)

    _run([str(python.parent / "driftglass"), "db", "upgrade", "--database", store_url], tmp_path)
    assert store.current() == store.head()
    store.close()


def _run(command: list[str], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _wheel(folder: Path) -> Path:
    """The wheel of this tree, built without a network from a copy of what belongs to it."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("checks", "migrations", "monitor"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(source),
    ]
    _run(command, folder)
    (built,) = folder.glob("*.whl")
    return built


def _environment(folder: Path) -> Path:
    """A virtual environment that sees the installed libraries but not the repository."""
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], folder.parent)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A folder that a .pth file names is searched, but not its own .pth files, among them the repository's.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"
