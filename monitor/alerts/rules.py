"""What an episode rests on in the contract: when that is edited, the episode was judged by a rule that is no more."""

from __future__ import annotations

import re

from sqlalchemy import Connection

from monitor.alerts import episodes
from monitor.alerts.attributes import Attributes
from monitor.alerts.families import HEALTH
from monitor.contract import Contract
from monitor.store import alerts, audit, windows

# "frozen(score)": the column that a break is about.
_COLUMN = re.compile(r"^\w+\(([^)]*)\)")


def changed(before: Contract, after: Contract, family: str, attributes: Attributes) -> list[str]:
    """The parts of the contract that differ and that an episode rests on: `window.every`, `reference`, `columns.text`.

    Who is told, runbooks, budgets and the like are none of them; the health of the watch rests on nothing.
    """
    if family == HEALTH:
        return []
    found = []
    if before.window.every_us != after.window.every_us or before.timezone != after.timezone:
        found.append("window.every" if before.timezone == after.timezone else "timezone")
    if before.reference != after.reference:
        found.append("reference")
    if family == "performance" and before.labels != after.labels:
        found.append("labels")
    columns = {moved.column for moved in attributes.moved if moved.column}
    columns |= {match[1] for name in attributes.hard if (match := _COLUMN.match(name))}
    # One that names none may be about any.
    for name in sorted(columns or {*before.column_specs, *after.column_specs}):
        if before.column_specs.get(name) != after.column_specs.get(name):
            found.append(f"columns.{name}")
    return found


def close_changed(
    conn: Connection, model_id: int, before: Contract, after: Contract, author: str, now_us: int
) -> list[int]:
    """Close the open episodes of a model that rest on what its new contract changes; their numbers. The model is locked
    by the caller. The next window is judged by the new rule, with nothing left of the old.
    """
    window_us = windows.last_judged_us(conn, model_id)
    closed = []
    for episode in alerts.open_of(conn, model_id):
        parts = changed(before, after, episode.family, Attributes.decode(episode.attributes))
        at_us = episode.opened_us if window_us is None else window_us
        if parts and episodes.close(conn, episode, at_us, alerts.RULE_CHANGED, now_us):
            closed.append(episode.id)
            detail = {"by": author, "changed": parts}
            alerts.add_event(conn, episode.id, at_us, "rule changed", detail, now_us)
            audit.append(conn, author, "episode.rule_changed", f"episode/{episode.id}", detail, now_us)
    return closed
