"""What is done now and then for the whole installation, and which records were erased."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Table

from monitor.store.tables.base import Key, metadata
from monitor.store.types import Text

chores = Table(
    "chores",
    metadata,
    Column("name", Text, primary_key=True),  # "house", "canary", "heartbeat"
    Column("done_us", BigInteger, nullable=False),  # when it was last begun: replicas take turns by it
    Column("body", Text, nullable=False),  # JSON: what came of it
)

# Of an erased record only this is left: a record of that id is not kept again.
erasures = Table(
    "erasures",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("id_sha256", Text, primary_key=True),
    Column("erased_us", BigInteger, nullable=False),
)
