"""Fixtures for everybody: a migrated store, on SQLite and on PostgreSQL.

A test that takes `store` runs twice. `store_url` is for what opens the database itself: a command, a child.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from monitor.store.engine import Store
from tests import postgres

_numbers = itertools.count()


def missing(what: str) -> None:
    """Skip a test because this machine lacks something; with CI=true nothing may be lacking."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, and {what}")
    pytest.skip(what)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of the database `postgres` of a private server: one per test process."""
    folder = postgres.binaries()
    if folder is None:
        missing("no PostgreSQL server is installed (apt-get install postgresql)")
        return
    with postgres.server(folder) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """A migrated database to copy; copying costs a tenth of migrating."""
    url = _new_database(postgres_server, "template_driftglass", "template1")
    store = Store(url)
    store.upgrade()
    store.close()
    return "template_driftglass"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    store = Store(f"sqlite:///{path}")
    store.upgrade()
    store.close()  # the last connection folds the write-ahead log into the file
    return path


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """`new_database("sqlite" or "postgresql", migrated=True)`: the URL of a database for this test alone."""
    made: list[str] = []

    def make(kind: str, *, migrated: bool = True) -> str:
        if kind == "sqlite":
            path = tmp_path / f"store{next(_numbers)}.db"
            if migrated:
                shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
            return f"sqlite:///{path}"
        server: str = request.getfixturevalue("postgres_server")
        template = request.getfixturevalue("postgres_template") if migrated else "template1"
        name = f"test{next(_numbers)}"
        made.append(name)
        return _new_database(server, name, template)

    yield make
    if made:
        with psycopg.connect(request.getfixturevalue("postgres_server"), autocommit=True) as admin:
            for name in made:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, new_database: Callable[..., str]) -> str:
    """The URL of a fresh, migrated database; the test runs once on each kind."""
    return new_database(request.param)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A fresh, migrated store; the test runs once on each kind of database."""
    opened = Store(store_url)
    yield opened
    opened.close()


def _new_database(server: str, name: str, template: str) -> str:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return server.rsplit("/", 1)[0] + f"/{name}"
