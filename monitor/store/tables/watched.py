"""What is watched: models, their contracts, plans and baselines, and how far their sources were read."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Table, UniqueConstraint

from monitor.store.tables.base import Key, metadata, model_key, state
from monitor.store.types import Text

models = Table(
    "models",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    *state("learning", "provisional", "live"),
    Column("contract_id", Key),
    Column("plan_id", Text),
    Column("baseline_id", Key),
    Column("materialised_until_us", BigInteger),
    Column("created_us", BigInteger, nullable=False),
    Column("paused_us", BigInteger),  # since when nothing of it is read, measured or judged
)

contracts = Table(
    "contracts",
    metadata,
    Column("id", Key, primary_key=True),
    model_key(),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("base_path", Text, nullable=False),  # relative source paths start here
    Column("author", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    UniqueConstraint("model_id", "version"),
)

plans = Table(
    "plans",
    metadata,
    # Two models with equal columns and data learn the same plan: the key names both.
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("plan_id", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # {name: kind}, to be read without decoding the body; null where an earlier release learnt it.
    Column("columns", Text),
)

baselines = Table(
    "baselines",
    metadata,
    Column("id", Key, primary_key=True),
    model_key(),
    Column("plan_id", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("reference", Text, nullable=False),  # JSON: from_us, to_us, windows, blocks, missing
    Column("body", LargeBinary, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    UniqueConstraint("model_id", "sha256"),
)

successions = Table(
    "successions",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("from_us", BigInteger, primary_key=True),  # start of the first window that it judges
    Column("baseline_id", Key, ForeignKey("baselines.id"), nullable=False),
    Column("fitted", Text, nullable=False),  # JSON: the windows it was fitted to (rebasing.Fitted)
    Column("reason", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("position", Text, nullable=False),  # JSON: the source's own keyset position
    Column("updated_us", BigInteger, nullable=False),
)

manifest = Table(
    "manifest",
    metadata,
    Column("id", Key, primary_key=True),
    model_key(),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("etag", Text, nullable=False),
    *state("read", "failed"),
    Column("rows", BigInteger, nullable=False),
    Column("error", Text),
    Column("read_us", BigInteger, nullable=False),
    UniqueConstraint("model_id", "path", "etag"),
)
