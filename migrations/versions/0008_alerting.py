"""What is told of episodes, silences, and what an alert remembers of its last windows.

Revision: 0008, after 0007. Expands only: the release before it runs on these tables too. It writes no `tellings`: what
it opened it has told itself.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.add_column("alerts", sa.Column("recent", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("alerts", sa.Column("seen_us", sa.BigInteger(), nullable=True))
    op.add_column("alerts", sa.Column("transitions", sa.Text(), server_default="[]", nullable=False))
    op.add_column("alerts", sa.Column("flapping", sa.Text(), server_default="no", nullable=False))
    op.create_table(
        "tellings",
        sa.Column("episode_id", KEY, nullable=False),
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("told_us", sa.BigInteger(), nullable=True),
        sa.Column("lead_id", KEY, nullable=True),
        sa.Column("held_us", sa.BigInteger(), nullable=True),
        sa.Column("waits", sa.Integer(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["episodes.id"], name=op.f("fk_tellings_episode_id")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_tellings_model_id")),
        sa.PrimaryKeyConstraint("episode_id", name=op.f("pk_tellings")),
    )
    op.create_index("ix_tellings_waits", "tellings", ["waits", "until_us"])
    op.create_index("ix_tellings_model_id", "tellings", ["model_id"])
    op.create_table(
        "silences",
        sa.Column("id", KEY, nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("family", sa.Text(), nullable=True),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("starts_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silences")),
    )
    op.create_index("ix_silences_expires_us", "silences", ["expires_us"])


def downgrade() -> None:
    op.drop_table("silences")
    op.drop_table("tellings")
    for column in ("flapping", "transitions", "seen_us", "recent"):
        op.drop_column("alerts", column)
