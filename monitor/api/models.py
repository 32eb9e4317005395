"""Models and the contracts that describe them."""

from __future__ import annotations

from fastapi import APIRouter, Response

from monitor.api import schemas
from monitor.api.auth import Reader, needs
from monitor.api.conditions import etag_of
from monitor.api.context import Served, model_of
from monitor.api.inputs import Name, Version
from monitor.errors import NotFound
from monitor.store import alerts, contracts, listing

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[needs("read")])


@router.get("", operation_id="list_models")
def list_models(served: Served, caller: Reader) -> list[schemas.Model]:
    """Every watched model that the key may see, by name."""
    with served.store.read() as conn:
        return [schemas.Model.model_validate(row) for row in listing.models(conn, only=caller.models)]


@router.get("/{model}", operation_id="get_model")
def get_model(model: Name, served: Served) -> schemas.ModelDetail:
    """One model, and where each of its alerts stands."""
    with served.store.read() as conn:
        row = model_of(conn, model)
        states = alerts.states(conn, row["id"])
    return schemas.ModelDetail.model_validate({**row, "alerts": list(states.values())})


@router.get("/{model}/contract", operation_id="get_contract")
def get_contract(model: Name, served: Served, response: Response) -> schemas.Contract:
    """The contract that is in force, with its ETag."""
    with served.store.read() as conn:
        saved = contracts.current(conn, model_of(conn, model)["id"])
    response.headers["ETag"] = etag_of(saved)
    return schemas.Contract.model_validate(saved)


@router.get("/{model}/contract/versions", operation_id="list_contract_versions")
def list_contract_versions(model: Name, served: Served) -> list[schemas.ContractVersion]:
    """Every version that was ever saved, newest first."""
    with served.store.read() as conn:
        saved = contracts.versions(conn, model_of(conn, model)["id"])
    return [schemas.ContractVersion.model_validate(version) for version in reversed(saved)]


@router.get("/{model}/contract/versions/{version}", operation_id="get_contract_version")
def get_contract_version(model: Name, version: Version, served: Served) -> schemas.Contract:
    """One version as it was saved."""
    with served.store.read() as conn:
        saved = contracts.versions(conn, model_of(conn, model)["id"])
    for row in saved:
        if row.version == version:
            return schemas.Contract.model_validate(row)
    raise NotFound("there is no such version")
