"""The whole way, on both databases: each record counts once, and only what changed is said to have changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import load
from monitor.pipeline import PassReport
from monitor.settings import Settings
from monitor.store import listing, measurements, models, parts, windows
from monitor.store.engine import Store
from tests.monitor import stream

US = 1_000_000


def us(day: float) -> int:
    return int(stream.day(0).timestamp() + day * 86_400) * US


def open_app(url: str, now_day: float = 17.0) -> App:
    return App(Store(url), SimulatedClock(us(now_day)), Settings(database_url=url))


def run(app: App, folder: Path, path: str = "orders*.csv") -> PassReport:
    watched = app.register(load(stream.contract(folder, path)), author="test")
    return app.one_pass(watched)


def exported(app: App) -> str:
    with app.store.read() as conn:
        return "".join(measurements.export(conn, models.get(conn, "orders").id))


def profiles(app: App) -> dict[int, bytes]:
    """The merged profile of every window."""
    from checks.profile import Profile, merge_all

    with app.store.read() as conn:
        model = models.get(conn, "orders")
        assert model.plan_id is not None
        found: dict[int, list[Profile]] = {}
        for start, body in parts.bodies_between(conn, model.id, model.plan_id, 0, us(400)):
            found.setdefault(start, []).append(Profile.decode(body))
    return {start: merge_all(pieces).encode() for start, pieces in found.items()}


def families(app: App) -> set[str]:
    with app.store.read() as conn:
        return {row["family"] for row in listing.episodes(conn, limit=100).rows}


def test_a_quiet_stream_is_measured_and_raises_nothing(store_url: str, tmp_path: Path) -> None:
    rows = stream.records()
    stream.write(tmp_path / "orders.csv", rows)
    app = open_app(store_url)
    report = run(app, tmp_path)
    assert (report.records, report.duplicates, report.quarantined) == (len(rows), 0, 0)
    assert report.judged == 3 * 4
    assert families(app) == set()
    with app.store.read() as conn:
        found = windows.between(conn, models.get(conn, "orders").id, us(0), us(17))
    assert [window.state for window in found] == ["reference"] * 56 + ["judged"] * 12
    app.store.close()


def test_a_second_pass_reads_only_what_is_new(store_url: str, tmp_path: Path) -> None:
    rows = stream.records()
    stream.write(tmp_path / "orders1.csv", rows[:-100])
    app = open_app(store_url)
    run(app, tmp_path)
    again = run(app, tmp_path)
    assert (again.records, again.judged) == (0, 0)
    stream.write(tmp_path / "orders2.csv", rows[-100:])
    assert run(app, tmp_path).records == 100
    app.store.close()


def test_both_databases_and_every_run_give_the_same_bytes(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    stream.write(tmp_path / "orders.csv", stream.records())
    texts = []
    for kind in ("sqlite", "sqlite", "postgresql"):
        app = open_app(new_database(kind))
        run(app, tmp_path)
        texts.append(exported(app))
        app.store.close()
    assert texts[0].count("\n") > 1000
    assert texts[0] == texts[1] == texts[2]


def test_shuffled_and_split_records_give_identical_profiles(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    rows = stream.records()
    whole, split = tmp_path / "whole", tmp_path / "split"
    whole.mkdir()
    split.mkdir()
    stream.write(whole / "orders.csv", rows)
    shuffled = random.Random(1).sample(rows, len(rows))
    for piece in range(48):
        stream.write(split / f"orders{piece:02d}.csv", shuffled[piece::48])
    found = []
    for folder in (whole, split):
        app = open_app(new_database("sqlite"))
        run(app, folder)
        found.append(profiles(app))
        app.store.close()
    assert len(found[0]) == 68
    assert found[0] == found[1]


def test_late_records_make_a_revision_and_judge_what_follows_again(store_url: str, tmp_path: Path) -> None:
    rows = stream.records()
    late = [row for row in rows if stream.day(14) <= stream.at(row) < stream.day(14.25)][:20]
    stream.write(tmp_path / "orders1.csv", [row for row in rows if row not in late])
    app = open_app(store_url)
    run(app, tmp_path)
    stream.write(tmp_path / "orders2.csv", late)
    report = run(app, tmp_path)
    assert report.records == 20
    assert report.judged == 12  # the sequence goes through the revised window, the first of twelve
    with app.store.read() as conn:
        model = models.get(conn, "orders")
        (first,) = windows.between(conn, model.id, us(14), us(14.1))
        (later,) = windows.between(conn, model.id, us(15), us(15.1))
    assert (first.revision, first.state) == (1, "judged")
    assert (later.revision, later.state) == (1, "judged")

    whole = tmp_path / "whole"
    whole.mkdir()
    stream.write(whole / "orders.csv", rows)
    assert families(app) == set()
    app.store.close()


def test_a_record_that_comes_twice_counts_once(store_url: str, tmp_path: Path) -> None:
    rows = stream.records()
    again = [dict(row, comment="another text") if i else row for i, row in enumerate(rows[-2:])]
    stream.write(tmp_path / "orders.csv", [*rows, *again])
    app = open_app(store_url)
    report = run(app, tmp_path)
    assert (report.records, report.duplicates) == (len(rows), 2)
    with app.store.read() as conn:
        aside = listing.quarantine(conn, models.get(conn, "orders").id, limit=10).rows
    assert sorted(row["reason"] for row in aside) == ["duplicate", "duplicate_differs"]
    app.store.close()


def test_a_real_shift_opens_one_alert_and_says_what_moved(store_url: str, tmp_path: Path) -> None:
    rows = stream.shifted(stream.records(), stream.day(15))
    stream.write(tmp_path / "orders.csv", rows)
    app = open_app(store_url)
    run(app, tmp_path)
    with app.store.read() as conn:
        (episode,) = listing.episodes(conn, limit=10).rows
    assert episode["family"] == "predictions"
    assert episode["severity"] == "ticket"
    assert us(15) <= episode["opened_us"] <= us(15.5)
    assert "class_share(label)" in episode["summary"]
    app.store.close()


@pytest.mark.parametrize("broken", ["byte", "null", "empty", "column"])
def test_one_broken_thing_leaves_everything_else_as_it_was(
    broken: str, new_database: Callable[..., str], tmp_path: Path
) -> None:
    """A bad byte, an all-null column, an empty window, a missing column: the other series do not move by a bit."""
    rows = stream.records()
    spoilt, columns, touched = rows, list(stream.COLUMNS), {"amount"}
    last = stream.day(16)
    if broken == "byte":
        spoilt = [dict(row) for row in rows]
        spoilt[-1]["comment"] = "der Karton \udcff war offen"
        touched = {"comment"}
    elif broken == "null":
        spoilt = [dict(row, amount="") if stream.at(row) >= last else row for row in rows]
    elif broken == "empty":
        spoilt = [row for row in rows if not last <= stream.at(row) < stream.day(16.25)]
        touched = set()
    elif broken == "column":
        columns.remove("amount")
    texts = []
    for name, chosen in (("good", rows), ("bad", spoilt)):
        folder = tmp_path / name
        folder.mkdir()
        cut = [row for row in chosen if stream.at(row) < last]
        stream.write(folder / "orders1.csv", cut)
        stream.write(
            folder / "orders2.csv",
            [row for row in chosen if stream.at(row) >= last],
            columns if name == "bad" else stream.COLUMNS,
        )
        app = open_app(new_database("sqlite"))
        report = run(app, folder)
        assert report.judged == 12
        texts.append(exported(app).splitlines())
        app.store.close()
    good, bad = texts
    assert len(good) == len(bad)
    differing = {line.split(",")[2] for a, line in zip(good, bad, strict=True) if a != line}
    if broken == "empty":
        # Only the window itself, and the sequences that wait for it, may differ.
        before = [line for line in good if line < last.isoformat()]
        assert before == [line for line in bad if line < last.isoformat()]
    else:
        assert differing
        assert differing <= touched


def test_samples_are_kept_for_as_long_as_the_contract_says(store_url: str, tmp_path: Path) -> None:
    rows = stream.records()
    stream.write(tmp_path / "orders.csv", rows)
    app = open_app(store_url)
    path = stream.contract(tmp_path)
    path.write_text(path.read_text().replace("keep: 90d", "keep: 2d"))
    watched = app.register(load(path), author="test")
    app.one_pass(watched)
    with app.store.read() as conn:
        kept = listing.samples(conn, watched.id, limit=10_000).rows
    starts = {row["window_start_us"] for row in kept}
    assert max(start for start in starts if start < us(15)) == us(
        13.75
    )  # the reference, which is compared with
    assert min(start for start in starts if start >= us(14)) == us(15)
    assert max(starts) == us(16.75)
    app.store.close()


def test_one_bad_column_of_25_still_gives_24_results(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    names = [f"x{number:02d}" for number in range(25)]
    generator = random.Random(2)
    rows = [dict(row, **{name: f"{generator.gauss(0, 1):.4f}" for name in names}) for row in stream.records()]
    spoilt = [dict(row, x07="broken") if stream.at(row) >= stream.day(16) else row for row in rows]
    text = stream.CONTRACT.format(path="wide.csv", first="2026-06-01", last="2026-06-14")
    declared = "".join(f"  {name}: {{role: feature, kind: number}}\n" for name in names)
    text = text.replace("window:", declared + "window:", 1)
    found = []
    for name, chosen in (("good", rows), ("bad", spoilt)):
        folder = tmp_path / name
        folder.mkdir()
        stream.write(folder / "wide.csv", chosen, (*stream.COLUMNS, *names))
        (folder / "contract.yaml").write_text(text, encoding="utf-8")
        app = open_app(new_database("sqlite"))
        report = app.one_pass(app.register(load(folder / "contract.yaml"), author="test"))
        assert report.judged == 12
        found.append(exported(app).splitlines())
        assert families(app) == (set() if name == "good" else {"schema", "quality"})
        app.store.close()
    differing = {line.split(",")[2] for line, other in zip(*found, strict=True) if line != other}
    assert differing == {"x07"}
