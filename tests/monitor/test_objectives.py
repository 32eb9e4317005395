"""Error objectives, the whole way: a slow burn is a ticket, a fast one calls somebody, and both end with the errors."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import load
from monitor.settings import Settings
from monitor.store import listing
from monitor.store.engine import Store

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
A_DAY, REFERENCE_DAYS = 1_200, 10
CONTRACT = """
model: translate
owner: team
runbook: https://runbooks.example.com/translate
source: {path: "requests*.csv", id: id, time: at}
columns:
  length: {role: feature, kind: number}
  status: {role: status, slo: {errors: [5xx, timeout], objective: 0.99}}
window: {every: 6h, lateness: 1m, horizon: 2d, keep: 60d}
reference: {from: 2026-03-02, to: 2026-03-11}
"""
Share = Callable[[float], float]  # of a day: how many of its requests are errors


@pytest.fixture
def service(store_url: str, tmp_path: Path) -> Iterator[Callable[[Share, float], list[dict[str, Any]]]]:
    """Writes requests up to a day, judges what closed, and gives the episodes, newest first."""
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    store = Store(store_url)
    clock = SimulatedClock(0)
    app = App(store, clock, Settings(database_url=store_url))
    written = 0.0

    def until(share: Share, day: float) -> list[dict[str, Any]]:
        nonlocal written
        rng = random.Random(round(written * 4))
        rows = []
        for k in range(round(written * A_DAY), round(day * A_DAY)):
            at = BEGIN + timedelta(days=k / A_DAY)
            failed = rng.random() < share(k / A_DAY)
            status = rng.choice(("503", "timeout")) if failed else rng.choice(("200", "200", "404"))
            rows.append(f"r{k},{at.isoformat()},{rng.randrange(20, 90)},{status}\n")
        part = tmp_path / f"requests{round(day * 4):03d}.csv"
        part.write_text("id,at,length,status\n" + "".join(rows))
        written = day
        clock.set(round((BEGIN + timedelta(days=day, hours=1)).timestamp() * 1e6))
        app.one_pass(app.register(load(tmp_path / "contract.yaml"), author="test"))
        with store.read() as conn:
            return [dict(row) for row in listing.episodes(conn, limit=20).rows]

    yield until
    store.close()


def calm(day: float) -> float:
    return 0.002


def test_a_service_within_its_objective_raises_nothing(service: Callable[..., Any]) -> None:
    assert service(calm, 18) == []


def test_a_slow_burn_is_a_ticket_and_ends_when_the_errors_do(service: Callable[..., Any]) -> None:
    def slow(day: float) -> float:
        return 0.025 if 12 <= day < 16 else 0.002

    (ticket,) = service(slow, 16)
    assert (ticket["family"], ticket["severity"], ticket["closed_us"]) == ("service", "ticket", None)
    assert "burn_rate(status)" in ticket["attributes"]
    (closed,) = service(slow, 19)
    assert closed["id"] == ticket["id"]
    assert closed["closed_us"] is not None
    assert closed["severity"] == "ticket"


def test_a_fast_burn_calls_somebody_and_ends_when_the_errors_do(service: Callable[..., Any]) -> None:
    def fast(day: float) -> float:
        return 0.3 if 12 <= day < 12.5 else 0.002

    (page,) = service(fast, 12.5)
    assert (page["family"], page["severity"], page["closed_us"]) == ("service", "page", None)
    assert page["opened_us"] == round((BEGIN + timedelta(days=12)).timestamp() * 1e6), "one window is enough"
    (closed,) = service(fast, 16)
    assert closed["id"] == page["id"]
    assert closed["closed_us"] is not None


def test_a_slow_burn_that_turns_fast_calls_somebody(service: Callable[..., Any]) -> None:
    def worse(day: float) -> float:
        return 0.25 if day >= 15 else 0.025 if day >= 12 else 0.002

    (ticket,) = service(worse, 15)
    assert ticket["severity"] == "ticket"
    (page,) = service(worse, 15.25)
    assert (page["id"], page["severity"]) == (ticket["id"], "page")
