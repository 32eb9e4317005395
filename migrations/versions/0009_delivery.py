"""What is known of each way out, and which episode a message is about.

Revision: 0009, after 0008. Expands only: the release before it runs on these tables too.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outlets",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since_us", sa.BigInteger(), nullable=True),
        sa.Column("resume_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disabled_us", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_outlets")),
    )
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("outbox", sa.Column("episode_id", key, nullable=True))
    op.add_column("outbox", sa.Column("waits", sa.Integer(), server_default="0", nullable=False))
    op.create_index("ix_outbox_order", "outbox", ["channel", "subject", "id"])


def downgrade() -> None:
    op.drop_index("ix_outbox_order", table_name="outbox")
    op.drop_column("outbox", "waits")
    op.drop_column("outbox", "episode_id")
    op.drop_table("outlets")
