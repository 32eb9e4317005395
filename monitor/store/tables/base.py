"""What all tables share: their metadata, keys, and checked words."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, MetaData
from sqlalchemy.dialects import sqlite

from monitor.store.types import Text

# SQLite gives an automatic key only to INTEGER; PostgreSQL needs 64 bits.
Key = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def model_key() -> Column[int]:
    return Column("model_id", Key, ForeignKey("models.id"), nullable=False)


def state(*words: str) -> list[Column[str] | CheckConstraint]:
    allowed = ", ".join(f"'{word}'" for word in words)
    return [Column("state", Text, nullable=False), CheckConstraint(f"state IN ({allowed})", name="state")]
