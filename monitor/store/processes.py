"""Processes: who serves on this store, with which role, and when each was last able to write here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, delete, select

from monitor.store.inserts import insert_on
from monitor.store.tables import processes

Role = Literal["all", "api", "worker"]
ROLES: dict[str, Role] = {"all": "all", "api": "api", "worker": "worker"}


@dataclass(frozen=True, slots=True)
class Process:
    """A row of `processes`; the name is host:pid:start."""

    name: str
    role: Role
    version: str
    started_us: int
    seen_us: int


def seen(conn: Connection, process: Process, forget_before_us: int) -> None:
    """Write a sign of life, and drop those of processes that gave none since `forget_before_us`."""
    fields = {
        "name": process.name,
        "role": process.role,
        "version": process.version,
        "started_us": process.started_us,
        "seen_us": process.seen_us,
    }
    statement = insert_on(conn, processes).values(fields)
    conn.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"seen_us": statement.excluded.seen_us})
    )
    conn.execute(delete(processes).where(processes.c.seen_us < forget_before_us))


def left(conn: Connection, name: str) -> None:
    """A process ends in good order: its row goes."""
    conn.execute(delete(processes).where(processes.c.name == name))


def since(conn: Connection, since_us: int) -> list[Process]:
    """Who gave a sign of life since then, by name."""
    query = select(processes).where(processes.c.seen_us >= since_us).order_by(processes.c.name)
    return [Process(**row._mapping) for row in conn.execute(query)]
