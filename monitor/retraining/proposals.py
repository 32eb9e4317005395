"""From open episodes to triggers, in the transaction of the judge; and what a person decides about one."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from monitor.alerts.attributes import Attributes
from monitor.alerts.families import BREAKS
from monitor.retraining.callbacks import token_sha256
from monitor.retraining.policy import Decision, Episode, Policy, Span, decide, exclusions
from monitor.retraining.targets import webhook
from monitor.store import alerts, triggers

MAX_SERIES = 10


def _token() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Asking:
    """What every request of a model needs besides the episode. `public_url` has no trailing slash."""

    public_url: str
    new_token: Callable[[], str] = _token


def consider(
    conn: Connection,
    model_id: int,
    policy: Policy,
    window_us: int,
    window_length_us: int,
    asking: Asking,
    now_us: int,
) -> list[triggers.TriggerRow]:
    """Ask the policy about every open episode after a judged window; returns the triggers that were written
    or moved.

    A vetoed or approved proposal is written at once; one that is requested also goes into the outbox. What
    merely has to wait (cooldown, another trigger in flight) is a line in the episode's history and is asked
    again with the next window.
    """
    changed: list[triggers.TriggerRow] = []
    for row in alerts.open_of(conn, model_id):
        known = triggers.of_episode(conn, row.id)
        if row.family not in policy.families or (known is not None and known.state != "vetoed"):
            continue
        episode = _episode(conn, row, window_length_us)
        others = [
            _episode(conn, other, window_length_us)
            for other in alerts.overlapping(conn, model_id, BREAKS, row.since_us)
            if other.id != row.id
        ]
        flying = triggers.in_flight(conn, model_id)
        decision = decide(
            policy,
            episode,
            others,
            flying.id if flying else None,
            triggers.last_left_us(conn, model_id),
            window_us,
        )
        if decision is None or (decision.outcome == "vetoed" and known is not None):
            continue
        if decision.outcome == "wait":
            _note_waiting(conn, row.id, window_us, decision, now_us)
            continue
        changed.append(
            _write(conn, row, episode, others, decision, known, window_us, window_length_us, asking, now_us)
        )
    return changed


def approve(
    conn: Connection, trigger_id: str, actor: str, asking: Asking, now_us: int
) -> triggers.TriggerRow:
    """awaiting_approval → requested, with the request in the outbox.

    NotFound; Conflict if it is not awaiting approval, or another trigger of the model is in flight.
    """
    token = asking.new_token()
    triggers.move(
        conn,
        trigger_id,
        ["awaiting_approval"],
        "requested",
        actor=actor,
        detail={},
        now_us=now_us,
        callback_sha256=token_sha256(token),
    )
    trigger = triggers.get(conn, trigger_id)
    webhook.enqueue(conn, trigger, token=token, public_url=asking.public_url, now_us=now_us)
    return trigger


def reject(conn: Connection, trigger_id: str, actor: str, why: str, now_us: int) -> triggers.TriggerRow:
    """awaiting_approval → rejected. NotFound; Conflict if it is not awaiting approval."""
    triggers.move(
        conn, trigger_id, ["awaiting_approval"], "rejected", actor=actor, detail={"why": why}, now_us=now_us
    )
    return triggers.get(conn, trigger_id)


def _write(
    conn: Connection,
    row: alerts.EpisodeRow,
    episode: Episode,
    others: Sequence[Episode],
    decision: Decision,
    known: triggers.TriggerRow | None,
    window_us: int,
    window_length_us: int,
    asking: Asking,
    now_us: int,
) -> triggers.TriggerRow:
    state = {"vetoed": "vetoed", "ask": "awaiting_approval", "request": "requested"}[decision.outcome]
    token = asking.new_token() if state == "requested" else None
    guards = [asdict(guard) for guard in decision.guards]
    request = webhook.request(
        reasons=[decision.reason, row.summary],
        series=[moved.series for moved in Attributes.decode(row.attributes).moved[:MAX_SERIES]],
        changed=Span(row.since_us, window_us + window_length_us, f"{row.family} changed"),
        exclusions=exclusions(episode, others, window_length_us),
    )
    sha256 = None if token is None else token_sha256(token)
    trigger_id = known.id if known is not None else _id(row)
    if known is None:
        triggers.insert(
            conn,
            id=trigger_id,
            model_id=row.model_id,
            episode_id=row.id,
            state=state,
            reason=decision.reason,
            guards=guards,
            request=request,
            window_start_us=window_us,
            callback_sha256=sha256,
            actor="policy",
            now_us=now_us,
        )
    else:
        triggers.move(
            conn,
            trigger_id,
            ["vetoed"],
            state,
            actor="policy",
            detail={"reason": decision.reason},
            now_us=now_us,
            reason=decision.reason,
            guards=json.dumps(guards, sort_keys=True),
            request=json.dumps(request, sort_keys=True, ensure_ascii=False),
            window_start_us=window_us,
            callback_sha256=sha256,
        )
    trigger = triggers.get(conn, trigger_id)
    if token is not None:
        webhook.enqueue(conn, trigger, token=token, public_url=asking.public_url, now_us=now_us)
    return trigger


def _episode(conn: Connection, row: alerts.EpisodeRow, window_length_us: int) -> Episode:
    inhibited_by = row.inhibited_by
    if inhibited_by is None:
        past = [event for event in alerts.events(conn, row.id) if event.event == "inhibited"]
        inhibited_by = str(past[-1].detail["by"]) if past else None
    return Episode(
        id=row.id,
        family=row.family,
        since_us=row.since_us,
        opened_us=row.opened_us,
        last_us=row.last_us,
        # Calendar windows may be an hour longer or shorter than others, hence the rounding.
        windows=round((row.last_us - row.opened_us) / window_length_us) + 1,
        is_open=row.closed_us is None,
        inhibited_by=inhibited_by,
    )


def _note_waiting(conn: Connection, episode_id: int, window_us: int, decision: Decision, now_us: int) -> None:
    stopped = decision.guards[-1].guard
    if stopped == "persistence":
        return  # a young episode is no news
    told = [e.detail["guard"] for e in alerts.events(conn, episode_id) if e.event == "retraining_waits"]
    if not told or told[-1] != stopped:
        detail = {"guard": stopped, "reason": decision.reason}
        alerts.add_event(conn, episode_id, window_us, "retraining_waits", detail, now_us)


def _id(row: alerts.EpisodeRow) -> str:
    # The same episode gives the same id when a run is repeated from nothing: a pipeline that remembers ids is
    # not asked twice.
    parts = (row.model, row.family, str(row.id), str(row.opened_us))
    return "trg_" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
