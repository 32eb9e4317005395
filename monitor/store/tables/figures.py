"""What was measured of each window, what was judged of it, and the sequences between."""

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
)

from monitor.store.tables.base import Key, metadata, model_key
from monitor.store.types import Text

series = Table(
    "series",
    metadata,
    Column("id", Key, primary_key=True),
    model_key(),
    Column("metric", Text, nullable=False),
    Column("column", Text, nullable=False),
    Column("segment", Text, nullable=False),
    Column("term", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("family", Text, nullable=False),
    UniqueConstraint("model_id", "metric", "column", "segment", "term"),
)

measurements = Table(
    "measurements",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("window_start_us", BigInteger, primary_key=True),
    Column("series_id", Key, ForeignKey("series.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("n", Float, nullable=False),
    Column("value", Float),  # null where undefined
    Column("low", Float),
    Column("high", Float),
    Column("expected", Float),
    Column("expected_low", Float),
    Column("expected_high", Float),
    Index("ix_measurements_series", "series_id", "window_start_us"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("window_start_us", BigInteger, primary_key=True),
    Column("series_id", Key, ForeignKey("series.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("status", Text, nullable=False),
    Column("z", Float),
    Column("p", Float),
    Column("effect", Float),
    Column("cusum", Float),
    Column("threshold", Float),
    Column("baseline_id", Key, nullable=False),
    Column("provisional", Integer, nullable=False),
    CheckConstraint(
        "status IN ('ok', 'notable', 'breach', 'insufficient', 'learning', 'error')", name="status"
    ),
)

sequences = Table(
    "sequences",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("window_start_us", BigInteger, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # the sequential state *after* this window
    Column("context", Text),  # JSON: what else the judgement depended on (judging.Context)
)
