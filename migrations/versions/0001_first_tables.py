"""The first tables.

Revision: 0001, the first
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", KEY, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_table(
        "models",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("contract_id", KEY, nullable=True),
        sa.Column("plan_id", sa.Text(), nullable=True),
        sa.Column("baseline_id", KEY, nullable=True),
        sa.Column("materialised_until_us", sa.BigInteger(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('learning', 'provisional', 'live')", name=op.f("ck_models_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("name", name=op.f("uq_models_name")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("health", sa.Text(), server_default="fresh", nullable=False),
        sa.Column("episode_id", KEY, nullable=True),
        sa.Column("clean_windows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('ok', 'pending', 'firing', 'recovering')", name=op.f("ck_alerts_state")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_alerts_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("model_id", "family", name=op.f("uq_alerts_model_id_family")),
    )
    op.create_table(
        "baselines",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_baselines_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_baselines")),
        sa.UniqueConstraint("model_id", "sha256", name=op.f("uq_baselines_model_id_sha256")),
    )
    op.create_table(
        "contracts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("base_path", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_contracts_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contracts")),
        sa.UniqueConstraint("model_id", "version", name=op.f("uq_contracts_model_id_version")),
    )
    op.create_table(
        "cursors",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_cursors_model_id")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_cursors")),
    )
    op.create_table(
        "episodes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("opened_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.Column("closed_us", sa.BigInteger(), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.Column("inhibited_by", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_episodes_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_episodes")),
    )
    op.create_index("ix_episodes_model_opened", "episodes", ["model_id", "opened_us"], unique=False)
    op.create_table(
        "manifest",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("read_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('read', 'failed')", name=op.f("ck_manifest_state")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_manifest_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manifest")),
        sa.UniqueConstraint("model_id", "path", "etag", name=op.f("uq_manifest_model_id_path_etag")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_until_us", sa.BigInteger(), nullable=True),
        sa.Column("next_us", sa.BigInteger(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("sent_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'sending', 'sent', 'dead')", name=op.f("ck_outbox_state")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_outbox_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    op.create_index("ix_outbox_claim", "outbox", ["state", "next_us"], unique=False)
    op.create_table(
        "parts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("window_start_us", sa.BigInteger(), nullable=False),
        sa.Column("piece", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("event_hashes", sa.LargeBinary(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_parts_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parts")),
        sa.UniqueConstraint(
            "model_id",
            "plan_id",
            "window_start_us",
            "piece",
            name=op.f("uq_parts_model_id_plan_id_window_start_us_piece"),
        ),
    )
    op.create_index("ix_parts_model_id_piece", "parts", ["model_id", "piece"], unique=False)
    op.create_table(
        "plans",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_plans_model_id")),
        sa.PrimaryKeyConstraint("model_id", "plan_id", name=op.f("pk_plans")),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("window_start_us", sa.BigInteger(), nullable=True),
        sa.Column("piece", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("column", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_quarantine_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint(
            "model_id",
            "piece",
            "place",
            "reason",
            "column",
            name=op.f("uq_quarantine_model_id_piece_place_reason_column"),
        ),
    )
    op.create_table(
        "runs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("window_start_us", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until_us", sa.BigInteger(), nullable=True),
        sa.Column("available_us", sa.BigInteger(), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=True),
        sa.Column("finished_us", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('read', 'measure', 'judge')", name=op.f("ck_runs_kind")),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'dead', 'superseded')",
            name=op.f("ck_runs_state"),
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_runs_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint(
            "model_id",
            "kind",
            "window_start_us",
            "revision",
            name=op.f("uq_runs_model_id_kind_window_start_us_revision"),
        ),
    )
    op.create_index(
        "ix_runs_due",
        "runs",
        ["available_us", "window_start_us", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'running', 'failed')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'failed')"),
    )
    op.create_index(
        "ix_runs_unfinished",
        "runs",
        ["model_id", "kind", "window_start_us"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'running', 'failed')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'failed')"),
    )
    op.create_table(
        "samples",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("window_start_us", sa.BigInteger(), nullable=False),
        sa.Column("stratum", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("event_us", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Float(), nullable=False),
        sa.Column("inclusion_probability", sa.Float(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("prediction", sa.Text(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("segments", sa.Text(), nullable=False),
        sa.Column("features", sa.Text(), nullable=False),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_samples_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_samples")),
        sa.UniqueConstraint(
            "model_id",
            "window_start_us",
            "event_id",
            name=op.f("uq_samples_model_id_window_start_us_event_id"),
        ),
    )
    op.create_table(
        "sequences",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("window_start_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_sequences_model_id")),
        sa.PrimaryKeyConstraint("model_id", "window_start_us", name=op.f("pk_sequences")),
    )
    op.create_table(
        "series",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("column", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_series_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint(
            "model_id",
            "metric",
            "column",
            "segment",
            "term",
            name=op.f("uq_series_model_id_metric_column_segment_term"),
        ),
    )
    op.create_table(
        "windows",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("records", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duplicates", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("quarantined", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("source_count", sa.BigInteger(), nullable=True),
        sa.Column("measured_us", sa.BigInteger(), nullable=True),
        sa.Column("judged_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'measured', 'judged', 'reference', 'error')", name=op.f("ck_windows_state")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_windows_model_id")),
        sa.PrimaryKeyConstraint("model_id", "start_us", name=op.f("pk_windows")),
    )
    op.create_table(
        "attempts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("outbox_id", KEY, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_attempts_outbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index(op.f("ix_attempts_outbox_id"), "attempts", ["outbox_id"], unique=False)
    op.create_table(
        "episode_events",
        sa.Column("id", KEY, nullable=False),
        sa.Column("episode_id", KEY, nullable=False),
        sa.Column("window_start_us", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["episodes.id"], name=op.f("fk_episode_events_episode_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_episode_events")),
    )
    op.create_index(op.f("ix_episode_events_episode_id"), "episode_events", ["episode_id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("id", KEY, nullable=False),
        sa.Column("episode_id", KEY, nullable=False),
        sa.Column("window_start_us", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["episodes.id"], name=op.f("fk_evidence_episode_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        sa.UniqueConstraint(
            "episode_id", "event_id", "label", name=op.f("uq_evidence_episode_id_event_id_label")
        ),
    )
    op.create_index(op.f("ix_evidence_episode_id"), "evidence", ["episode_id"], unique=False)
    op.create_table(
        "measurements",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("window_start_us", sa.BigInteger(), nullable=False),
        sa.Column("series_id", KEY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("n", sa.Float(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("expected", sa.Float(), nullable=True),
        sa.Column("expected_low", sa.Float(), nullable=True),
        sa.Column("expected_high", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_measurements_model_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_measurements_series_id")),
        sa.PrimaryKeyConstraint(
            "model_id", "window_start_us", "series_id", "revision", name=op.f("pk_measurements")
        ),
    )
    op.create_index("ix_measurements_series", "measurements", ["series_id", "window_start_us"], unique=False)
    op.create_table(
        "triggers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("episode_id", KEY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("guards", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("window_start_us", sa.BigInteger(), nullable=False),
        sa.Column("external_run_id", sa.Text(), nullable=True),
        sa.Column("callback_sha256", sa.Text(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('proposed', 'vetoed', 'awaiting_approval', 'rejected', 'expired', "
            "'requested', 'dispatched', 'accepted', 'running', 'succeeded', "
            "'failed', 'timed_out', 'cancelled', 'unknown')",
            name=op.f("ck_triggers_state"),
        ),
        sa.ForeignKeyConstraint(["episode_id"], ["episodes.id"], name=op.f("fk_triggers_episode_id")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_triggers_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triggers")),
        sa.UniqueConstraint("model_id", "episode_id", name=op.f("uq_triggers_model_id_episode_id")),
    )
    op.create_index(
        "uq_triggers_in_flight",
        "triggers",
        ["model_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('requested', 'dispatched', 'accepted', 'running', 'unknown')"),
        postgresql_where=sa.text("state IN ('requested', 'dispatched', 'accepted', 'running', 'unknown')"),
    )
    op.create_table(
        "verdicts",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("window_start_us", sa.BigInteger(), nullable=False),
        sa.Column("series_id", KEY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("z", sa.Float(), nullable=True),
        sa.Column("p", sa.Float(), nullable=True),
        sa.Column("effect", sa.Float(), nullable=True),
        sa.Column("cusum", sa.Float(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("baseline_id", KEY, nullable=False),
        sa.Column("provisional", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('ok', 'notable', 'breach', 'insufficient', 'learning', 'error')",
            name=op.f("ck_verdicts_status"),
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_verdicts_model_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_verdicts_series_id")),
        sa.PrimaryKeyConstraint(
            "model_id", "window_start_us", "series_id", "revision", name=op.f("pk_verdicts")
        ),
    )
    op.create_table(
        "trigger_events",
        sa.Column("id", KEY, nullable=False),
        sa.Column("trigger_id", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["trigger_id"], ["triggers.id"], name=op.f("fk_trigger_events_trigger_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trigger_events")),
    )
    op.create_index(op.f("ix_trigger_events_trigger_id"), "trigger_events", ["trigger_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_trigger_events_trigger_id"), table_name="trigger_events")
    op.drop_table("trigger_events")
    op.drop_table("verdicts")
    op.drop_index(
        "uq_triggers_in_flight",
        table_name="triggers",
        sqlite_where=sa.text("state IN ('requested', 'dispatched', 'accepted', 'running', 'unknown')"),
        postgresql_where=sa.text("state IN ('requested', 'dispatched', 'accepted', 'running', 'unknown')"),
    )
    op.drop_table("triggers")
    op.drop_index("ix_measurements_series", table_name="measurements")
    op.drop_table("measurements")
    op.drop_index(op.f("ix_evidence_episode_id"), table_name="evidence")
    op.drop_table("evidence")
    op.drop_index(op.f("ix_episode_events_episode_id"), table_name="episode_events")
    op.drop_table("episode_events")
    op.drop_index(op.f("ix_attempts_outbox_id"), table_name="attempts")
    op.drop_table("attempts")
    op.drop_table("windows")
    op.drop_table("series")
    op.drop_table("sequences")
    op.drop_table("samples")
    op.drop_index(
        "ix_runs_unfinished",
        table_name="runs",
        sqlite_where=sa.text("state IN ('queued', 'running', 'failed')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'failed')"),
    )
    op.drop_index(
        "ix_runs_due",
        table_name="runs",
        sqlite_where=sa.text("state IN ('queued', 'running', 'failed')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'failed')"),
    )
    op.drop_table("runs")
    op.drop_table("quarantine")
    op.drop_table("plans")
    op.drop_index("ix_parts_model_id_piece", table_name="parts")
    op.drop_table("parts")
    op.drop_index("ix_outbox_claim", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("manifest")
    op.drop_index("ix_episodes_model_opened", table_name="episodes")
    op.drop_table("episodes")
    op.drop_table("cursors")
    op.drop_table("contracts")
    op.drop_table("baselines")
    op.drop_table("alerts")
    op.drop_table("models")
    op.drop_table("audit")
