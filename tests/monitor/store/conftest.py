"""A model to hang rows on."""

from __future__ import annotations

import pytest

from monitor.store import models
from monitor.store.engine import Store


@pytest.fixture
def model_id(store: Store) -> int:
    """The key of a model named `toxicity`, just made."""
    with store.write() as conn:
        return models.create(conn, "toxicity", now_us=1).id
