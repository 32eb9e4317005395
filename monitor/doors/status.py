"""`driftglass status`: how far every model is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.doors.opening import or_empty, store_with_models
from monitor.doors.options import Database, Json

if TYPE_CHECKING:
    from sqlalchemy import Connection


def status(database: Database = None, as_json: Json = False) -> None:
    """How far every model is, and whether anything is stuck."""
    from monitor.store import outbox
    from monitor.terminal import headed, listed, print_json, print_out

    with or_empty({"models": [], "outbox": {}}, as_json=as_json), store_with_models(database) as store:
        with store.read() as conn:
            rows, waiting = _models(conn), outbox.counts(conn)
        if as_json:
            print_json({"models": rows, "outbox": waiting})
            return
        table = headed("model", "state", "contract", "judged until", "open episodes", "runs", "set aside")
        for row in rows:
            table.add_row(
                row["model"],
                row["state"] if row["paused"] is None else "paused",
                f"v{row['contract_version']}",
                row["judged_until"] or "nothing yet",
                str(row["open_episodes"]),
                listed(row["runs"], without=("succeeded", "superseded")) or "none waiting",
                listed(row["set_aside"]) or "nothing",
            )
        print_out(table)
        print_out("outbox: " + (listed(waiting) or "empty"))


def _models(conn: Connection) -> list[dict[str, Any]]:
    """How far every model is, what was set aside, and its runs by kind and state."""
    from monitor.store import listing, quarantine, runs
    from monitor.terminal import iso

    return [
        {
            "model": row["name"],
            "state": row["state"],
            "paused": iso(row["paused_us"]),
            "contract_version": row["contract_version"],
            "judged_until": iso(row["judged_until_us"]),
            "open_episodes": row["open_episodes"],
            "runs": {
                f"{kind} {state}": count
                for (kind, state), count in sorted(runs.counts(conn, row["id"]).items())
            },
            "set_aside": {
                f"{reason} of {column}" if column else reason: count
                for (reason, column), count in quarantine.counts(conn, row["id"]).items()
            },
        }
        for row in listing.models(conn)
    ]
