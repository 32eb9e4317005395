"""Who may call: keys, the sessions of browsers, and the answers that are kept for repeated requests."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, text

from monitor.store.tables.base import metadata
from monitor.store.types import Text

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),  # the public part of the key
    Column("name", Text, nullable=False),  # the author in the audit log
    Column("sha256", Text, nullable=False),  # of the secret, which is not kept
    Column("scopes", Text, nullable=False),  # JSON list
    Column("models", Text, nullable=False),  # JSON list of names; empty: every model
    Column("created_us", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    Column("revoked_by", Text),
    Column("used_us", BigInteger),  # to the minute
)

# Names are what people read in the audit log: of the keys that are not revoked no two share one.
NOT_REVOKED = text("revoked_us IS NULL")
Index(
    "uq_api_keys_name", api_keys.c.name, unique=True, sqlite_where=NOT_REVOKED, postgresql_where=NOT_REVOKED
)

sessions = Table(
    "sessions",
    metadata,
    Column("sha256", Text, primary_key=True),  # of the token in the cookie
    Column("key_id", Text, ForeignKey("api_keys.id"), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False, index=True),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("principal", Text, primary_key=True),
    Column("route", Text, primary_key=True),  # method and path
    Column("key", Text, primary_key=True),
    Column("body_sha256", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),  # JSON
    Column("body", LargeBinary, nullable=False),
    Column("created_us", BigInteger, nullable=False, index=True),
)
