"""Windows that are left out on purpose, runs that end their workers, and which processes serve.

Revision: 0005, after 0004. Expands only: the release before it runs on these tables too.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
RUNNING = sa.text("state = 'running'")
BEFORE = "state IN ('open', 'measured', 'judged', 'reference', 'error')"
SINCE = "state IN ('open', 'measured', 'judged', 'reference', 'error', 'skipped')"


def upgrade() -> None:
    op.add_column("runs", sa.Column("crashes", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        op.f("ix_runs_running"),
        "runs",
        ["lease_until_us"],
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.add_column("windows", sa.Column("reason", sa.Text(), nullable=True))
    _check_windows(SINCE)
    op.create_table(
        "processes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("role IN ('all', 'api', 'worker')", name=op.f("ck_processes_role")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_processes")),
    )


def downgrade() -> None:
    op.drop_table("processes")
    op.execute("UPDATE windows SET state = 'error' WHERE state = 'skipped'")
    _check_windows(BEFORE)
    op.drop_column("windows", "reason")
    op.drop_index(op.f("ix_runs_running"), "runs")
    op.drop_column("runs", "crashes")


def _check_windows(states: str) -> None:
    name = op.f("ck_windows_state")
    with op.batch_alter_table("windows") as windows:  # SQLite changes a constraint by copying the table
        windows.drop_constraint(name, type_="check")
        windows.create_check_constraint(name, states)
