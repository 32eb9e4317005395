"""Keys: who may call. Only `admin` looks here, and no answer but the first holds a secret."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from monitor.api import schemas
from monitor.api.auth import Principal, needs
from monitor.api.context import Served
from monitor.api.inputs import KeyId, json_only
from monitor.api.problems import Problem
from monitor.errors import UsageError
from monitor.store import audit, keys

router = APIRouter(prefix="/v1/keys", tags=["keys"])
Admin = Annotated[Principal, needs("admin")]


@router.get("", operation_id="list_keys")
def list_keys(served: Served, caller: Admin) -> list[schemas.ApiKey]:
    """Every key that was ever made, oldest first, without its secret."""
    with served.store.read() as conn:
        return [schemas.ApiKey.model_validate(key) for key in keys.everyone(conn) if _within(caller, key)]


@router.post("", operation_id="create_key", status_code=201, dependencies=[Depends(json_only)])
def create_key(order: schemas.NewKey, served: Served, caller: Admin, response: Response) -> schemas.MadeKey:
    """Make a key. Its text is in this answer and nowhere else, so a repeated request makes no second one: 409."""
    if (caller.models and not set(order.models) <= caller.models) or (caller.models and not order.models):
        raise Problem(403, "a key that is bound to models makes only keys bound to the same ones")
    now_us = served.clock.now_us()
    with served.store.write() as conn:
        try:
            key, text = keys.create(
                conn, order.name, order.scopes, order.models, order.expires, caller.name, now_us
            )
        except UsageError as error:
            raise Problem(422, str(error)) from error
        audit.append(conn, caller.name, "key.created", f"key/{key.id}", keys.told(key), now_us)
    response.headers["Location"] = f"/v1/keys/{key.id}"
    return schemas.MadeKey.model_validate({**asdict(key), "key": text})


@router.get("/{key}", operation_id="get_key")
def get_key(key: KeyId, served: Served, caller: Admin) -> schemas.ApiKey:
    """One key, without its secret."""
    with served.store.read() as conn:
        return schemas.ApiKey.model_validate(_visible(caller, keys.get(conn, key)))


@router.delete("/{key}", operation_id="revoke_key")
def revoke_key(key: KeyId, served: Served, caller: Admin) -> schemas.ApiKey:
    """Refuse the key from now on, and every session opened with it; again changes nothing."""
    now_us = served.clock.now_us()
    with served.store.write() as conn:
        before = _visible(caller, keys.get(conn, key))
        revoked = keys.revoke(conn, key, caller.name, now_us)
        if before.revoked_us is None:
            audit.append(conn, caller.name, "key.revoked", f"key/{key}", keys.told(before), now_us)
    return schemas.ApiKey.model_validate(revoked)


def _within(caller: Principal, key: keys.ApiKey) -> bool:
    """An admin of some models knows only the keys of these."""
    return not caller.models or (bool(key.models) and set(key.models) <= caller.models)


def _visible(caller: Principal, key: keys.ApiKey) -> keys.ApiKey:
    if not _within(caller, key):
        raise Problem(404, "no such thing is in the store")
    return key
