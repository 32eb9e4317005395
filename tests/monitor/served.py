"""Fixtures over one seeded store per module and database, and a client that speaks ASGI without a socket."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from monitor.api import create_app
from monitor.clock import SimulatedClock
from monitor.store.engine import Store
from tests.monitor.seeded import NOW, Seeded, seed

_numbers = itertools.count()


class Client:
    """Synchronous requests to an application; an exception that leaves it becomes a test failure."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, url, **options)

        return asyncio.run(ask())

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def pages(self, url: str) -> Iterator[list[Any]]:
        """Every page of a list, by its cursors."""
        joint = "&" if "?" in url else "?"
        cursor = ""
        while True:
            body = self.get(url + (f"{joint}cursor={cursor}" if cursor else "")).json()
            yield body["items"]
            cursor = body["next"]
            if cursor is None:
                return


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, Seeded]]:
    """A seeded store and its keys. Tests of a module share it: they may only read."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("seeded") / "store.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        server: str = request.getfixturevalue("postgres_server")
        template = request.getfixturevalue("postgres_template")
        name = f"seeded{next(_numbers)}"
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        url = server.rsplit("/", 1)[0] + f"/{name}"
    store = Store(url)
    yield store, seed(store)
    store.close()


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Store, Seeded]]:
    """The same on SQLite alone, for what does not depend on the database."""
    path = tmp_path_factory.mktemp("seeded") / "store.db"
    shutil.copyfile(sqlite_template, path)
    store = Store(f"sqlite:///{path}")
    yield store, seed(store)
    store.close()


def client_of(store: Store, stuck: Sequence[str] = ()) -> Client:
    return Client(create_app(store, SimulatedClock(NOW), ticking=lambda: stuck))


@pytest.fixture(scope="module")
def client(filled: tuple[Store, Seeded]) -> Client:
    return client_of(filled[0])


@pytest.fixture(scope="module")
def keys(filled: tuple[Store, Seeded]) -> Seeded:
    return filled[1]
