"""Opening the store that a command works on; at the end of its block it is closed, whatever happened.

Everything heavy is loaded when a store is opened: the command line is put together without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import typer

from monitor.errors import NoModelYet

if TYPE_CHECKING:
    from monitor.app import App
    from monitor.settings import Settings
    from monitor.store.engine import Store


def settings_with(database: str | None) -> Settings:
    """The settings, with the store that the command names if it names one."""
    from monitor.settings import load_settings

    settings = load_settings()
    return settings if database is None else settings.model_copy(update={"database_url": database})


def store_at(database: str | None) -> Store:
    """The store that a command names, else that of the settings. Connects to nothing; the caller closes it."""
    from monitor.settings import load_settings
    from monitor.store.engine import Store

    return Store(database or load_settings().database_url)


@contextmanager
def existing_store(database: str | None) -> Iterator[Store]:
    """A store, its tables brought up to date. NotFound for an SQLite file that is not there: none is made."""
    from monitor.store import existing

    with closing(store_at(database)) as store:
        existing.require(store)
        store.upgrade()
        yield store


@contextmanager
def store_with_models(database: str | None) -> Iterator[Store]:
    """A store in which a model is watched, its tables brought up to date.

    NoModelYet while there is none; an SQLite file that is not there is not made.
    """
    with closing(store_at(database)) as store:
        if not _has_models(store):
            raise NoModelYet(
                f"no model is watched yet in {store.shown}: driftglass init FILE, then driftglass run"
            )
        yield store


def _has_models(store: Store) -> bool:
    from monitor.store import existing, models

    if existing.missing(store) is not None:
        return False
    store.upgrade()
    with store.read() as conn:
        return bool(models.everyone(conn))


@contextmanager
def or_empty(empty: object, *, as_json: bool) -> Iterator[None]:
    """Around `store_with_models`: while no model is watched, says so and leaves the block out; programs get `empty`."""
    try:
        yield
    except NoModelYet as nothing:
        from monitor.terminal import print_json

        typer.echo(f"driftglass: {nothing}", err=True)
        if as_json:
            print_json(empty)


@contextmanager
def opened(database: str | None, *, make: bool = False) -> Iterator[App]:
    """Everything that a command may ask for, over the store it names. NotFound without one, unless it may make one."""
    from monitor.app import App
    from monitor.store import existing
    from monitor.store.engine import Store

    settings = settings_with(database)
    if not make:
        existing.require(Store(settings.database_url))
    app = App.open(settings)
    try:
        yield app
    finally:
        app.store.close()
