"""As of when a pass judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.as_of import AsOf, newest_us
from monitor.contract import parse
from monitor.store import models, windows
from monitor.store.engine import Store
from monitor.watched import Watched

DAY = 86_400_000_000
HOUR = DAY // 24
MINUTE = HOUR // 60
END = 500_000 * HOUR
CONTRACT = """\
model: toxicity
source: {type: files, path: none.csv, id: id, time: at}
columns: {text: {role: input, kind: text}}
window: {every: 1h, lateness: 10m}
"""


@pytest.fixture
def watched(store: Store) -> Watched:
    """A model whose last record stands in the window that ends at END."""
    contract = parse(CONTRACT)
    with store.write() as conn:
        model = models.create(conn, contract.model, 0)
        windows.upsert(conn, model.id, [windows.Counts(END - HOUR, END, records=1)])
    return Watched(model.id, contract.model, contract, Path())


def test_a_stream_that_goes_on_is_judged_as_of_now(store: Store, watched: Watched) -> None:
    now_us = END + 7 * DAY
    assert AsOf().moment(store, watched, now_us) == (now_us, None)


def test_history_is_judged_as_of_its_end_and_that_is_said(store: Store, watched: Watched) -> None:
    moment_us, said = AsOf().moment(store, watched, END + 8 * DAY)
    assert moment_us == END + 10 * MINUTE
    assert said is not None
    assert said.startswith("the newest record is 8 days old")


def test_who_asks_gets_what_was_asked_for(store: Store, watched: Watched) -> None:
    late = END + 8 * DAY
    assert AsOf(at_newest=True).moment(store, watched, END + HOUR) == (END + 10 * MINUTE, None)
    assert AsOf(at_newest=False).moment(store, watched, late) == (late, None)
    assert AsOf(until_us=5, at_newest=True).moment(store, watched, late) == (5, None)


def test_before_the_first_record_it_is_now(store: Store, watched: Watched) -> None:
    with store.write() as conn:
        other = models.create(conn, "other", 0).id
    empty = Watched(other, "other", watched.contract, watched.base_path)
    assert newest_us(store, other) is None
    assert AsOf(at_newest=True).moment(store, empty, END) == (END, None)
