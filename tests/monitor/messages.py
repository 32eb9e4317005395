"""A message in the outbox, for tests that need one to be there and do not care what it says."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from monitor.store.tables import outbox


def put_message(
    conn: Connection, model_id: int, now_us: int = 0, *, channel: str = "shop/hook", **columns: object
) -> int:
    """Write a message that is due since `now_us`, unless `columns` of the table say otherwise; returns its key."""
    row: dict[str, object] = {
        "key": "k",
        "model_id": model_id,
        "channel": channel,
        "type": "t",
        "subject": "s",
        "body": "{}",
        "state": "pending",
        "next_us": now_us,
        "created_us": now_us,
    }
    written: int = conn.execute(insert(outbox).values(row | columns).returning(outbox.c.id)).scalar_one()
    return written
