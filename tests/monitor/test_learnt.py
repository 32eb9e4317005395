"""What was learnt of a model: kept in memory, refused where another release has written it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from monitor.contract import load
from monitor.errors import UsageError
from monitor.learnt import Learnt
from monitor.store.tables import plans
from tests.monitor import stream
from tests.monitor.test_pipeline import exported, open_app, run


def test_a_store_of_another_release_is_told_and_not_touched(store_url: str, tmp_path: Path) -> None:
    stream.write(tmp_path / "orders.csv", stream.records())
    app = open_app(store_url)
    run(app, tmp_path)
    before = exported(app)
    with app.store.write() as conn:
        conn.execute(update(plans).values(body=b"\x01 of an older release"))
    later = open_app(store_url)
    with pytest.raises(UsageError, match=r"of another release of driftglass .* give a new --database"):
        run(later, tmp_path)
    assert exported(app) == before
    app.store.close()
    later.store.close()


def test_before_the_first_reading_there_is_nothing_to_count_by(store_url: str, tmp_path: Path) -> None:
    stream.write(tmp_path / "orders.csv", stream.records())
    app = open_app(store_url)
    watched = app.register(load(stream.contract(tmp_path, "orders.csv")), author="test")
    learnt = Learnt(app.store, app.clock, watched, {}, app.settings)
    assert learnt.plan() is None
    for asked in (learnt.reader, learnt.evaluator):
        with pytest.raises(UsageError, match="orders: nothing was learnt yet; run `driftglass run` first"):
            asked()
    app.one_pass(watched)
    assert learnt.plan() is not None
    assert learnt.reader() is learnt.reader()
    assert learnt.evaluator() is learnt.evaluator()
    app.store.close()
