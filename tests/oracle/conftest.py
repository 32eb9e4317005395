from __future__ import annotations

from collections.abc import Iterator

import pytest

from monitor.evidently import EvidentlyProcess


@pytest.fixture(scope="session")
def evidently() -> Iterator[EvidentlyProcess]:
    """One live Evidently for all tests here: importing it takes longer than they do."""
    with EvidentlyProcess() as process:
        yield process
