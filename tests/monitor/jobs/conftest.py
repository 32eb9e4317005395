"""A clock, and a model whose runs there are."""

from __future__ import annotations

import pytest

from monitor.clock import SimulatedClock
from monitor.store import models
from monitor.store.engine import Store
from tests.monitor.jobs.working import START


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(START)


@pytest.fixture
def model_id(store: Store) -> int:
    with store.write() as conn:
        return models.create(conn, "toxicity", START).id
