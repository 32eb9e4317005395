"""Labels that come late, and how well the model did."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Table

from monitor.store.tables.base import Key, metadata
from monitor.store.types import Text

labels = Table(
    "labels",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("labelled_us", BigInteger, primary_key=True),  # the newest of an event counts
    Column("label", Text, nullable=False),
    Column("seen_us", BigInteger, nullable=False),  # when it was read
)

label_cursors = Table(
    "label_cursors",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column(
        "position", Text, nullable=False
    ),  # JSON: the source's keyset position, and the files that were read
    Column("updated_us", BigInteger, nullable=False),
)

performance = Table(
    "performance",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("window_start_us", BigInteger, primary_key=True),
    Column("body", Text, nullable=False),  # JSON: what the detectors held *after* this window
)

performance_references = Table(
    "performance_references",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("baseline_id", Key, primary_key=True),
    Column("body", Text, nullable=False),  # JSON: risk at release, calibrations
    Column("created_us", BigInteger, nullable=False),
)
