"""The channels of a model with what is known of each: never an address, never a secret."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from monitor.store import audit, outbox, outlets
from monitor.watched import Watched


def channels_of(conn: Connection, watched: Watched) -> list[dict[str, Any]]:
    """Every channel in the order of the contract: its kind, its state, and how many messages wait, died, were sent.

    Times are microseconds UTC, None where there is none.
    """
    specs = watched.contract.channels
    full = {name: watched.channel(name) for name in specs}
    known = outlets.known(conn, list(full.values()))
    counts = outbox.channel_counts(conn, list(full.values()))
    found = []
    for name, spec in specs.items():
        outlet = known.get(full[name], outlets.Outlet(full[name]))
        counted = counts.get(full[name], {})
        found.append(
            {
                "name": name,
                "type": spec.type,
                "state": outlet.state,
                "failures": outlet.failures,
                "failing_since_us": outlet.failing_since_us,
                "resume_us": outlet.resume_us or None,
                "disabled_us": outlet.disabled_us,
                "last_error": outlet.last_error,
                "waiting": counted.get("pending", 0) + counted.get("sending", 0),
                "dead": counted.get("dead", 0),
                "sent": counted.get("sent", 0),
            }
        )
    return found


def enable(conn: Connection, watched: Watched, name: str, author: str, now_us: int) -> None:
    """Send again on a channel, at once, and say in the audit log who wanted it."""
    channel = watched.channel(name)
    outlets.enable(conn, channel, now_us)
    outbox.hasten(conn, channel, now_us)
    audit.append(conn, author, "channel.enabled", f"model/{watched.name}", {"channel": name}, now_us)
