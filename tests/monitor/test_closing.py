"""What falls due with time: windows that closed, readings, and what a clock that jumps does to them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from monitor import jobs
from monitor.clock import SimulatedClock
from monitor.closing import SLICE, Closing, Jumps, closed, queue, until
from monitor.contract import parse
from monitor.store import baselines, models, outbox, outlets, runs, windows
from monitor.store.engine import Store
from monitor.watched import Watched
from tests.monitor.messages import put_message

HOUR = 3_600_000_000
REFERENCE_END = 500_000 * HOUR
CONTRACT = """\
model: toxicity
source: {type: files, path: none.csv, id: id, time: at}
columns: {text: {role: input, kind: text}}
window: {every: 1h, lateness: 10m, MORE}
reference: {from: 2026-01-01, to: 2026-01-14}
"""
LATE = CONTRACT.replace("10m", "20m").replace("MORE", "horizon: 2d")


def watch(store: Store, more: str = "horizon: 2d", name: str = "toxicity") -> Watched:
    """A model whose baseline was fitted up to REFERENCE_END."""
    with store.write() as conn:
        model = models.create(conn, name, 0)
        models.update_state(conn, model.id, plan_id="a plan", state="live")
        facts = {"from_us": 0, "to_us": REFERENCE_END, "windows": 1, "blocks": 1, "missing": []}
        baselines.save(conn, model.id, "a plan", "sha256", facts, b"", 0)
    return Watched(model.id, name, parse(CONTRACT.replace("MORE", more), "contract.yaml"), Path())


def closing(store: Store, clock: SimulatedClock, *watched: Watched, read_seconds: float = 1e5) -> Closing:
    return Closing(
        store, clock, lambda: watched, read_seconds, jumps=Jumps(clock, lambda: clock.now_us() / 1e6)
    )


def judges(store: Store, watched: Watched) -> int:
    with store.read() as conn:
        return runs.counts(conn, watched.id).get(("judge", "queued"), 0)


def test_the_next_window_to_close_is_known_before_it_does(store: Store) -> None:
    hourly, late = watch(store), watch(store, name="late")
    late = replace(
        late, contract=late.contract.model_copy(update={"window": parse(LATE, "late.yaml").window})
    )
    clock = SimulatedClock(REFERENCE_END + HOUR // 2)
    ticking = closing(store, clock, hourly, late)
    ticking.tick()
    assert ticking.next_us == REFERENCE_END + HOUR + HOUR // 6  # that of the one that waits less long
    clock.set(ticking.next_us)
    assert ticking.tick() > 0
    assert ticking.next_us == REFERENCE_END + HOUR + HOUR // 3


def test_a_window_is_queued_once_it_has_closed_with_its_lateness(store: Store) -> None:
    watched = watch(store)
    clock = SimulatedClock(REFERENCE_END + HOUR + HOUR // 6 - 1)
    ticking = closing(store, clock, watched)
    assert ticking.tick() == 1  # the first reading
    assert judges(store, watched) == 0
    clock.advance(1e-6)
    assert ticking.tick() == 2  # the reading waits already
    assert (judges(store, watched), ticking.tick()) == (1, 0)


def test_two_processes_queue_each_window_once(store: Store) -> None:
    watched = watch(store)
    clock = SimulatedClock(REFERENCE_END + 40 * HOUR)
    made = closing(store, clock, watched).tick() + closing(store, clock, watched).tick()
    assert made == 1 + 2 * 39
    with store.read() as conn:
        assert models.by_id(conn, watched.id).materialised_until_us == REFERENCE_END + 39 * HOUR


def test_after_a_long_time_away_windows_are_queued_in_slices(store: Store) -> None:
    watched = watch(store)
    due = [(REFERENCE_END + i * HOUR, REFERENCE_END + (i + 1) * HOUR) for i in range(SLICE + 20)]
    assert queue(store, watched, due, 1, read=True) == 1 + 2 * (SLICE + 20)
    assert queue(store, watched, due, 1, read=True) == 0


def test_what_is_not_caught_up_is_written_down_with_the_reason(store: Store) -> None:
    watched = watch(store, "catch_up_windows: 3")
    clock = SimulatedClock(REFERENCE_END + 5 * HOUR)
    closing(store, clock, watched).tick()
    assert judges(store, watched) == 4  # the first history is judged as a whole
    clock.advance(10 * 3600)
    closing(store, clock, watched).tick()
    assert judges(store, watched) == 4 + 3
    with store.read() as conn:
        found = windows.between(conn, watched.id, 0, 1 << 62)
    assert [window.state for window in found] == ["open"] * 4 + ["skipped"] * 7 + ["open"] * 3
    assert found[5].reason == "it closed while nothing ran, and the contract catches up 3 windows at most"


def test_a_source_is_read_again_after_a_while(store: Store) -> None:
    watched = watch(store)
    clock = SimulatedClock(REFERENCE_END)
    ticking = closing(store, clock, watched, read_seconds=30)
    assert ticking.tick() == 1
    run = jobs.claim(store, clock, "w")
    assert run is not None
    with store.write() as conn:
        jobs.finish(conn, run, clock.now_us())
    assert ticking.tick() == 0
    clock.advance(30)
    assert (ticking.tick(), ticking.tick()) == (1, 0)


def test_a_stream_that_falls_silent_is_judged_on_and_history_to_its_end(store: Store) -> None:
    watched = watch(store)
    end = REFERENCE_END + 2 * HOUR
    with store.write() as conn:
        windows.upsert(conn, watched.id, [windows.Counts(end - HOUR, end, records=5)])
    now = end + 9 * 24 * HOUR

    def as_of() -> int:
        with store.read() as conn:
            return until(conn, watched, models.by_id(conn, watched.id), now)

    assert as_of() == end + HOUR // 6  # read today, a week and more after its end
    with store.write() as conn:
        models.update_state(conn, watched.id, materialised_until_us=end + HOUR)
    assert as_of() == now  # its silence was noticed as it began


def test_nothing_is_closed_before_a_jump_of_the_clock_is_confirmed() -> None:
    now, wall = [0.0], SimulatedClock(0)
    jumps = Jumps(wall, lambda: now[0])

    def pass_(wall_seconds: float, seconds: float = 1.0) -> bool:
        now[0] += seconds
        wall.advance(wall_seconds)
        return jumps.steady()

    assert pass_(1.0)
    assert pass_(59.0)  # less than a minute: the clocks of machines wander
    assert not pass_(3601.0)
    assert not pass_(1.0)
    assert pass_(1.0)
    assert not pass_(-3599.0)
    assert not pass_(3601.0)  # and back: doubted again from there
    assert not pass_(1.0)
    assert pass_(1.0)
    assert pass_(7200.0, 7200.0)  # a long time between two looks is no jump


def test_a_window_that_a_jump_would_close_waits_for_the_next_looks(store: Store) -> None:
    watched = watch(store)
    clock, now = SimulatedClock(REFERENCE_END), [0.0]
    ticking = Closing(store, clock, lambda: [watched], 1e5, jumps=Jumps(clock, lambda: now[0]))
    ticking.tick()
    clock.advance(2 * 3600)
    assert [ticking.tick() for _ in range(3)] == [0, 0, 2]


def test_what_was_queued_and_leased_before_the_clock_was_set_back_does_not_wait(store: Store) -> None:
    watched = watch(store)
    clock, now = SimulatedClock(REFERENCE_END), [0.0]
    ticking = Closing(store, clock, lambda: [watched], 1e5, jumps=Jumps(clock, lambda: now[0]))
    with store.write() as conn:
        jobs.queue_read(conn, watched.id, REFERENCE_END, clock.now_us())
        put_message(conn, watched.id, clock.now_us(), channel="hook")
        outlets.failed(conn, "hook", "it was away", clock.now_us())
        outlets.hold(conn, "hook", clock.now_us() + 10_000_000, "it was away", clock.now_us())
    assert ticking.tick() == 0
    held = jobs.claim(store, clock, "who is killed", kinds=["read"])
    assert held is not None
    clock.advance(-3600)

    def claimed() -> tuple[bool, bool]:
        with store.write() as conn:
            message = outbox.claim(conn, ["hook"], clock.now_us(), 1_000_000)
        return jobs.claim(store, clock, "another") is not None, message is not None

    assert claimed() == (False, False)
    for _ in range(3):
        ticking.tick()
    assert claimed() == (
        False,
        False,
    )  # the lease holds and the channel rests, for as long as they would have
    clock.advance(11)
    assert claimed() == (False, True)
    clock.advance(50)
    assert claimed()[0]


def test_a_clock_that_was_set_back_while_nothing_ran_is_noticed_at_the_start(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    watched, clock = watch(store), SimulatedClock(REFERENCE_END)
    closing(store, clock, watched).tick()
    done = jobs.claim(store, clock, "who ends well")
    assert done is not None
    with store.write() as conn:
        jobs.finish(conn, done, clock.now_us())
        put_message(conn, watched.id, clock.now_us(), channel="hook")
    clock.advance(-3600)
    later = closing(store, clock, watched)
    assert "the clock stands -3600 s" not in caplog.text
    for _ in range(3):
        later.tick()
    assert (
        caplog.text.count("the clock stands -3600 s from what was written by it before this process began")
        == 1
    )
    with store.write() as conn:
        assert outbox.claim(conn, ["hook"], clock.now_us(), 1_000_000) is not None


def test_a_process_that_starts_by_a_clock_that_went_on_doubts_nothing(store: Store) -> None:
    watched, clock = watch(store), SimulatedClock(REFERENCE_END)
    closing(store, clock, watched).tick()
    assert jobs.claim(store, clock, "who ends well") is not None
    clock.advance(2 * 3600 - 1)
    assert closing(store, clock, watched).tick() > 0


@pytest.mark.parametrize("month", [3, 10])
def test_days_are_closed_one_by_one_when_the_clock_changes(store: Store, month: int) -> None:
    """Berlin: the day of the change is 23 or 25 hours long."""
    from datetime import UTC, datetime

    text = (
        CONTRACT.replace("MORE", "horizon: 2d").replace("every: 1h", "every: 1d")
        + "timezone: Europe/Berlin\n"
    )
    watched = Watched(watch(store).id, "toxicity", parse(text, "contract.yaml"), Path())
    first = int(datetime(2026, month, 20, tzinfo=UTC).timestamp()) * 1_000_000
    last = first + 12 * 24 * HOUR
    with store.read() as conn:
        model = models.by_id(conn, watched.id)
        day_by_day = [
            span for at in range(first, last + 1, HOUR) for span in closed(conn, watched, model, first, at)
        ]
        spans = closed(conn, watched, model, first, last)
    assert list(dict.fromkeys(day_by_day)) == spans
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    assert {(end - start) // HOUR for start, end in spans} == {24, 23 if month == 3 else 25}
