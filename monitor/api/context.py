"""What handlers are given: the store, the clock, and the model that a path names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, RowMapping

from monitor.api import schemas
from monitor.api.inputs import cursor_of
from monitor.clock import Clock
from monitor.errors import NoSuchModel
from monitor.store import listing
from monitor.store.engine import Store

if TYPE_CHECKING:
    from monitor.api.auth import Principal

# What does not tick as it should, a line each; none when all is well. Runs on the event loop: be quick.
Ticking = Callable[[], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Context:
    store: Store
    clock: Clock
    ticking: Ticking | None
    state: CollectorRegistry
    open_metrics: bool = False
    public_url: str = ""
    storing: Ticking | None = None


def _context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


Served = Annotated[Context, Depends(_context)]


def model_of(conn: Connection, name: str, caller: Principal | None = None) -> RowMapping:
    """The model of that name. NotFound if there is none, or none for this caller."""
    if caller is not None:
        caller.require(name)
    found = listing.models(conn, name)
    if not found:
        raise NoSuchModel("there is no such model")
    return found[0]


Item = TypeVar("Item", bound=schemas.Schema)


def paged(kind: type[Item], page: listing.Page) -> schemas.Page[Item]:
    """A page of rows as the API shows it."""
    return schemas.Page(
        items=[kind.model_validate(row) for row in page.rows],
        next=None if page.after is None else cursor_of(page.after),
    )
