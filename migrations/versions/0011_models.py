"""Models that are paused, and the columns that a plan counts.

Revision: 0011, after 0010. Expands only: the release before it runs on these tables too, and does not know of pauses.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("models", sa.Column("paused_us", sa.BigInteger()))
    op.add_column("plans", sa.Column("columns", sa.Text()))


def downgrade() -> None:
    op.drop_column("plans", "columns")
    op.drop_column("models", "paused_us")
