"""Channels and the outbox: whether notifications arrive, what waits, and what was given up. Never a secret."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import Field
from sqlalchemy import Connection

from monitor.alerts.message import Context as About
from monitor.api import schemas
from monitor.api.auth import Principal, Reader, needs
from monitor.api.context import Served, model_of
from monitor.api.inputs import PAGE, Cursor, Limit, ModelName, Number, Word, cursor_of, json_only, keyed
from monitor.contract import parse, resolve_secret
from monitor.delivery import overview
from monitor.delivery.trial import attempt
from monitor.errors import NotFound
from monitor.settings import load_settings
from monitor.store import audit, contracts, outbox
from monitor.watched import Watched

router = APIRouter(tags=["channels"])
Actor = Annotated[Principal, needs("act")]
Manager = Annotated[Principal, needs("manage")]
ChannelName = Annotated[str, Path(min_length=1, max_length=200, description="its name in the contract")]


class Channel(schemas.Schema):
    """A way out, and how its receiver is."""

    name: str
    type: str = Field(description="webhook, alertmanager, slack, pagerduty or smtp")
    state: str = Field(description="well, failing, down (asked by one message at a time) or disabled")
    failures: int = Field(description="in a row")
    failing_since: schemas.Time | None = Field(validation_alias="failing_since_us")
    resume: schemas.Time | None = Field(validation_alias="resume_us", description="nothing is sent before")
    disabled: schemas.Time | None = Field(validation_alias="disabled_us")
    last_error: str | None
    waiting: int
    dead: int
    sent: int


class Trial(schemas.Schema):
    """What became of a test notification."""

    ok: bool
    steps: list[str]
    status: int | None
    seconds: float
    error: str
    cure: str = Field(description="what to do about the error")


class OutboxMessage(schemas.Schema):
    """A message on its way out. `key` is the webhook-id of every attempt."""

    id: int
    key: str
    model: str
    channel: str
    type: str
    subject: str
    state: str = Field(description="pending, sending, sent or dead")
    attempt: int
    next: schemas.Time = Field(validation_alias="next_us", description="not tried before")
    last_status: int | None
    last_error: str | None
    created: schemas.Time = Field(validation_alias="created_us")
    sent: schemas.Time | None = Field(validation_alias="sent_us")
    episode_id: int | None


class Attempt(schemas.Schema):
    """One attempt to deliver a message."""

    at: schemas.Time = Field(validation_alias="at_us")
    status: int | None
    error: str | None
    duration_ms: float


class OutboxMessageDetail(OutboxMessage):
    attempts: list[Attempt] = Field(description="the oldest first")


class NewReplay(schemas.Given):
    """Which of the dead messages are to be sent after all; null: of every channel."""

    model: Annotated[str, Field(min_length=1, max_length=200)]
    channel: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class Replayed(schemas.Schema):
    count: int


@router.get("/v1/models/{model}/channels", operation_id="list_channels")
def list_channels(model: str, served: Served, caller: Reader) -> list[Channel]:
    """The channels of a model's contract, in its order."""
    with served.store.read() as conn:
        watched = _watched(conn, model, caller)
        return [Channel.model_validate(found) for found in overview.channels_of(conn, watched)]


@router.post("/v1/models/{model}/channels/{channel}/test", operation_id="test_channel")
def try_channel(model: str, channel: ChannelName, served: Served, caller: Manager) -> Trial:
    """Send a notification that says it is a test, now, past the outbox, and tell what happened."""
    with served.store.read() as conn:
        watched = _watched(conn, model, caller)
    spec = watched.contract.channels.get(channel)
    if spec is None:
        raise NotFound("there is no such channel")
    contract = watched.contract
    found = attempt(
        spec,
        lambda reference: resolve_secret(reference, watched.base_path),
        About(
            watched.name, contract.owner or "", contract.runbook or "", served.public_url, contract.timezone
        ),
        allow=load_settings().allowed_addresses,
        now_us=served.clock.now_us(),
    )
    what = {"channel": channel, "ok": found.ok, "status": found.status}
    with served.store.write() as conn:
        audit.append(conn, caller.name, "channel.tested", f"model/{model}", what, served.clock.now_us())
    return Trial.model_validate(found)


@router.post("/v1/models/{model}/channels/{channel}/enable", operation_id="enable_channel")
def enable_channel(model: str, channel: ChannelName, served: Served, caller: Manager) -> Channel:
    """Send again on a channel that is disabled or down; what waits is due at once."""
    with served.store.write() as conn:
        watched = _watched(conn, model, caller)
        if channel not in watched.contract.channels:
            raise NotFound("there is no such channel")
        overview.enable(conn, watched, channel, caller.name, served.clock.now_us())
        found = next(one for one in overview.channels_of(conn, watched) if one["name"] == channel)
        return Channel.model_validate(found)


@router.get("/v1/outbox", operation_id="list_outbox")
def list_outbox(
    served: Served,
    caller: Reader,
    model: ModelName = None,
    channel: Word = None,
    state: Literal["pending", "sending", "sent", "dead"] | None = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> schemas.Page[OutboxMessage]:
    """Messages, newest first, without their bodies. A channel is named model/channel."""
    after = keyed(cursor, int)
    with served.store.read() as conn:
        rows = outbox.list_messages(
            conn,
            model_id=None if model is None else model_of(conn, model, caller)["id"],
            only=caller.models,
            channel=channel,
            state=state,
            after=None if after is None else int(after[0]),
            limit=limit + 1,
        )
    items = [OutboxMessage.model_validate(message) for message in rows[:limit]]
    return schemas.Page(items=items, next=cursor_of((items[-1].id,)) if len(rows) > limit else None)


@router.get("/v1/outbox/{message:int}", operation_id="get_outbox_message")
def get_message(message: Number, served: Served, caller: Reader) -> OutboxMessageDetail:
    """One message with every attempt."""
    with served.store.read() as conn:
        return _detail(conn, message, caller)


@router.post("/v1/outbox/{message}/replay", operation_id="replay_outbox_message")
def replay(message: Number, served: Served, caller: Actor) -> OutboxMessageDetail:
    """Send a dead message after all, with the same id and words. 409 if it is not dead."""
    now_us = served.clock.now_us()
    with served.store.write() as conn:
        caller.require(outbox.get(conn, message).model)
        outbox.replay(conn, message, now_us)
        audit.append(conn, caller.name, "outbox.replayed", "outbox", {"message": message}, now_us)
        return _detail(conn, message, caller)


@router.post("/v1/outbox/replays", operation_id="replay_outbox", dependencies=[Depends(json_only)])
def replay_all(order: NewReplay, served: Served, caller: Manager) -> Replayed:
    """Send every dead message of a model, or of one of its channels, after all."""
    now_us = served.clock.now_us()
    with served.store.write() as conn:
        model_id = model_of(conn, order.model, caller)["id"]
        channel = None if order.channel is None else f"{order.model}/{order.channel}"
        count = outbox.replay_all(conn, now_us, model_id=model_id, channel=channel)
        what = {"model": order.model, "channel": order.channel, "count": count}
        audit.append(conn, caller.name, "outbox.replayed", "outbox", what, now_us)
    return Replayed(count=count)


def _detail(conn: Connection, message: int, caller: Principal) -> OutboxMessageDetail:
    found = outbox.get(conn, message)
    caller.require(found.model)
    return OutboxMessageDetail.model_validate(
        {**outbox.shown(found), "attempts": outbox.attempts_of(conn, message)}
    )


def _watched(conn: Connection, name: str, caller: Principal) -> Watched:
    model_id = model_of(conn, name, caller)["id"]
    version = contracts.current(conn, model_id)
    return Watched(model_id, name, parse(version.body, f"{name}.yaml"), FilePath(version.base_path))
