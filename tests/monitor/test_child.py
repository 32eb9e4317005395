"""A working process from outside: its parent sees that it is ready, that it stands still, that it is gone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from monitor.child import Child, Ended


@pytest.fixture
def child(new_database: Callable[..., str]) -> Iterator[Child]:
    made = Child({**os.environ, "DRIFTGLASS_DATABASE_URL": new_database("sqlite")})
    yield made
    made.end()


def until(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_a_child_that_stands_still_says_nothing_and_is_not_gone(child: Child) -> None:
    until(lambda: child.answer(0.5) == {"ready": True})
    assert child.resident_mb() > 50
    assert not child.is_stopped()
    os.kill(child.pid, signal.SIGSTOP)
    until(child.is_stopped)
    child.rest()
    assert child.answer(0.1) is None
    assert child.is_alive()
    os.kill(child.pid, signal.SIGCONT)
    until(lambda: not child.is_stopped())


def test_a_child_that_is_gone_says_how(child: Child) -> None:
    child.kill()
    with pytest.raises(Ended, match="the working process ended with -9"):
        until(lambda: child.answer(0.5))
    with pytest.raises(Ended, match="the working process ended with -9"):
        child.send({"runs": []})
    child.rest()  # nothing that anybody needs to know
    assert (child.is_alive(), child.is_stopped(), child.resident_mb()) == (False, False, 0.0)
