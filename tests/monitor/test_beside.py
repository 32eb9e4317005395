"""Evidently's numbers stand beside ours: the ones it gives, on the records that were kept, and nothing else moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from checks import evidently_mode
from monitor.app import App
from monitor.beside import REFERENCE_ROWS
from monitor.clock import SimulatedClock
from monitor.contract import load
from monitor.settings import Settings
from monitor.store import listing, measurements, models, samples
from monitor.store.engine import Store
from tests.monitor import stream

US = 1_000_000
LAST = stream.day(16.75)


def us(day: float) -> int:
    return int(stream.day(day).timestamp()) * US


def run(folder: Path, url: str, asked: bool) -> App:
    contract = stream.contract(folder)
    if asked:
        text = contract.read_text("utf-8")
        text = text.replace("kind: number}", "kind: number, evidently: [psi, wasserstein]}")
        text = text.replace("shop: {role: segment}", "shop: {role: segment, evidently: [jensenshannon]}")
        contract.write_text(text, "utf-8")
    app = App(Store(url), SimulatedClock(us(17)), Settings(database_url=url))
    assert app.one_pass(app.register(load(contract), author="test")).judged == 12
    return app


def exported(app: App) -> list[str]:
    with app.store.read() as conn:
        text = "".join(measurements.export(conn, models.get(conn, "orders").id))
    return text.splitlines()


@pytest.fixture
def app(tmp_path: Path, new_database: Callable[..., str]) -> App:
    """Three judged days with Evidently beside; in the last window no amount is given."""
    rows = [dict(row, amount="") if stream.at(row) >= LAST else row for row in stream.records()]
    stream.write(tmp_path / "orders.csv", rows)
    return run(tmp_path, new_database("sqlite"), asked=True)


def test_the_scores_are_those_of_evidently_and_nothing_else_moves(
    app: App, tmp_path: Path, new_database: Callable[..., str]
) -> None:
    with app.store.read() as conn:
        model = models.get(conn, "orders").id
        found = {
            (row["window_start_us"], row["metric"], row["column"]): row
            for metric in ("evidently_psi", "evidently_wasserstein", "evidently_jensenshannon")
            for row in listing.measurements(conn, model, metric=metric, limit=100).rows
        }
        reference = samples.smallest_ranks(conn, model, us(0), us(14), REFERENCE_ROWS)
        kept = {start: samples.of_window(conn, model, start) for start, _, _ in found}
    assert len(found) == 3 * 12
    assert len(kept[us(15)]) > 50
    for (start, metric, column), row in found.items():
        assert row["status"] is None  # nothing is decided by them
        if column == "amount" and start == us(16.75):
            assert (row["value"], row["n"]) == (None, 0)
            continue
        if column == "amount":
            sides = [np.array([one.features["amount"] for one in side]) for side in (reference, kept[start])]
            kind: evidently_mode.Kind = "number"
        else:
            sides = [
                np.array([one.segments["shop"] for one in side], object) for side in (reference, kept[start])
            ]
            kind = "category"
        expected = evidently_mode.SCORES[metric.removeprefix("evidently_")](sides[0], sides[1], kind)
        assert row["value"] == pytest.approx(expected, abs=1e-9)
        assert row["n"] == len(kept[start])

    without = run(tmp_path, new_database("sqlite"), asked=False)
    assert [line for line in exported(app) if ",evidently_" not in line] == exported(without)
    without.store.close()
    app.store.close()
