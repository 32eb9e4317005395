"""Contracts: every saved version stays as it was; a model points to one of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from monitor.errors import NotFound
from monitor.store import models
from monitor.store.tables import contracts
from monitor.store.types import storable


@dataclass(frozen=True, slots=True)
class Version:
    """A row of `contracts`: the YAML as it was written, and the folder its relative paths start from."""

    id: int
    model_id: int
    version: int
    body: str
    sha256: str
    base_path: str
    author: str
    created_us: int


def save_version(
    conn: Connection, model_id: int, body: str, base_path: str, author: str, now_us: int
) -> Version:
    """Keep a contract and make it the model's current one.

    The same text for the same folder is the same version, also when another was current in between; anything
    else gets the next number.
    """
    models.lock(conn, model_id)  # or two writers would take one number
    body = storable(body)
    sha256 = hashlib.sha256(body.encode()).hexdigest()
    same = select(contracts).where(
        contracts.c.model_id == model_id, contracts.c.sha256 == sha256, contracts.c.base_path == base_path
    )
    row = conn.execute(same).one_or_none()
    if row is None:
        last = select(func.coalesce(func.max(contracts.c.version), 0)).where(contracts.c.model_id == model_id)
        fields = {
            "model_id": model_id,
            "version": conn.execute(last).scalar_one() + 1,
            "body": body,
            "sha256": sha256,
            "base_path": base_path,
            "author": author,
            "created_us": now_us,
        }
        row = conn.execute(insert(contracts).values(fields).returning(contracts)).one()
    saved = Version(**row._mapping)
    models.update_state(conn, model_id, contract_id=saved.id)
    return saved


def get(conn: Connection, contract_id: int) -> Version:
    """The version with this key; NotFound if there is none."""
    row = conn.execute(select(contracts).where(contracts.c.id == contract_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no contract {contract_id}")
    return Version(**row._mapping)


def current(conn: Connection, model_id: int) -> Version:
    """The version the model runs by; NotFound if none was ever saved."""
    contract_id = models.by_id(conn, model_id).contract_id
    row = conn.execute(select(contracts).where(contracts.c.id == contract_id)).one_or_none()
    if row is None:
        raise NotFound(f"model {model_id} has no contract yet")
    return Version(**row._mapping)


def current_locked(conn: Connection, model_id: int) -> Version:
    """The same, and nobody else saves a version until the transaction ends."""
    models.lock(conn, model_id)
    return current(conn, model_id)


def versions(conn: Connection, model_id: int) -> list[Version]:
    """Every version, oldest first."""
    query = select(contracts).where(contracts.c.model_id == model_id).order_by(contracts.c.version)
    return [Version(**row._mapping) for row in conn.execute(query)]
