"""Models: what is watched, and which contract, plan and baseline count now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import Connection, Select, Update, bindparam, select, update

from monitor.errors import NotFound
from monitor.store.inserts import insert_on
from monitor.store.tables import models

State = Literal["learning", "provisional", "live"]
CANARY = "driftglass-canary"  # our own model, which lists leave out


@dataclass(frozen=True, slots=True)
class Model:
    """A row of `models`."""

    id: int
    name: str
    state: State
    contract_id: int | None
    plan_id: str | None
    baseline_id: int | None
    materialised_until_us: int | None
    created_us: int
    paused_us: int | None = None  # since when nothing of it is read, measured or judged


def get(conn: Connection, name: str) -> Model:
    """The model of this name; NotFound names those that exist."""
    model = named(conn, name)
    if model is None:
        known = ", ".join(conn.execute(select(models.c.name).order_by(models.c.name)).scalars()) or "none"
        raise NotFound(f"no model {name!r}: there are {known}")
    return model


def named(conn: Connection, name: str) -> Model | None:
    """The model of this name, if there is one."""
    row = conn.execute(select(models).where(models.c.name == name)).one_or_none()
    return None if row is None else Model(**row._mapping)


def by_id(conn: Connection, model_id: int) -> Model:
    """The model with this key; NotFound if there is none."""
    model = known(conn, model_id)
    if model is None:
        raise NotFound(f"no model with id {model_id}")
    return model


def known(conn: Connection, model_id: int) -> Model | None:
    """The model with this key, if there is one."""
    row = conn.execute(_one(), {"key": model_id}).one_or_none()
    return None if row is None else Model(**row._mapping)


def everyone(conn: Connection) -> list[Model]:
    """All models in the order they were made."""
    return [Model(**row._mapping) for row in conn.execute(select(models).order_by(models.c.id))]


def create(conn: Connection, name: str, now_us: int) -> Model:
    """The model of this name, made in state `learning` if it is new."""
    row = {"name": name, "state": "learning", "created_us": now_us}
    conn.execute(insert_on(conn, models).values(row).on_conflict_do_nothing())
    return get(conn, name)


def update_state(
    conn: Connection,
    model_id: int,
    *,
    state: State | None = None,
    contract_id: int | None = None,
    plan_id: str | None = None,
    baseline_id: int | None = None,
    materialised_until_us: int | None = None,
) -> None:
    """Set what is given; what is None stays. NotFound if there is no such model."""
    given = {
        "state": state,
        "contract_id": contract_id,
        "plan_id": plan_id,
        "baseline_id": baseline_id,
        "materialised_until_us": materialised_until_us,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if changes and conn.execute(_changing(), {"key": model_id, **changes}).rowcount == 0:
        raise NotFound(f"no model with id {model_id}")


def set_paused(conn: Connection, model_id: int, paused_us: int | None) -> None:
    """Pause a model, or let it go on (None)."""
    conn.execute(_changing(), {"key": model_id, "paused_us": paused_us})


def lock(conn: Connection, model_id: int) -> Model:
    """The model, with its row locked until the transaction ends (on SQLite every writer is alone anyway).

    Who writes rows that refer to the model does not wait: a judge that held its run and waited for a reader, which
    waits for that run, would wait for ever.
    """
    row = conn.execute(_locking(), {"key": model_id}).one_or_none()
    if row is None:
        raise NotFound(f"no model with id {model_id}")
    return Model(**row._mapping)


@cache
def _one() -> Select[Any]:
    return select(models).where(models.c.id == bindparam("key"))


@cache
def _locking() -> Select[Any]:
    return _one().with_for_update(key_share=True)


@cache
def _changing() -> Update:
    return update(models).where(models.c.id == bindparam("key"))
