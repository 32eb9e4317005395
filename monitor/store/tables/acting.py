"""Retraining, and the record of what was done."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, UniqueConstraint, text

from monitor.store.tables.base import Key, metadata, model_key, state
from monitor.store.types import Text

triggers = Table(
    "triggers",
    metadata,
    Column("id", Text, primary_key=True),
    model_key(),
    Column("episode_id", Key, ForeignKey("episodes.id"), nullable=False),
    *state(
        "proposed",
        "vetoed",
        "awaiting_approval",
        "rejected",
        "expired",
        "requested",
        "dispatched",
        "accepted",
        "running",
        "succeeded",
        "failed",
        "timed_out",
        "cancelled",
        "unknown",
    ),
    Column("reason", Text, nullable=False),  # one plain sentence
    Column("guards", Text, nullable=False),  # JSON list of {guard, passed, reason}
    Column("request", Text, nullable=False),  # JSON: reasons, windows, exclusions
    Column("window_start_us", BigInteger, nullable=False),
    Column("external_run_id", Text),
    Column("callback_sha256", Text),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    UniqueConstraint("model_id", "episode_id"),
)

# At most one trigger of a model is in flight; the database says so, not the code.
IN_FLIGHT = text("state IN ('requested', 'dispatched', 'accepted', 'running', 'unknown')")
Index(
    "uq_triggers_in_flight",
    triggers.c.model_id,
    unique=True,
    sqlite_where=IN_FLIGHT,
    postgresql_where=IN_FLIGHT,
)

trigger_events = Table(
    "trigger_events",
    metadata,
    Column("id", Key, primary_key=True),
    Column("trigger_id", Text, ForeignKey("triggers.id"), nullable=False, index=True),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("detail", Text, nullable=False),  # JSON
    Column("at_us", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Key, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("payload", Text, nullable=False),  # JSON; never holds text of a message
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
