"""The tables. Times are integer microseconds UTC (`*_us`); JSON is text with sorted keys; a state
is a checked word.

Migrations under `migrations/versions` build the same schema; a test compares the two on both databases.
"""

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
    MetaData,
    Table,
    UniqueConstraint,
    text,
)
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


def _model() -> Column[int]:
    return Column("model_id", Key, ForeignKey("models.id"), nullable=False)


def _state(*words: str) -> list[Column[str] | CheckConstraint]:
    allowed = ", ".join(f"'{word}'" for word in words)
    return [Column("state", Text, nullable=False), CheckConstraint(f"state IN ({allowed})", name="state")]


models = Table(
    "models",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    *_state("learning", "provisional", "live"),
    Column("contract_id", Key),
    Column("plan_id", Text),
    Column("baseline_id", Key),
    Column("materialised_until_us", BigInteger),
    Column("created_us", BigInteger, nullable=False),
)

contracts = Table(
    "contracts",
    metadata,
    Column("id", Key, primary_key=True),
    _model(),
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
)

baselines = Table(
    "baselines",
    metadata,
    Column("id", Key, primary_key=True),
    _model(),
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
    _model(),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("etag", Text, nullable=False),
    *_state("read", "failed"),
    Column("rows", BigInteger, nullable=False),
    Column("error", Text),
    Column("read_us", BigInteger, nullable=False),
    UniqueConstraint("model_id", "path", "etag"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Key, primary_key=True),
    _model(),
    Column("kind", Text, nullable=False),
    Column("window_start_us", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    *_state("queued", "running", "succeeded", "failed", "dead", "superseded"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
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

windows = Table(
    "windows",
    metadata,
    Column("model_id", Key, ForeignKey("models.id"), primary_key=True),
    Column("start_us", BigInteger, primary_key=True),
    Column("end_us", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False, server_default="0"),
    *_state("open", "measured", "judged", "reference", "error"),
    Column("records", BigInteger, nullable=False, server_default="0"),
    Column("duplicates", BigInteger, nullable=False, server_default="0"),
    Column("quarantined", BigInteger, nullable=False, server_default="0"),
    Column("source_count", BigInteger),  # what the source said when it was probed by count
    Column("measured_us", BigInteger),
    Column("judged_us", BigInteger),
)

parts = Table(
    "parts",
    metadata,
    Column("id", Key, primary_key=True),
    _model(),
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
    _model(),
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
    _model(),
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

series = Table(
    "series",
    metadata,
    Column("id", Key, primary_key=True),
    _model(),
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

alerts = Table(
    "alerts",
    metadata,
    Column("id", Key, primary_key=True),
    _model(),
    Column("family", Text, nullable=False),
    *_state("ok", "pending", "firing", "recovering"),
    Column("health", Text, nullable=False, server_default="fresh"),
    Column("episode_id", Key),
    Column("clean_windows", Integer, nullable=False, server_default="0"),
    Column("updated_us", BigInteger, nullable=False),
    UniqueConstraint("model_id", "family"),
)

episodes = Table(
    "episodes",
    metadata,
    Column("id", Key, primary_key=True),
    _model(),
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

outbox = Table(
    "outbox",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # the webhook-id: stable over retries
    _model(),
    Column("channel", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),  # messages of one subject are sent in order
    Column("body", Text, nullable=False),  # frozen when written
    *_state("pending", "sending", "sent", "dead"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("lease_until_us", BigInteger),
    Column("next_us", BigInteger, nullable=False),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("created_us", BigInteger, nullable=False),
    Column("sent_us", BigInteger),
    Index("ix_outbox_claim", "state", "next_us"),
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

triggers = Table(
    "triggers",
    metadata,
    Column("id", Text, primary_key=True),
    _model(),
    Column("episode_id", Key, ForeignKey("episodes.id"), nullable=False),
    *_state(
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
