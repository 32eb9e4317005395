"""What a pipeline says about its run, and what people decide: the ways in which a trigger is moved from
outside.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from monitor.errors import Conflict, UsageError
from monitor.retraining import lifecycle
from monitor.store import triggers


class BadToken(UsageError):
    """The callback's token is not the one that went out with the request."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A report: one of `lifecycle.REPORTS`, the pipeline's own run id, and anything else it wants to be
    remembered.
    """

    state: str
    run_id: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def token_sha256(token: str) -> str:
    """What the store keeps of a callback token: 32 random bytes need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def apply_callback(
    conn: Connection, trigger_id: str, token: str, event: Callback, now: int
) -> triggers.TriggerRow:
    """Move a trigger by a pipeline's report and return it as it is now.

    A report that comes twice changes nothing; one that comes late is written to the history and changes
    nothing else. Raises NotFound (no such trigger), BadToken, UsageError (no such report), Conflict (it
    contradicts how the trigger ended, or the trigger never left).
    """
    trigger = triggers.get(conn, trigger_id)
    known = trigger.callback_sha256 or ""
    if not hmac.compare_digest(known.encode(), token_sha256(token).encode()):
        raise BadToken("the token is not the one that was sent with this trigger")
    if event.state not in lifecycle.REPORTS:
        raise UsageError(f"a callback may report {', '.join(lifecycle.REPORTS)}")
    state = lifecycle.parse(trigger.state)
    moved = lifecycle.move(state, lifecycle.parse(event.state))
    if isinstance(moved, Conflict):
        raise moved
    if event.state == trigger.state:
        return trigger
    detail = {**event.detail, "reported": event.state, "run_id": event.run_id}
    if moved == state:
        triggers.note(conn, trigger_id, state, actor="pipeline", detail={**detail, "late": True}, now_us=now)
        return trigger
    run_id = {} if event.run_id is None else {"external_run_id": event.run_id}
    triggers.move(conn, trigger_id, [state], moved, actor="pipeline", detail=detail, now_us=now, **run_id)
    return triggers.get(conn, trigger_id)
