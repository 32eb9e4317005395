"""Alembic's entry point: runs on the connection that `Store.upgrade` hands over, inside its transaction.

A new revision is written by hand from `script.py.mako`; a test compares what it builds with tables.py.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from monitor.errors import UsageError
from monitor.store.tables import metadata


def run() -> None:
    """Run the revisions that Alembic chose; without a connection there is nothing to run them on."""
    connection = context.config.attributes.get("connection")
    if not isinstance(connection, Connection):
        raise UsageError(
            "migrations run through `driftglass db upgrade` (Store.upgrade), not the alembic command"
        )
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",  # SQLite alters a table by copying it
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
