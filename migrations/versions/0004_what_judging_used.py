"""What each judgement used, what people said of alerts, and which baseline counts from when on.

Revision: 0004, after 0003. Expands only: the release before it runs on these tables too.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.add_column("sequences", sa.Column("context", sa.Text(), nullable=True))
    op.create_table(
        "feedback",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("episode_id", KEY, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("undone_from_us", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("verdict IN ('expected', 'false-alarm')", name=op.f("ck_feedback_verdict")),
        sa.ForeignKeyConstraint(["episode_id"], ["episodes.id"], name=op.f("fk_feedback_episode_id")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_feedback_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
    )
    op.create_index(op.f("ix_feedback_model_id"), "feedback", ["model_id"])
    op.create_table(
        "successions",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("baseline_id", KEY, nullable=False),
        sa.Column("fitted", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["baseline_id"], ["baselines.id"], name=op.f("fk_successions_baseline_id")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_successions_model_id")),
        sa.PrimaryKeyConstraint("model_id", "from_us", name=op.f("pk_successions")),
    )
    # Every baseline that is there was fitted once and has counted ever since.
    op.execute(
        "INSERT INTO successions (model_id, from_us, baseline_id, fitted, reason, created_us) "
        "SELECT m.id, 0, b.id, '{}', 'the reference closed', b.created_us "
        "FROM models m JOIN baselines b ON b.id = m.baseline_id"
    )


def downgrade() -> None:
    op.drop_table("successions")
    op.drop_table("feedback")
    op.drop_column("sequences", "context")
