"""Labels that come late: what they say of a model, on both databases, and what scores say before they come."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import load, parse
from monitor.errors import ContractError
from monitor.settings import Settings
from monitor.store import labels, listing, models
from monitor.store.engine import Store

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
DAYS, A_DAY = 24, 160
MATURE_DAYS = 2
CONTRACT = """
model: spam
owner: team
runbook: https://runbooks.example.com/spam
source: {path: records.csv, id: id, time: at}
columns:
  decision: {role: prediction, kind: category}
  score: {role: score, range: [0, 1]}
  country: {role: segment}
labels:
  source: {path: labels.csv}
  key: record
  value: truth
  labelled: reviewed
  positive: spam
  mature_after: 2d
  tolerance: 0.05
window: {every: 1d, lateness: 1m, keep: 60d}
reference: {from: 2026-03-02, to: 2026-03-11}
"""


def write(folder: Path, *, wrong_from: int | None = None, unsure_from: int | None = None) -> None:
    """Ten days of reference and two weeks after; from a day on labels contradict, or scores say they do not know."""
    rng = random.Random(5)
    folder.mkdir(exist_ok=True)
    (folder / "contract.yaml").write_text(CONTRACT)
    records, truths = [], []
    for day in range(DAYS):
        for k in range(A_DAY):
            chance = rng.betavariate(0.5, 0.5)
            if unsure_from is not None and day >= unsure_from:
                chance = rng.uniform(0.3, 0.7)
            truth = rng.random() < chance
            if wrong_from is not None and day >= wrong_from:
                truth = rng.random() < 0.5
            at = BEGIN + timedelta(days=day, minutes=9 * k)
            key = f"r{day}-{k}"
            records.append(
                (
                    key,
                    at.isoformat(),
                    "spam" if chance > 0.5 else "ok",
                    f"{chance:.4f}",
                    rng.choice(("NO", "SE")),
                )
            )
            if rng.random() < 0.6:
                truths.append((key, "spam" if truth else "ok", (at + timedelta(hours=20)).isoformat()))
    table(folder / "records.csv", ("id", "at", "decision", "score", "country"), records)
    table(folder / "labels.csv", ("record", "truth", "reviewed"), truths)


def table(path: Path, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)


def judged(url: str, folder: Path) -> App:
    clock = SimulatedClock(int((BEGIN + timedelta(days=DAYS, hours=1)).timestamp()) * 1_000_000)
    app = App(Store(url), clock, Settings(database_url=url))
    app.one_pass(app.register(load(folder / "contract.yaml"), author="test"))
    return app


def measured(app: App, metric: str, segment: str = "*") -> list[tuple[int, float]]:
    """(day, value) of a metric of the prediction."""
    with app.store.read() as conn:
        rows = listing.measurements(conn, models.get(conn, "spam").id, limit=100_000).rows
    return sorted(
        (int(row["window_start_us"] / 86_400e6 - BEGIN.timestamp() / 86_400), row["value"])
        for row in rows
        if (row["metric"], row["segment"]) == (metric, segment)
    )


def episodes(app: App, family: str = "performance") -> list[dict]:  # type: ignore[type-arg]
    with app.store.read() as conn:
        return [dict(row) for row in listing.episodes(conn, limit=100).rows if row["family"] == family]


def test_a_model_that_does_as_at_release_pages_nobody(store_url: str, tmp_path: Path) -> None:
    write(tmp_path)
    app = judged(store_url, tmp_path)
    assert episodes(app) == []
    days = [day for day, _ in measured(app, "accuracy")]
    assert days == list(range(10, DAYS - MATURE_DAYS))  # only what is mature, and nothing of the reference
    assert all(0.7 < value < 0.95 for _, value in measured(app, "accuracy"))
    assert all(0.45 < value < 0.75 for _, value in measured(app, "label_coverage"))
    assert measured(app, "recall", "country=SE")
    # Without labels there is an estimate, of every window, and near what labels say later.
    estimated, real = dict(measured(app, "estimated_accuracy")), dict(measured(app, "accuracy"))
    assert sorted(estimated) == list(range(10, DAYS))
    gaps = [estimated[day] - real[day] for day in real]
    assert abs(sum(gaps) / len(gaps)) < 0.02
    app.store.close()


def test_labels_that_contradict_page_although_nothing_else_moved(store_url: str, tmp_path: Path) -> None:
    write(tmp_path, wrong_from=14)
    app = judged(store_url, tmp_path)
    (episode,) = episodes(app)
    assert episode["severity"] == "page"
    opened = (episode["opened_us"] / 1e6 - BEGIN.timestamp()) / 86_400
    assert 14 + MATURE_DAYS <= opened <= 14 + MATURE_DAYS + 3
    assert "Errors, measured on labels" in episode["attributes"]
    assert "estimated_error_rate" not in episode["attributes"]  # scores are blind to that
    app.store.close()


def test_scores_that_became_unsure_page_before_any_label(store_url: str, tmp_path: Path) -> None:
    write(tmp_path, unsure_from=20)
    app = judged(store_url, tmp_path)
    (episode,) = episodes(app)
    opened = (episode["opened_us"] / 1e6 - BEGIN.timestamp()) / 86_400
    assert 20 <= opened < 22
    assert "blind to concept shift" in episode["attributes"]
    app.store.close()


def test_what_labels_say_does_not_depend_on_how_often_one_passes(store_url: str, tmp_path: Path) -> None:
    write(tmp_path, wrong_from=14)
    app = judged(store_url, tmp_path)
    before = measured(app, "accuracy")
    watched = app.watched()[0]
    app.one_pass(watched)
    assert measured(app, "accuracy") == before
    with app.store.read() as conn:
        kept = labels.count(conn, models.get(conn, "spam").id)
    assert kept == len((tmp_path / "labels.csv").read_text().splitlines()) - 1
    app.store.close()


def test_too_few_labels_say_nothing_and_disturb_nothing(store_url: str, tmp_path: Path) -> None:
    write(tmp_path)
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    (tmp_path / "labels.csv").write_text("\n".join([*lines[:60], "r3-1,,nonsense", 'r3-2,"spam']) + "\n")
    app = judged(store_url, tmp_path)
    assert measured(app, "accuracy") == measured(app, "estimated_accuracy") == []
    assert measured(app, "jsd")
    app.store.close()


def test_missing_labels_are_told_and_records_are_judged(store_url: str, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "labels.csv").unlink()
    clock = SimulatedClock(int((BEGIN + timedelta(days=DAYS)).timestamp()) * 1_000_000)
    app = App(Store(store_url), clock, Settings(database_url=store_url))
    report = app.one_pass(app.register(load(tmp_path / "contract.yaml"), author="test"))
    assert report.judged > 0
    assert any("labels" in note for note in report.notes)
    app.store.close()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("keep: 60d", "keep: 2d", "labels.mature_after: samples are kept for 2d"),
        ("{role: prediction, kind: category}", "{role: feature, kind: category}", "no prediction to compare"),
        ("id: id, ", "", "labels.key: records have no id"),
        ("{path: labels.csv}", "{url: env:LABELS}", "needs either table or query"),
        ("tolerance: 0.05", "tolerance: 5", "labels.tolerance"),
    ],
)
def test_labels_that_cannot_be_used_are_problems_of_the_contract(old: str, new: str, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        parse(CONTRACT.replace(old, new))
