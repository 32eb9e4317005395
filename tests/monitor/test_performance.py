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
from monitor.performance import State
from monitor.settings import Settings
from monitor.store import labels, listing, models, performance
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
    return judged_at(url, folder, DAYS)


def judged_at(url: str, folder: Path, day: int) -> App:
    clock = SimulatedClock(int((BEGIN + timedelta(days=day, hours=1)).timestamp()) * 1_000_000)
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


def test_delays_are_told_beside_the_coverage(store_url: str, tmp_path: Path) -> None:
    write(tmp_path)
    app = judged(store_url, tmp_path)
    delays = measured(app, "label_delay_days")
    assert [day for day, _ in delays] == sorted(
        [*range(10, DAYS - MATURE_DAYS)] * 2
    )  # median and 90th percentile
    assert all(value == pytest.approx(20 / 24) for _, value in delays)
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


NUMERIC = (
    CONTRACT.replace(
        "decision: {role: prediction, kind: category}", "price: {role: prediction, kind: number}"
    )
    .replace("  score: {role: score, range: [0, 1]}\n", "")
    .replace("  positive: spam\n", "")
)


def write_numbers(folder: Path, *, worse_from: int | None = None) -> None:
    """Prices and what was paid: errors of 10 on average, from a day on twice as large."""
    rng = random.Random(11)
    (folder / "contract.yaml").write_text(NUMERIC)
    records, truths = [], []
    for day in range(DAYS):
        for k in range(A_DAY):
            price = rng.uniform(50, 150)
            spread = 12.5 * (2 if worse_from is not None and day >= worse_from else 1)
            paid = price + rng.gauss(0, spread) - 1
            at = BEGIN + timedelta(days=day, minutes=9 * k)
            records.append((f"r{day}-{k}", at.isoformat(), f"{price:.2f}", rng.choice(("NO", "SE"))))
            word = "unsold" if k % 50 == 0 else f"{paid:.2f}"
            truths.append((f"r{day}-{k}", word, (at + timedelta(hours=20)).isoformat()))
    table(folder / "records.csv", ("id", "at", "price", "country"), records)
    table(folder / "labels.csv", ("record", "truth", "reviewed"), truths)


def test_numbers_have_errors_in_their_own_unit(store_url: str, tmp_path: Path) -> None:
    write_numbers(tmp_path)
    app = judged(store_url, tmp_path)
    assert episodes(app) == []
    assert all(8 < value < 12 for _, value in measured(app, "mae"))
    assert all(10 < value < 15 for _, value in measured(app, "rmse"))
    bias = [value for _, value in measured(app, "bias")]
    assert sum(bias) / len(bias) == pytest.approx(1, abs=0.7)  # predicted more than was paid
    assert measured(app, "mae", "country=NO")
    large = [value for _, value in measured(app, "large_error_rate")]
    assert sum(large) / len(large) == pytest.approx(0.1, abs=0.02)
    # What is no number is no label.
    assert all(value == pytest.approx(1 - 4 / A_DAY) for _, value in measured(app, "label_coverage"))
    assert measured(app, "recall") == measured(app, "accuracy") == measured(app, "estimated_accuracy") == []
    app.store.close()


def test_errors_of_numbers_that_grew_page(store_url: str, tmp_path: Path) -> None:
    write_numbers(tmp_path, worse_from=14)
    app = judged(store_url, tmp_path)
    (episode,) = episodes(app)
    opened = (episode["opened_us"] / 1e6 - BEGIN.timestamp()) / 86_400
    assert 14 + MATURE_DAYS <= opened <= 14 + MATURE_DAYS + 3
    assert "Errors larger than" in episode["attributes"]
    app.store.close()


def test_a_reference_is_not_believed_before_its_labels_are_complete(store_url: str, tmp_path: Path) -> None:
    write(tmp_path)
    app = judged_at(store_url, tmp_path, 11)
    assert measured(app, "estimated_accuracy") == []
    app.clock.set(int((BEGIN + timedelta(days=13, hours=1)).timestamp()) * 1_000_000)  # type: ignore[attr-defined]
    app.one_pass(app.watched()[0])
    assert [day for day, _ in measured(app, "estimated_accuracy")] == [11, 12]
    app.store.close()


def test_late_records_of_a_window_do_not_count_its_labels_twice(store_url: str, tmp_path: Path) -> None:
    """Judging again after a revision ends where judging everything at once would have."""
    write(tmp_path, wrong_from=14)
    (tmp_path / "contract.yaml").write_text(
        CONTRACT.replace("records.csv", '"records*.csv"').replace("keep: 60d", "keep: 60d, horizon: 20d")
    )
    app = judged(store_url, tmp_path)
    at = BEGIN + timedelta(days=15, hours=5)
    late = [(f"late-{k}", at.isoformat(), "spam", "0.9", "SE") for k in range(5)]
    table(tmp_path / "records-late.csv", ("id", "at", "decision", "score", "country"), late)
    app.one_pass(app.watched()[0])
    assert dict(measured(app, "volume"))[15] == A_DAY + 5
    again = states(app)
    app.store.close()
    url = f"sqlite:///{tmp_path / 'fresh.db'}"
    Store(url).upgrade()
    fresh = judged(url, tmp_path)
    assert states(fresh).keys() == again.keys()
    for day, (looked, evidence) in states(fresh).items():
        assert again[day] == (looked, pytest.approx(evidence, rel=1e-9)), day
    fresh.store.close()


def states(app: App) -> dict[int, tuple[int, float]]:
    """Up to where labels were looked at, and the evidence of the errors, after each window."""
    found = {}
    with app.store.read() as conn:
        for day in range(10, DAYS):
            start = int((BEGIN + timedelta(days=day)).timestamp()) * 1_000_000
            body = performance.latest_before(conn, models.get(conn, "spam").id, start + 1)
            if body is not None:
                state = State.from_dict(body)
                found[day] = (state.looked_until_us, state.detectors["error_rate"].evidence)
    return found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("keep: 60d", "keep: 2d", "labels.mature_after: samples are kept for 2d"),
        ("{role: prediction, kind: category}", "{role: feature, kind: category}", "no prediction to compare"),
        ("{role: prediction, kind: category}", "{role: prediction, kind: number}", "a number has no yes"),
        ("id: id, ", "", "labels.key: records have no id"),
        ("{path: labels.csv}", "{url: env:LABELS}", "needs either table or query"),
        ("tolerance: 0.05", "tolerance: 5", "labels.tolerance"),
    ],
)
def test_labels_that_cannot_be_used_are_problems_of_the_contract(old: str, new: str, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        parse(CONTRACT.replace(old, new))
