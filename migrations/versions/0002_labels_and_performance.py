"""Labels that arrive late, and what was made of them.

Revision: 0002, after 0001. Expands only: the release before it runs on these tables too.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "labels",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("labelled_us", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_labels_model_id")),
        sa.PrimaryKeyConstraint("model_id", "event_id", "labelled_us", name=op.f("pk_labels")),
    )
    op.create_table(
        "label_cursors",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_label_cursors_model_id")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_label_cursors")),
    )
    op.create_table(
        "performance",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("window_start_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_performance_model_id")),
        sa.PrimaryKeyConstraint("model_id", "window_start_us", name=op.f("pk_performance")),
    )
    op.create_table(
        "performance_references",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("baseline_id", KEY, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_performance_references_model_id")),
        sa.PrimaryKeyConstraint("model_id", "baseline_id", name=op.f("pk_performance_references")),
    )


def downgrade() -> None:
    for name in ("performance_references", "performance", "label_cursors", "labels"):
        op.drop_table(name)
