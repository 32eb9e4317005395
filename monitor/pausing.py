"""Pausing a model: nothing of it is read, measured or judged, until it is resumed.

What is sent meanwhile is taken into the inbox as ever, up to its limits, and a source keeps what it has: nothing is
lost. A pause is for a watch that would only say what everybody knows (a migration, a model that is off); who wants to
hear less of a model that runs silences it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from monitor import closing
from monitor.clock import Clock
from monitor.contract import parse
from monitor.errors import Conflict, ContractError, UsageError
from monitor.store import audit, baselines, contracts, models
from monitor.store.engine import Store
from monitor.store.models import Model
from monitor.watched import Watched


@dataclass(frozen=True, slots=True)
class Resumed:
    """Since when the model had been paused, and how many windows closed meanwhile and are not judged."""

    paused_us: int
    skipped: int


def pause(conn: Connection, model_id: int, author: str, now_us: int) -> int:
    """Pause a model from now on, whatever is worked on just now being finished; returns since when it is paused.

    Paused again it stays as it was. UsageError for our own canary.
    """
    model = models.lock(conn, model_id)
    if model.name == models.CANARY:
        raise UsageError(
            "the canary is no model of yours: DRIFTGLASS_CANARY=false and a restart leave it out"
        )
    if model.paused_us is not None:
        return model.paused_us
    models.set_paused(conn, model_id, now_us)
    audit.append(conn, author, "model.paused", f"model/{model.name}", {}, now_us)
    return now_us


def resume(store: Store, clock: Clock, name: str, author: str, *, catch_up: bool = False) -> Resumed | None:
    """Let a paused model go on; None if it is not paused. What closed before the pause is judged; what closed during
    it is written down as `skipped`, or with `catch_up` judged too. Conflict if this release cannot use its contract.

    Many windows are many transactions, and the pause ends with the last one: killed in between, it is asked again.
    """
    now_us = clock.now_us()
    with store.read() as conn:
        model = models.get(conn, name)
        since_us = model.paused_us
        if since_us is None:
            return None
        watched = _watched(conn, model)
        due = [] if catch_up else _closed_meanwhile(conn, watched, model, since_us, now_us)
    before = [span for span in due if span[1] + watched.contract.window.lateness_us <= since_us]
    closing.queue(store, watched, before, now_us, read=True)
    skipped = closing.skip(store, watched, due[len(before) :], "it closed while the model was paused")
    with store.write() as conn:
        if models.lock(conn, model.id).paused_us is None:
            return None  # somebody else was faster
        models.set_paused(conn, model.id, None)
        audit.append(
            conn, author, "model.resumed", f"model/{name}", {"catch_up": catch_up, "skipped": skipped}, now_us
        )
    return Resumed(since_us, skipped)


def _watched(conn: Connection, model: Model) -> Watched:
    version = contracts.current(conn, model.id)
    try:
        contract = parse(version.body, f"{model.name}.yaml")
    except ContractError as error:
        raise Conflict(
            f"the contract of {model.name} cannot be used by this release: save a new version first"
        ) from error
    return Watched(model.id, model.name, contract, Path(version.base_path))


def _closed_meanwhile(
    conn: Connection, watched: Watched, model: Model, since_us: int, now_us: int
) -> list[closing.Span]:
    """What closed and was not queued; of history, which is judged to its end, nothing."""
    if model.baseline_id is None:
        return []
    plan_id, reference_to_us = baselines.reference_end(conn, model.baseline_id)
    if plan_id != model.plan_id or closing.history_end(conn, watched, model, since_us) is not None:
        return []
    return closing.closed(conn, watched, model, reference_to_us, now_us)
