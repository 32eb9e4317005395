"""Triggers in the store: moved by conditions, at most one in flight, one per episode."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from monitor.errors import Conflict, NotFound
from monitor.store import alerts, triggers
from monitor.store.engine import Store
from monitor.store.tables import triggers as table
from tests.monitor.alerting import add_model


@pytest.fixture(autouse=True)
def episodes(store: Store) -> list[int]:
    """Three episodes of one model."""
    add_model(store)
    with store.write() as conn:
        return [
            alerts.open_episode(
                conn,
                1,
                family,
                severity="ticket",
                since_us=0,
                opened_us=0,
                inhibited_by=None,
                summary="",
                attributes="{}",
            )
            for family in ("language", "vocabulary", "inputs")
        ]


def add(conn: Connection, episode_id: int, state: str, window_us: int = 0) -> bool:
    return triggers.insert(
        conn,
        id=f"trg_{episode_id}",
        model_id=1,
        episode_id=episode_id,
        state=state,
        reason="because",
        guards=[{"guard": "cooldown", "passed": True, "reason": "none"}],
        request={"reasons": ["gro\u00df"]},
        window_start_us=window_us,
        callback_sha256=None,
        actor="policy",
        now_us=7,
    )


def test_a_trigger_and_its_history_come_back(store: Store) -> None:
    with store.write() as conn:
        assert add(conn, 1, "awaiting_approval")
        assert not add(conn, 1, "requested"), "one per episode"
    with store.write() as conn:
        triggers.move(
            conn,
            "trg_1",
            ["awaiting_approval"],
            "requested",
            actor="ann",
            detail={"why": "ok"},
            now_us=8,
            external_run_id="r",
        )
    with store.read() as conn:
        trigger = triggers.get(conn, "trg_1")
        history = triggers.events(conn, "trg_1")
        assert triggers.of_episode(conn, 1) == trigger
        assert triggers.of_episode(conn, 2) is None
    assert (trigger.state, trigger.family, trigger.model, trigger.external_run_id) == (
        "requested",
        "language",
        "toxicity",
        "r",
    )
    assert (trigger.request, trigger.guards[0]["guard"]) == ({"reasons": ["gro\u00df"]}, "cooldown")
    assert (trigger.created_us, trigger.updated_us) == (7, 8)
    assert [(e.from_state, e.to_state, e.actor, e.at_us) for e in history] == [
        (None, "awaiting_approval", "policy", 7),
        ("awaiting_approval", "requested", "ann", 8),
    ]


def test_a_move_from_another_state_is_a_conflict_that_writes_nothing(store: Store) -> None:
    with store.write() as conn:
        add(conn, 1, "vetoed")
    with pytest.raises(Conflict, match="trg_1 is vetoed: it cannot become requested"), store.write() as conn:
        triggers.move(conn, "trg_1", ["awaiting_approval"], "requested", actor="ann", detail={}, now_us=8)
    with pytest.raises(NotFound, match="no trigger x"), store.write() as conn:
        triggers.move(conn, "x", ["vetoed"], "requested", actor="ann", detail={}, now_us=8)
    with store.read() as conn:
        assert len(triggers.events(conn, "trg_1")) == 1


def test_one_in_flight_per_model(store: Store) -> None:
    with store.write() as conn:
        add(conn, 1, "requested")
        add(conn, 2, "awaiting_approval")
    with pytest.raises(Conflict, match="trg_1 of toxicity is still requested"), store.write() as conn:
        triggers.move(conn, "trg_2", ["awaiting_approval"], "requested", actor="ann", detail={}, now_us=8)
    with pytest.raises(Conflict), store.write() as conn:
        add(conn, 3, "requested")
    with store.write() as conn:
        triggers.move(conn, "trg_1", ["requested"], "unknown", actor="x", detail={}, now_us=9)
        flying = triggers.in_flight(conn, 1)
        assert flying is not None
        assert flying.state == "unknown"
        triggers.move(conn, "trg_1", ["unknown"], "failed", actor="x", detail={}, now_us=9)
        triggers.move(conn, "trg_2", ["awaiting_approval"], "requested", actor="ann", detail={}, now_us=9)


@pytest.mark.parametrize("state", triggers.IN_FLIGHT)
def test_the_database_itself_refuses_a_second_one_in_flight(store: Store, state: str) -> None:
    with store.write() as conn:
        add(conn, 1, "running")
        add(conn, 2, "vetoed")
    with pytest.raises(IntegrityError), store.write() as conn:
        conn.execute(table.update().where(table.c.id == "trg_2").values(state=state))


def test_a_cooldown_counts_from_what_really_left(store: Store) -> None:
    with store.write() as conn:
        assert triggers.last_left_us(conn, 1) is None
        add(conn, 1, "vetoed", window_us=50)
        assert triggers.last_left_us(conn, 1) is None
        add(conn, 2, "failed", window_us=30)
        add(conn, 3, "requested", window_us=20)
        assert triggers.last_left_us(conn, 1) == 30
