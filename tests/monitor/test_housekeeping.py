"""What is old goes, in slices; what something still rests on stays, however old it is."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import Table, func, insert, select

from monitor.clock import SimulatedClock
from monitor.contract import parse
from monitor.housekeeping import DAY_US, EVERY_US, Housekeeping
from monitor.settings import Settings
from monitor.store import chores, models, retention
from monitor.store import tables as t
from monitor.store.engine import Store
from monitor.watched import Watched
from tests.monitor.messages import put_message

NOW = 1_800_000_000_000_000
CONTRACT = """\
model: shop
source: {type: files, path: "*.csv", id: id, time: at}
columns: {comment: {role: input, kind: text}}
window: {every: 1d, lateness: 0m, horizon: 2d, sample: 10, keep: 30d}
"""


def ago(days: float) -> int:
    return NOW // DAY_US * DAY_US - round(days * DAY_US)


@dataclass
class House:
    """A model with a reference of four days, 700 days ago."""

    store: Store
    model_id: int
    contract: str = CONTRACT

    def watched(self) -> list[Watched]:
        return [Watched(self.model_id, "shop", parse(self.contract), Path())]

    def keeper(self, now_us: int = NOW, **settings: int) -> Housekeeping:
        return Housekeeping(
            self.store,
            SimulatedClock(now_us),
            self.watched,
            Settings(**settings),  # type: ignore[arg-type]
            pause=lambda _: None,
        )

    def window(self, days: float, *, done: float | None = None, state: str = "judged") -> int:
        """A window that was worked on `done` days ago (when it closed), with one row of everything."""
        start = ago(days)
        done_us = None if state == "open" else start + DAY_US if done is None else ago(done)
        with self.store.write() as conn:
            key = {"model_id": self.model_id, "window_start_us": start}
            conn.execute(
                insert(t.windows).values(
                    model_id=self.model_id,
                    start_us=start,
                    end_us=start + DAY_US,
                    state=state,
                    measured_us=done_us,
                    judged_us=done_us,
                )
            )
            conn.execute(insert(t.samples).values(sample(key, f"e{days}", 0.5)))
            conn.execute(
                insert(t.parts).values(
                    **key, plan_id="p", piece=f"{days}", body=b"b", records=1, created_us=done_us or 0
                )
            )
            conn.execute(insert(t.sequences).values(**key, body=b"s"))
            conn.execute(insert(t.measurements).values(**key, series_id=1, revision=0, n=1.0))
            conn.execute(
                insert(t.verdicts).values(
                    **key, series_id=1, revision=0, status="ok", baseline_id=1, provisional=0
                )
            )
            conn.execute(
                insert(t.runs).values(
                    **key, kind="judge", revision=0, state="succeeded", available_us=0, finished_us=done_us
                )
            )
        return start

    def left(self, table: Table) -> list[int]:
        """Days ago of the windows that still have a row."""
        with self.store.read() as conn:
            starts = conn.execute(select(table.c.window_start_us).order_by(table.c.window_start_us)).scalars()
            return [(NOW // DAY_US * DAY_US - start) // DAY_US for start in starts]


def sample(key: dict[str, int], event_id: str, rank: float, text: str = "words") -> dict[str, object]:
    return {
        **key,
        "stratum": "*",
        "event_id": event_id,
        "event_us": key["window_start_us"],
        "rank": rank,
        "inclusion_probability": 1.0,
        "text": text,
        "segments": "{}",
        "features": "{}",
        "flags": "{}",
    }


@pytest.fixture
def house(store: Store) -> House:
    with store.write() as conn:
        model = models.create(conn, "shop", 1)
        reference = json.dumps({"from_us": ago(700), "to_us": ago(696)})
        made = insert(t.baselines).values(
            model_id=model.id, plan_id="p", sha256="x", reference=reference, body=b"", created_us=1
        )
        baseline_id = conn.execute(made.returning(t.baselines.c.id)).scalar_one()
        models.update_state(conn, model.id, baseline_id=baseline_id)
        conn.execute(
            insert(t.series).values(
                id=1,
                model_id=model.id,
                metric="volume",
                column="",
                segment="*",
                term="",
                kind="k",
                family="volume",
            )
        )
    return House(store, model.id)


def test_each_thing_goes_at_its_own_age_and_the_reference_stays(house: House) -> None:
    for days in (698, 500, 401, 399, 129, 127, 101, 99, 31, 29, 1):
        house.window(days, state="reference" if days == 698 else "judged")
    dropped = house.keeper().tick()
    assert house.left(t.samples) == [698, 29, 1]
    assert house.left(t.parts) == [698, 127, 101, 99, 31, 29, 1]
    assert house.left(t.sequences) == [99, 31, 29, 1]
    for table in (t.measurements, t.verdicts, t.runs):
        assert house.left(table) == [399, 129, 127, 101, 99, 31, 29, 1]
    assert dropped["samples"] == 8


def test_history_that_was_read_today_is_not_old(house: House) -> None:
    house.window(600, done=1)
    house.window(590, state="open")
    house.keeper().tick()
    assert house.left(t.samples) == house.left(t.parts) == house.left(t.measurements) == [600, 590]


def test_the_state_after_the_last_window_stays_however_old_it_is(house: House) -> None:
    house.window(450)
    house.window(440)
    house.keeper().tick()
    assert house.left(t.sequences) == [440]


def test_nothing_goes_while_the_model_learns(house: House) -> None:
    house.window(600)
    with house.store.write() as conn:
        conn.execute(t.models.update().values(baseline_id=None))
    assert house.keeper().tick() == {}


def test_an_open_episode_keeps_what_came_since_its_change_began(house: House) -> None:
    for days in (80, 61, 60, 59):
        house.window(days)
    with house.store.write() as conn:
        conn.execute(insert(t.episodes).values(**episode(house.model_id, since_us=ago(60))))
    house.keeper().tick()
    assert house.left(t.samples) == [60, 59]


def episode(model_id: int, since_us: int, closed_us: int | None = None) -> dict[str, object]:
    return {
        "model_id": model_id,
        "family": "language",
        "severity": "page",
        "since_us": since_us,
        "opened_us": since_us,
        "last_us": since_us,
        "closed_us": closed_us,
        "summary": "",
        "attributes": "{}",
    }


def test_labels_that_still_come_keep_their_records(house: House) -> None:
    labels = "labels: {source: {type: push}, key: id, value: label, mature_after: 28d}\n"
    columns = "columns: {comment: {role: input, kind: text}, label: {role: prediction}}"
    contract = CONTRACT.replace("keep: 30d", "keep: 29d").replace(CONTRACT.splitlines()[2], columns)
    late = replace(house, contract=contract + labels)
    late.window(31)
    late.window(29.5, done=29.25)
    late.keeper().tick()
    with late.store.read() as conn:
        assert conn.execute(select(t.samples.c.event_id)).scalars().all() == ["e29.5"]


def test_of_a_reference_the_records_stay_that_are_compared_with(house: House) -> None:
    start = house.window(698, state="reference")
    key = {"model_id": house.model_id, "window_start_us": start}
    with house.store.write() as conn:
        conn.execute(insert(t.samples), [sample(key, f"more{n}", 0.6 + n / 100) for n in range(5)])
        span = (ago(700), ago(696))
        kept = retention.references(conn, house.model_id, [span], rows=3)
        assert kept == [(span, 0.61)]
        assert retention.samples(conn, house.model_id, ago(0), ago(0), kept) == 3
        left = conn.execute(select(t.samples.c.event_id).order_by(t.samples.c.rank)).scalars().all()
    assert left == ["e698", "more0", "more1"]


def test_examples_and_messages_stay_while_their_episode_is_open(house: House) -> None:
    with house.store.write() as conn:
        made = insert(t.episodes).returning(t.episodes.c.id)
        open_id = conn.execute(made.values(**episode(house.model_id, ago(200)))).scalar_one()
        over_id = conn.execute(made.values(**episode(house.model_id, ago(200), ago(100)))).scalar_one()
        for one in (open_id, over_id):
            conn.execute(
                insert(t.evidence).values(
                    episode_id=one, window_start_us=ago(200), event_id="e", label="x", excerpt="words"
                )
            )
            sent = put_message(
                conn, house.model_id, ago(200), key=f"k{one}", state="sent", sent_us=ago(200), episode_id=one
            )
            conn.execute(insert(t.attempts).values(outbox_id=sent, at_us=ago(200), duration_ms=1.0))
    house.keeper().tick()
    with house.store.read() as conn:
        assert conn.execute(select(t.evidence.c.episode_id)).scalars().all() == [open_id]
        assert conn.execute(select(t.outbox.c.episode_id)).scalars().all() == [open_id]
        assert conn.execute(select(func.count()).select_from(t.attempts)).scalar_one() == 1


def test_it_is_done_once_an_hour_by_one_process(house: House) -> None:
    house.window(100)
    assert house.keeper().tick()["samples"] == 1
    house.window(90)
    assert house.keeper().tick() == {}
    assert house.keeper(NOW + EVERY_US).tick()["samples"] == 1


def test_what_one_tick_does_not_manage_the_next_one_does(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.housekeeping.SLICES", 1)
    for days in range(100, 110):
        house.window(days)
    assert house.keeper().tick() == {"samples": 10}
    with house.store.read() as conn:
        chore = chores.last(conn, "house")
    assert chore is not None
    assert chore.body["finished"] is False
    monkeypatch.setattr("monitor.housekeeping.SLICES", 200)
    assert house.keeper(NOW + 1).tick()["sequences"] == 9
    assert house.keeper(NOW + 2).tick() == {}


def test_a_slice_is_no_longer_than_it_may_be(house: House) -> None:
    for days in range(100, 107):
        house.window(days)
    sizes = []
    with house.store.write() as conn:
        while found := retention.samples(conn, house.model_id, ago(0), ago(0), limit=3):
            sizes.append(found)
    assert sizes == [3, 3, 1]


def test_an_sqlite_file_becomes_smaller(house: House) -> None:
    start = house.window(100)
    key = {"model_id": house.model_id, "window_start_us": start}
    with house.store.write() as conn:
        conn.execute(insert(t.samples), [sample(key, f"m{n}", 0.1, "word " * 400) for n in range(3_000)])
    file = house.store.file
    if file is None:
        assert house.store.free_pages() == 0
    house.keeper().tick()
    if file is not None:
        house.store.fold_log()
        assert Path(file).stat().st_size < 1_500_000
    assert house.left(t.samples) == []
