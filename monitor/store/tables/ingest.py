"""What was pushed and waits to be read: batches as they came, and halves of inferences."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Table

from monitor.store.tables.base import Key, metadata
from monitor.store.types import Text

inboxes = Table(
    "inboxes",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    # Whoever adds a batch counts this up first: the row lock puts batches in order of their commits.
    Column("last_number", BigInteger, nullable=False, server_default="0"),
    Column("records", BigInteger, nullable=False, server_default="0"),  # that are in the inbox now
    Column("bytes", BigInteger, nullable=False, server_default="0"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("received_us", BigInteger, nullable=False),
    Column("records", Integer, nullable=False),
    Column("first_us", BigInteger, nullable=False),  # event times of its records
    Column("last_us", BigInteger, nullable=False),
    Column(
        "body", LargeBinary, nullable=False
    ),  # a JSON object per line, as it came: text is not redacted here
    Column("ids", LargeBinary, nullable=False),  # see inbox.pack: hashes of event ids and of contents
)

inference_halves = Table(
    "inference_halves",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("half", Text, primary_key=True),
    Column("received_us", BigInteger, nullable=False),
    Column("event_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    CheckConstraint("half IN ('request', 'response')", name="half"),
    Index("ix_inference_halves_model_id_received_us", "model_id", "received_us"),
)
