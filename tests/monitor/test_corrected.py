"""The corrected share of mixed messages, from a file of labels in the contract to the pages that people read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from checks.plan import Plan
from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import load
from monitor.errors import SourceError
from monitor.reports import review
from monitor.settings import Settings
from monitor.store import listing, models, plans
from monitor.store.engine import Store
from tests.monitor import stream

US = 1_000_000
# A detector finds the first in every message, the second in none.
PLAIN = "the parcel came late pero nadie contestó el teléfono"
HARD = "the box was open and a glass is missing, gracias"
LABELLED = 60


def us(day: float) -> int:
    return int(stream.day(day).timestamp()) * US


def share_of(row: stream.Record) -> float:
    """In the reference one message of ten is mixed, afterwards three."""
    return 0.1 if stream.at(row) < stream.day(14) else 0.3


def mixed(rows: list[stream.Record]) -> list[stream.Record]:
    made = []
    for number, row in enumerate(rows):
        is_mixed = number % 10 < round(10 * share_of(row))
        made.append(dict(row, comment=(PLAIN, HARD)[number // 10 % 2]) if is_mixed else row)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    stream.write(tmp_path / "orders.csv", mixed(stream.records()))
    contract = stream.contract(tmp_path)
    text = contract.read_text("utf-8")
    contract.write_text(
        text.replace("languages: [en, es, de]", "languages: [en, es, de], mixed_labels: mixed.csv")
    )
    rows = [f'"{(PLAIN, HARD)[number % 2]}",yes\n' for number in range(LABELLED)]
    rows += [f'"{stream.WORDS[number % len(stream.WORDS)]}",no\n' for number in range(LABELLED)]
    (tmp_path / "mixed.csv").write_text("comment,mixed\n" + "".join(rows), "utf-8")
    return tmp_path


def opened(folder: Path, url: str) -> App:
    return App(Store(url), SimulatedClock(us(17)), Settings(database_url=url))


def test_the_share_is_measured_in_every_window_and_shown_in_the_review(
    folder: Path, new_database: Callable[..., str]
) -> None:
    app = opened(folder, new_database("sqlite"))
    assert app.one_pass(app.register(load(folder / "contract.yaml"), author="test")).judged == 12
    with app.store.read() as conn:
        model = models.get(conn, "orders").id
        counted = listing.measurements(conn, model, metric="mixed_rate", limit=200).rows
        corrected = listing.measurements(conn, model, metric="mixed_share_corrected", limit=200).rows
        body = plans.current(conn, model)
    assert body is not None
    calibration = Plan.decode(body).text["comment"].calibration
    assert calibration is not None
    assert (sum(calibration.mixed), sum(calibration.pure)) == (LABELLED, LABELLED)
    assert len(corrected) == 12
    seen = {row["window_start_us"]: row["value"] for row in counted}
    for row in corrected:
        assert row["status"] is None  # it is shown, not judged
        assert row["low"] <= 0.3 <= row["high"]
        assert seen[row["window_start_us"]] < 0.2 < row["value"]  # half of them are missed
        assert row["expected"] == pytest.approx(0.1, abs=0.03)
    page = review.render(app.store, "2026-W25", us(17))
    assert "Messages that mix languages, corrected by labelled ones" in page
    app.store.close()


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (None, "columns.comment.mixed_labels: {folder}/mixed.csv: no such file"),
        ("comment,mixed\nhola,perhaps\n", 'line 2: mixed is "perhaps"; write yes or no'),
        ("comment,mixed\nhola my friend,yes\n", "label at least 20 of each kind"),
    ],
)
def test_labels_that_cannot_be_taken_stop_the_learning_with_the_cure(
    folder: Path, new_database: Callable[..., str], labels: str | None, says: str
) -> None:
    (folder / "mixed.csv").unlink()
    if labels is not None:
        (folder / "mixed.csv").write_text(labels, "utf-8")
    app = opened(folder, new_database("sqlite"))
    with pytest.raises(SourceError, match=re.escape(says.format(folder=folder))):
        app.one_pass(app.register(load(folder / "contract.yaml"), author="test"))
    app.store.close()
