"""The inbox of pushed records.

Revision: 0006, after 0005. Expands only: the release before it runs on these tables too.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "inboxes",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("last_number", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("records", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_inboxes")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_inboxes_model_id")),
    )
    op.create_table(
        "inbox",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("ids", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model_id", "number", name=op.f("pk_inbox")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_inbox_model_id")),
    )
    op.create_table(
        "inference_halves",
        sa.Column("model_id", KEY, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("half", sa.Text(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("event_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("half IN ('request', 'response')", name=op.f("ck_inference_halves_half")),
        sa.PrimaryKeyConstraint("model_id", "event_id", "half", name=op.f("pk_inference_halves")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_inference_halves_model_id")),
    )
    op.create_index(
        "ix_inference_halves_model_id_received_us", "inference_halves", ["model_id", "received_us"]
    )


def downgrade() -> None:
    op.drop_table("inference_halves")
    op.drop_table("inbox")
    op.drop_table("inboxes")
