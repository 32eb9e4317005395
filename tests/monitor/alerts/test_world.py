"""Alerts over simulated years: every promise at every step, and each can be seen to break."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerts import telling
from monitor.alerts.state import AlertState
from tests.monitor.alerts import world
from tests.monitor.alerts.world import Broken, World

HAPPENED = {
    *("Opened", "Resolved", "Relapsed", "Recovering", "Updated", "Closed", "Reopened", "Flapping", "Calmed"),
    *("opened", "escalated", "worse", "reminder", "resolved", "flapping"),
    *("acknowledged", "snoozed", "Lapsed", "worse than snoozed"),
    *(f"Held {gate}" for gate in telling.GATES["opened"]),
}


def test_every_promise_holds_for_a_hundred_thousand_steps() -> None:
    played = World(seed=11)
    played.run(100_000)
    assert HAPPENED - set(played.counts) == set()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_every_promise_holds_in_any_world(seed: int) -> None:
    played = World(seed)
    played.run(400)
    assert played.counts


def without(news: str, gate: str) -> Callable[[pytest.MonkeyPatch], None]:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        kept = {
            name: tuple(one for one in gates if (name, one) != (news, gate)) for name, gates in gates_of()
        }
        monkeypatch.setattr(telling, "GATES", kept)

    return patch


def gates_of() -> list[tuple[str, tuple[str, ...]]]:
    return list(telling.GATES.items())


def forgets_what_it_told(monkeypatch: pytest.MonkeyPatch) -> None:
    decide = telling.decide

    def forgetful(told: Any, seen: Any, now_us: int) -> Any:
        return told, decide(told, seen, now_us)[1]

    monkeypatch.setattr(world, "decide", forgetful)


def absence_resolves(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = world.advance

    def wrong(state: Any, event: Any, now: int, **other: Any) -> Any:
        if isinstance(event, world.Absent) and state.is_open:
            return AlertState(), ()
        return advance(state, event, now, **other)

    monkeypatch.setattr(world, "advance", wrong)


@pytest.mark.parametrize(
    ("wrong", "promise"),
    [
        (without("opened", "silenced"), "only an escalation"),
        (without("resolved", "silenced"), "only an escalation"),
        (without("reminder", "snoozed"), "only an escalation"),
        (without("worse", "acknowledged"), "calls nobody"),
        (without("opened", "inhibited"), "explains it"),
        (without("opened", "flapping"), "only that is told"),
        (without("opened", "crowded"), "a storm holds"),
        (forgets_what_it_told, "nothing more comes of it"),
        (absence_resolves, "absence"),
    ],
)
def test_a_world_with_other_rules_breaks_the_promise(
    wrong: Callable[[pytest.MonkeyPatch], None], promise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    with pytest.raises(Broken, match=promise):
        World(seed=5).run(20_000)
