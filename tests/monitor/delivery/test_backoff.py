"""How long a message waits after a failure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.delivery.dispatch import MAX_ATTEMPTS, backoff_seconds


@given(key=st.text(min_size=1, max_size=40), attempt=st.integers(1, MAX_ATTEMPTS))
def test_the_wait_grows_to_a_ceiling_and_is_repeatable(key: str, attempt: int) -> None:
    wait = backoff_seconds(key, attempt)
    ceiling = min(1.6 ** (attempt - 1), 60.0) if attempt <= 120 else 900.0
    assert ceiling / 2 <= wait <= ceiling
    assert wait == backoff_seconds(key, attempt)


def test_messages_that_failed_together_do_not_come_back_together() -> None:
    assert len({round(backoff_seconds(f"k{number}", 5), 2) for number in range(50)}) > 40


def test_a_message_is_tried_for_three_days() -> None:
    waits = [backoff_seconds("k", attempt) for attempt in range(1, MAX_ATTEMPTS)]
    assert 3 <= sum(waits) / 86_400 <= 3.5
