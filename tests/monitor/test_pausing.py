"""A model that is paused: nothing of it is read or judged, and nothing of it is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from monitor import jobs, pausing
from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.closing import Closing
from monitor.contract import parse
from monitor.errors import UsageError
from monitor.heartbeat import LATE_US, Heartbeat
from monitor.settings import Settings
from monitor.store import audit, baselines, contracts, models, runs, windows
from monitor.store import tables as t
from monitor.store.engine import Store
from monitor.watched import Watched

HOUR = 3_600_000_000
LATENESS = HOUR // 6
END = 500_000 * HOUR  # of the reference
CONTRACT = """\
model: toxicity
source: {type: push, id: id, time: at}
columns: {text: {role: input, kind: text}}
window: {every: 1h, lateness: 10m, horizon: 2d}
"""


class Unused:
    def post(self, body: str, headers: dict[str, str]) -> int:
        raise AssertionError


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(END)


@pytest.fixture
def watched(store: Store) -> Watched:
    """A model whose baseline was fitted up to END, and of which an hour was seen after it."""
    contract = parse(CONTRACT)
    with store.write() as conn:
        model = models.create(conn, contract.model, 0)
        contracts.save_version(conn, model.id, CONTRACT, ".", "test", 0)
        models.update_state(conn, model.id, plan_id="a plan", state="live")
        facts = {"from_us": 0, "to_us": END, "windows": 1, "blocks": 1, "missing": []}
        baselines.save(conn, model.id, "a plan", "sha256", facts, b"", 0)
        windows.upsert(conn, model.id, [windows.Counts(END, END + HOUR, records=5)])
    return Watched(model.id, contract.model, contract, Path())


def tick(store: Store, clock: SimulatedClock, watched: Watched) -> int:
    """What one look at what is due queues."""
    return Closing(store, clock, lambda: [watched], 30).tick()


def pause(store: Store, clock: SimulatedClock, watched: Watched) -> int:
    with store.write() as conn:
        return pausing.pause(conn, watched.id, "ann", clock.now_us())


def states(store: Store, watched: Watched) -> list[str]:
    with store.read() as conn:
        return [one.state for one in windows.between(conn, watched.id, END, 1 << 62)]


def judges(store: Store, watched: Watched) -> list[int]:
    """The windows that wait to be judged, as hours after END."""
    with store.read() as conn:
        found = runs.in_state(conn, "queued", watched.id)
    return sorted((run.window_start_us - END) // HOUR for run in found if run.kind == "judge")


def test_nothing_is_queued_and_nothing_is_claimed(
    store: Store, clock: SimulatedClock, watched: Watched
) -> None:
    clock.set(END + HOUR + LATENESS)
    assert tick(store, clock, watched) == 3  # a reading, and the first window
    pause(store, clock, watched)
    assert not jobs.anything_due(store, clock)
    assert jobs.claim(store, clock, "worker") is None
    clock.advance(5 * 3600)
    assert tick(store, clock, watched) == 0
    with store.write() as conn:
        other = models.create(conn, "other", 0).id
        jobs.queue_read(conn, other, 0, clock.now_us())
    run = jobs.claim(store, clock, "worker")
    assert run is not None
    assert run.model_id == other


def test_what_is_worked_on_just_now_is_finished(
    store: Store, clock: SimulatedClock, watched: Watched
) -> None:
    tick(store, clock, watched)
    run = jobs.claim(store, clock, "worker")
    assert run is not None
    pause(store, clock, watched)
    jobs.heartbeat(store, clock, run)
    with store.write() as conn:
        jobs.finish(conn, run, clock.now_us())


def test_what_closed_meanwhile_is_skipped_and_what_closed_before_is_judged(
    store: Store, clock: SimulatedClock, watched: Watched
) -> None:
    clock.set(END + 2 * HOUR + LATENESS)  # two have closed, and nobody has looked yet
    pause(store, clock, watched)
    clock.advance(3 * 3600)
    done = pausing.resume(store, clock, watched.name, "bob")
    assert done == pausing.Resumed(END + 2 * HOUR + LATENESS, 3)
    assert judges(store, watched) == [0, 1]
    assert states(store, watched) == ["open"] * 2 + ["skipped"] * 3
    with store.read() as conn:
        last = windows.between(conn, watched.id, END + 4 * HOUR, END + 5 * HOUR)[0]
    assert last.reason == "it closed while the model was paused"
    clock.advance(3600)
    tick(store, clock, watched)
    assert judges(store, watched) == [0, 1, 5]


def test_on_demand_what_closed_meanwhile_is_judged(
    store: Store, clock: SimulatedClock, watched: Watched
) -> None:
    clock.set(END + HOUR + LATENESS)
    pause(store, clock, watched)
    clock.advance(3 * 3600)
    done = pausing.resume(store, clock, watched.name, "bob", catch_up=True)
    assert done is not None
    assert done.skipped == 0
    tick(store, clock, watched)
    assert judges(store, watched) == [0, 1, 2, 3]


def test_twice_is_once(store: Store, clock: SimulatedClock, watched: Watched) -> None:
    since_us = pause(store, clock, watched)
    clock.advance(60)
    assert pause(store, clock, watched) == since_us
    assert pausing.resume(store, clock, watched.name, "bob") is not None
    assert pausing.resume(store, clock, watched.name, "bob") is None
    with store.read() as conn:
        said = [(entry.actor, entry.action) for entry in audit.newest(conn, 10)][::-1]
    assert said == [("ann", "model.paused"), ("bob", "model.resumed")]


def test_history_that_was_judged_to_its_end_stays_history(
    store: Store, clock: SimulatedClock, watched: Watched
) -> None:
    clock.set(END + 30 * 24 * HOUR)
    tick(store, clock, watched)
    assert judges(store, watched) == [0]
    pause(store, clock, watched)
    clock.advance(24 * 3600)
    done = pausing.resume(store, clock, watched.name, "bob")
    assert done is not None
    assert done.skipped == 0
    assert states(store, watched) == ["open"]


def test_a_model_that_still_learns_is_paused_too(store: Store, clock: SimulatedClock) -> None:
    with store.write() as conn:
        new = models.create(conn, "new", 0)
        contracts.save_version(conn, new.id, CONTRACT.replace("toxicity", "new"), ".", "test", 0)
    watched = Watched(new.id, "new", parse(CONTRACT), Path())
    pause(store, clock, watched)
    assert tick(store, clock, watched) == 0
    done = pausing.resume(store, clock, "new", "bob")
    assert done is not None
    assert done.skipped == 0
    assert tick(store, clock, watched) == 1


def test_nobody_is_told_that_a_paused_model_stands_still(
    store: Store, clock: SimulatedClock, watched: Watched
) -> None:
    app = App(store, clock, Settings(database_url=store.address))
    tick(store, clock, watched)
    with store.write() as conn:
        windows.mark(conn, watched.id, [END], "judged", END + HOUR)
        models.update_state(conn, watched.id, materialised_until_us=END + HOUR + 1)
    pause(store, clock, watched)
    clock.advance(20 * 3600 + LATE_US / 1e6)
    assert app.look_for_stale() == []
    assert not any("a run has waited" in one for one in Heartbeat(store, clock, Unused()).problems())
    pausing.resume(store, clock, watched.name, "bob", catch_up=True)
    assert app.look_for_stale() == ["toxicity"]


def test_the_canary_is_not_paused(store: Store, clock: SimulatedClock) -> None:
    with store.write() as conn:
        canary = models.create(conn, models.CANARY, 0)
        with pytest.raises(UsageError, match="DRIFTGLASS_CANARY=false"):
            pausing.pause(conn, canary.id, "ann", 0)


def test_a_pass_of_the_command_line_says_so(store: Store, clock: SimulatedClock, watched: Watched) -> None:
    app = App(store, clock, Settings(database_url=store.address))
    pause(store, clock, watched)
    assert app.one_pass(watched).notes == ("paused: nothing is read or judged; `driftglass resume toxicity`",)
    with store.read() as conn:
        assert conn.execute(select(func.count()).select_from(t.runs)).scalar_one() == 0


def test_what_is_sent_meanwhile_is_kept(store: Store, clock: SimulatedClock, watched: Watched) -> None:
    from monitor.store import inbox

    pause(store, clock, watched)
    with store.write() as conn:
        number, _ = inbox.next_number(conn, watched.id)
        inbox.add(conn, watched.id, number, [inbox.Line(b"{}", 1, 2, END)], clock.now_us())
    pausing.resume(store, clock, watched.name, "bob")
    with store.read() as conn:
        assert conn.execute(select(func.count()).select_from(t.inbox)).scalar_one() == 1


def test_killed_while_it_skips_it_is_resumed_by_asking_again(
    store: Store, clock: SimulatedClock, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause(store, clock, watched)
    clock.advance(6 * 3600 + 600)
    monkeypatch.setattr("monitor.closing.SLICE", 2)
    skip, called = jobs.skip, []

    def killed(*given: object) -> int:
        called.append(given)
        if len(called) == 2:
            raise KeyboardInterrupt
        return skip(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "skip", killed)
    with pytest.raises(KeyboardInterrupt):
        pausing.resume(store, clock, watched.name, "bob")
    assert tick(store, clock, watched) == 0  # still paused
    monkeypatch.undo()
    done = pausing.resume(store, clock, watched.name, "bob")
    assert done is not None
    assert states(store, watched) == ["skipped"] * 6
