"""Contracts as they are edited: new models, new versions, and what differs between two."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import Connection

from monitor.absent import refusal
from monitor.api import schemas
from monitor.api.auth import Principal, Reader, needs
from monitor.api.conditions import IfMatch, etag_of, require
from monitor.api.context import Served, model_of
from monitor.api.idempotency import Made, Once
from monitor.api.inputs import Name, json_only
from monitor.api.problems import Problem, problem
from monitor.app import register
from monitor.contract import Loaded, parse
from monitor.errors import Conflict, ContractError, NotFound
from monitor.store import contracts, listing

router = APIRouter(prefix="/v1/models", tags=["contracts"])
Manager = Annotated[Principal, needs("manage")]
Number = Annotated[int, Query(ge=1, le=2**31 - 1)]

_PLACE = re.compile(r"contract\.yaml:(\d+):(\d+) (.*)", re.DOTALL)
_MOST_PROBLEMS = 50
_DEEPEST = 64


class BadContract(Exception):
    """A contract with problems; every one of them is told with its line and column."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("a contract has problems")
        self.problems = problems


async def on_bad_contract(request: Request, error: Exception) -> Response:
    """422 with a pointer to the field, and line and column within its text."""
    assert isinstance(error, BadContract)
    told: list[dict[str, str | int]] = []
    for line in error.problems[:_MOST_PROBLEMS]:
        found = _PLACE.fullmatch(line)
        place = {} if found is None else {"line": int(found[1]), "column": int(found[2])}
        told.append({"pointer": "/body", **place, "detail": line if found is None else found[3]})
    return problem(422, "the contract has problems", errors=told)


def checked(body: str, model: str | None, base_path: Path) -> Loaded:
    """The contract in `body`. BadContract with all its problems; Problem 422 if it is of another model."""
    if _depth(body) > _DEEPEST:
        # The reader of YAML needs seconds to find that out.
        raise BadContract(("contract.yaml:1:1 this is nested too deeply",))
    try:
        contract = parse(body, "contract.yaml")
    except ContractError as error:
        raise BadContract(error.problems) from error
    except RecursionError as error:
        raise BadContract(("contract.yaml:1:1 this is nested too deeply",)) from error
    if model is not None and contract.model != model:
        raise BadContract(("contract.yaml:1:1 model: this is the contract of another model",))
    return Loaded(contract, body, base_path)


@router.post(
    "",
    operation_id="create_model",
    status_code=201,
    response_model=schemas.Contract,
    dependencies=[Depends(json_only)],
)
def create_model(order: schemas.NewContract, caller: Manager, once: Once, served: Served) -> Response:
    """Watch a new model by its contract. Relative paths in it start where the service was started."""
    loaded = checked(order.body, None, Path.cwd())
    name = loaded.contract.model
    if not caller.sees(name):
        raise Problem(403, "this key is bound to other models")

    def work(conn: Connection, now_us: int) -> Made:
        if listing.models(conn, name):
            raise Conflict("this model is watched already: put a new version of its contract")
        saved = register(conn, loaded, caller.name, now_us)
        headers = {"Location": f"/v1/models/{_quoted(name)}/contract", "ETag": etag_of(saved)}
        return Made(201, schemas.Contract.model_validate(saved), headers)

    return once.make(served, caller, work)


@router.put("/{model}/contract", operation_id="put_contract", dependencies=[Depends(json_only)])
def put_contract(
    model: Name,
    order: schemas.NewContract,
    caller: Manager,
    served: Served,
    response: Response,
    if_match: IfMatch = None,
) -> schemas.Contract:
    """Save a new version and let it count from now on. A text that was saved before is that version again."""
    with served.store.read() as conn:
        before = contracts.current(conn, model_of(conn, model)["id"])
    require(if_match, etag_of(before))
    loaded = checked(order.body, model, Path(before.base_path))
    with served.store.write() as conn:
        require(if_match, etag_of(contracts.current_locked(conn, before.model_id)))
        _learnt(conn, loaded)
        saved = register(conn, loaded, caller.name, served.clock.now_us())
    response.headers["ETag"] = etag_of(saved)
    return schemas.Contract.model_validate(saved)


@router.post("/{model}/contract/check", operation_id="check_contract", dependencies=[Depends(json_only)])
def check_contract(
    model: Name, order: schemas.NewContract, caller: Manager, served: Served
) -> schemas.Status:
    """Whether this text could be saved; a 422 lists every problem. Nothing is kept."""
    loaded = checked(order.body, model, Path.cwd())
    with served.store.read() as conn:
        _learnt(conn, loaded)
    return schemas.Status(status="ok")


@router.get("/{model}/contract/diff", operation_id="diff_contract")
def diff_contract(
    model: Name,
    caller: Reader,
    served: Served,
    from_: Annotated[int, Query(alias="from", ge=1, le=2**31 - 1, description="a version")],
    to: Annotated[int, Query(ge=1, le=2**31 - 1, description="a version")],
) -> schemas.ContractDiff:
    """What differs between two versions, as a unified diff of their texts."""
    with served.store.read() as conn:
        saved = {row.version: row for row in contracts.versions(conn, model_of(conn, model)["id"])}
    if from_ not in saved or to not in saved:
        raise NotFound("there is no such version")
    before, after = (saved[version].body.splitlines(keepends=True) for version in (from_, to))
    lines = difflib.unified_diff(before, after, f"version {from_}", f"version {to}")
    text = "".join(
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines
    )
    return schemas.ContractDiff(from_version=from_, to_version=to, unified=text)


def _learnt(conn: Connection, loaded: Loaded) -> None:
    """BadContract if the model could not be counted by this contract any more."""
    why = refusal(conn, loaded.contract)
    if why is not None:
        raise BadContract((f"contract.yaml:1:1 columns: {why}",))


def _depth(text: str) -> int:
    """How deep brackets of any kind stand in each other, at most; those within strings count too."""
    deepest = depth = 0
    for found in re.finditer(r"([\[{])|[\]}]", text):
        depth = depth + 1 if found[1] else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")
