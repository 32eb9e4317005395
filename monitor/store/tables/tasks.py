"""What somebody asked for that takes longer than a request: back-fills, dry runs, replays."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Table, text

from monitor.store.tables.base import Key, metadata, model_key, state
from monitor.store.types import Text

tasks = Table(
    "tasks",
    metadata,
    Column("id", Key, primary_key=True),
    model_key(),
    Column("kind", Text, nullable=False),
    Column("request", Text, nullable=False),  # JSON
    *state("queued", "running", "succeeded", "failed", "cancelled"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("owner", Text),
    Column("lease_until_us", BigInteger),
    Column("progress", Text, nullable=False),  # JSON {stage, done, total}
    Column("result", Text),  # JSON
    Column("error", Text),
    Column("author", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("started_us", BigInteger),
    Column("finished_us", BigInteger),
    CheckConstraint("kind IN ('back_fill', 'dry_run', 'replay')", name="kind"),
)

UNFINISHED = text("state IN ('queued', 'running')")
Index("ix_tasks_unfinished", tasks.c.id, sqlite_where=UNFINISHED, postgresql_where=UNFINISHED)
Index("ix_tasks_model_id_id", tasks.c.model_id, tasks.c.id)
