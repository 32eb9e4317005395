"""Runs, windows, what was counted and kept of each window, and the processes that work on them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
    text,
)

from monitor.store.tables.base import Key, metadata, model_key, state
from monitor.store.types import Text

runs = Table(
    "runs",
    metadata,
    Column("id", Key, primary_key=True),
    model_key(),
    Column("kind", Text, nullable=False),
    Column("window_start_us", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    *state("queued", "running", "succeeded", "failed", "dead", "superseded"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("crashes", Integer, nullable=False, server_default="0"),  # times that it took its process along
    Column("owner", Text),
    Column("lease_until_us", BigInteger),
    Column("available_us", BigInteger, nullable=False),
    Column("started_us", BigInteger),
    Column("finished_us", BigInteger),
    Column("error", Text),
    CheckConstraint("kind IN ('read', 'measure', 'judge')", name="kind"),
    UniqueConstraint("model_id", "kind", "window_start_us", "revision"),
)

# Claiming looks only at runs that are not over: two indexes that stay small while the history grows.
UNFINISHED = text("state IN ('queued', 'running', 'failed')")
Index(
    "ix_runs_due",
    runs.c.available_us,
    runs.c.window_start_us,
    runs.c.id,
    sqlite_where=UNFINISHED,
    postgresql_where=UNFINISHED,
)
Index(
    "ix_runs_unfinished",
    runs.c.model_id,
    runs.c.kind,
    runs.c.window_start_us,
    sqlite_where=UNFINISHED,
    postgresql_where=UNFINISHED,
)

# The runs in hand are few: whose lease ran out is asked at every claim.
RUNNING = text("state = 'running'")
Index("ix_runs_running", runs.c.lease_until_us, sqlite_where=RUNNING, postgresql_where=RUNNING)

windows = Table(
    "windows",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("start_us", BigInteger, primary_key=True),
    Column("end_us", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False, server_default="0"),
    *state("open", "measured", "judged", "reference", "error", "skipped"),
    Column("records", BigInteger, nullable=False, server_default="0"),
    Column("duplicates", BigInteger, nullable=False, server_default="0"),
    Column("quarantined", BigInteger, nullable=False, server_default="0"),
    Column("source_count", BigInteger),  # what the source said when it was probed by count
    Column("measured_us", BigInteger),
    Column("judged_us", BigInteger),
    Column("reason", Text),  # why it was skipped
)

parts = Table(
    "parts",
    metadata,
    Column("id", Key, primary_key=True),
    model_key(),
    Column("plan_id", Text, nullable=False),
    Column("window_start_us", BigInteger, nullable=False),
    Column("piece", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("event_hashes", LargeBinary),  # see parts.pack; dropped once the horizon has passed
    Column("created_us", BigInteger, nullable=False),
    UniqueConstraint("model_id", "plan_id", "window_start_us", "piece"),
    Index("ix_parts_model_id_piece", "model_id", "piece"),  # was this piece kept?
)

samples = Table(
    "samples",
    metadata,
    Column("id", Key, primary_key=True),
    model_key(),
    Column("window_start_us", BigInteger, nullable=False),
    Column("stratum", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("event_us", BigInteger, nullable=False),
    Column("rank", Float, nullable=False),  # hash(salt, model, event id) / 2^64: the bottom k are kept
    Column("inclusion_probability", Float, nullable=False),
    Column("text", Text),
    Column("prediction", Text),
    Column("score", Float),
    Column("version", Text),
    Column("segments", Text, nullable=False),  # JSON object
    Column("features", Text, nullable=False),  # JSON object
    Column("flags", Text, nullable=False),  # JSON object: language, second, encoding [..], evasion [..]
    UniqueConstraint("model_id", "window_start_us", "event_id"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Key, primary_key=True),
    model_key(),
    Column("window_start_us", BigInteger),
    Column("piece", Text, nullable=False),
    Column("place", Text, nullable=False),  # "line 17", "row 204"
    Column("reason", Text, nullable=False),
    Column("column", Text, nullable=False, server_default=""),  # "": the whole record
    Column("detail", Text, nullable=False),
    Column("counted", Integer, nullable=False),  # 1: the record still counts, only this cell is set aside
    Column("raw", LargeBinary),  # at most 2,048 bytes of evidence
    Column("created_us", BigInteger, nullable=False),
    UniqueConstraint("model_id", "piece", "place", "reason", "column"),
)

processes = Table(
    "processes",
    metadata,
    Column("name", Text, primary_key=True),  # host:pid:start
    Column("role", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("seen_us", BigInteger, nullable=False),
    CheckConstraint("role IN ('all', 'api', 'worker')", name="role"),
)
