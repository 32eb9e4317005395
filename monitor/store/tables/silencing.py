"""What people are told of episodes, and what they said to that: acknowledgements, snoozes, silences."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table

from monitor.store.tables.base import Key, metadata
from monitor.store.types import Text

# One row per episode, written with it.
tellings = Table(
    "tellings",
    metadata,
    Column("episode_id", Key, ForeignKey("episodes.id"), primary_key=True),
    Column("model_id", Key, ForeignKey("models.id"), nullable=False),
    Column("told", Text, nullable=False),  # JSON: `alerts.telling.Told`
    Column("channels", Text, nullable=False),  # JSON list: who was told that it is open
    Column("told_us", BigInteger),  # when it was told first
    Column("lead_id", Key),  # the episode with which it was told, of many at once
    Column("held_us", BigInteger),  # since when it waits because too many opened at once
    Column(
        "waits", Integer, nullable=False
    ),  # 0: nothing is held, 1: until a window or `until_us`, 2: look now
    Column(
        "until_us", BigInteger
    ),  # when an acknowledgement, a snooze, or the silence that holds it runs out
    Column("revision", Integer, nullable=False),
    Index("ix_tellings_waits", "waits", "until_us"),
    Index("ix_tellings_model_id", "model_id"),
)

silences = Table(
    "silences",
    metadata,
    Column("id", Key, primary_key=True),
    # What it is about; null matches everything. A model may end in "*".
    Column("model", Text),
    Column("family", Text),
    Column("segment", Text),
    Column("severity", Text),
    Column("author", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("starts_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("ix_silences_expires_us", "expires_us"),
)
