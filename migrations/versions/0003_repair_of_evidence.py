"""What ftfy would make of a damaged example.

Revision: 0003, after 0002. Expands only: the release before it runs on these tables too.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("evidence", sa.Column("repair", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("evidence", "repair")
