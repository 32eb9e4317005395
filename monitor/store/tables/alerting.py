"""Alerts, their episodes, what people said of them, and what is sent."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
)

from monitor.store.tables.base import Key, metadata, model_key, state
from monitor.store.types import Text

alerts = Table(
    "alerts",
    metadata,
    Column("id", Key, primary_key=True),
    model_key(),
    Column("family", Text, nullable=False),
    *state("ok", "pending", "firing", "recovering"),
    Column("health", Text, nullable=False, server_default="fresh"),
    Column("episode_id", Key),
    Column("clean_windows", Integer, nullable=False, server_default="0"),
    Column("updated_us", BigInteger, nullable=False),
    Column("recent", BigInteger, nullable=False, server_default="0"),  # the last windows as bits, 1: a breach
    Column("seen_us", BigInteger),  # start of the last judged window
    Column(
        "transitions", Text, nullable=False, server_default="[]"
    ),  # JSON: windows since each, the latest first
    Column("flapping", Text, nullable=False, server_default="no"),  # no, new, told
    UniqueConstraint("model_id", "family"),
)

episodes = Table(
    "episodes",
    metadata,
    Column("id", Key, primary_key=True),
    model_key(),
    Column("family", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("since_us", BigInteger, nullable=False),  # start of the first window of the change, as estimated
    Column("opened_us", BigInteger, nullable=False),  # start of the window whose verdict opened it
    Column("last_us", BigInteger, nullable=False),  # start of the last window that still breached
    Column("closed_us", BigInteger),  # start of the window whose verdict closed it
    Column("close_reason", Text),
    Column("inhibited_by", Text),  # the family whose break explains this one
    Column("summary", Text, nullable=False),
    Column("attributes", Text, nullable=False),  # JSON: named series in order of weight, segments, terms
    Index("ix_episodes_model_opened", "model_id", "opened_us"),
)

episode_events = Table(
    "episode_events",
    metadata,
    Column("id", Key, primary_key=True),
    Column("episode_id", Key, ForeignKey("episodes.id"), nullable=False, index=True),
    Column("window_start_us", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("detail", Text, nullable=False),  # JSON
    Column("at_us", BigInteger, nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", Key, primary_key=True),
    Column("episode_id", Key, ForeignKey("episodes.id"), nullable=False, index=True),
    Column("window_start_us", BigInteger, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("label", Text, nullable=False),  # what the example shows: "mojibake", "de+tr", a term
    Column("excerpt", Text, nullable=False),  # redacted, at most 120 characters
    Column("repair", Text),  # what ftfy would make of it, redacted; null where it proposes nothing
    UniqueConstraint("episode_id", "event_id", "label"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Key, primary_key=True),
    Column("model_id", Key, ForeignKey("models.id"), nullable=False, index=True),
    Column("episode_id", Key, ForeignKey("episodes.id"), nullable=False),
    Column("verdict", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("from_us", BigInteger, nullable=False),  # start of the first window that it counts for
    Column("undone_from_us", BigInteger),  # start of the first window that it does not count for any more
    Column("undone_by", Text),
    Column("created_us", BigInteger, nullable=False),
    CheckConstraint("verdict IN ('expected', 'false-alarm')", name="verdict"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # the webhook-id: stable over retries
    model_key(),
    Column("channel", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),  # messages of one subject are sent in order
    Column("body", Text, nullable=False),  # frozen when written
    *state("pending", "sending", "sent", "dead"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("lease_until_us", BigInteger),
    Column("next_us", BigInteger, nullable=False),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("created_us", BigInteger, nullable=False),
    Column("sent_us", BigInteger),
    Column("episode_id", Key),  # of a notification; null for a retraining request
    Column("waits", Integer, nullable=False, server_default="0"),  # failures since its receiver was last well
    Index("ix_outbox_claim", "state", "next_us"),
    Index("ix_outbox_order", "channel", "subject", "id"),
)

# What is known of a channel's receiver, beside its messages; no row while it has never failed.
outlets = Table(
    "outlets",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("failing_since_us", BigInteger),
    Column("resume_us", BigInteger, nullable=False, server_default="0"),  # nothing is sent before
    Column("disabled_us", BigInteger),  # nothing is sent until somebody enables it
    Column("last_error", Text),
    Column("updated_us", BigInteger, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("outbox_id", Key, ForeignKey("outbox.id"), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("duration_ms", Float, nullable=False),
)
