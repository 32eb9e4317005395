from __future__ import annotations

import time

from monitor.clock import SimulatedClock, SystemClock


def test_the_system_clock_counts_microseconds_since_1970() -> None:
    before = time.time_ns() // 1000
    now = SystemClock().now_us()
    assert before <= now <= time.time_ns() // 1000


def test_a_simulated_clock_stands_still_until_moved() -> None:
    clock = SimulatedClock(1_000_000)
    assert clock.now_us() == clock.now_us() == 1_000_000
    clock.advance(0.25)
    assert clock.now_us() == 1_250_000
    clock.set(5)
    assert clock.now_us() == 5
