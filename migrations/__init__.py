"""Alembic migrations: one linear history, shipped inside the wheel, run on SQLite and PostgreSQL."""
