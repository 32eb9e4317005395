"""A verdict is made again from the store, to the last bit, whatever came after it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from monitor.app import App
from monitor.cli import main
from monitor.errors import NotFound, UsageError
from monitor.judging import Context
from monitor.recent import Changed
from monitor.replay import Replayed, replay
from monitor.store import models, sequences, tables, windows
from tests.monitor import stream
from tests.monitor.test_pipeline import families, open_app, run, us


def judged(app: App) -> list[int]:
    with app.store.read() as conn:
        model = models.get(conn, "orders")
        return [one.start_us for one in windows.between(conn, model.id, 0, us(400), "judged")]


def every(app: App) -> list[Replayed]:
    return [replay(app.store, "orders", start) for start in judged(app)]


def differing(found: Replayed) -> list[tuple[str, tuple[str, ...]]]:
    return [(line.series, line.differing) for line in found.lines if line.differing]


def test_every_window_replays_before_in_and_after_an_episode_and_after_late_records(
    store_url: str, tmp_path: Path
) -> None:
    """From day 15 to day 16 everybody complains; when that is long over, records of day 14 come late."""
    rows = stream.records(days=20)
    back = {row["id"]: row for row in rows if stream.at(row) >= stream.day(16)}
    rows = [back.get(row["id"], row) for row in stream.shifted(rows, stream.day(15))]
    late = [row for row in rows if stream.day(14.25) <= stream.at(row) < stream.day(14.5)][:20]
    stream.write(
        tmp_path / "orders1.csv",
        [row for row in rows if row not in late and stream.at(row) < stream.day(18.5)],
    )
    app = open_app(store_url, now_day=18.5)
    run(app, tmp_path)
    assert families(app) == {"predictions"}
    first = every(app)
    assert [differing(found) for found in first] == [[]] * 18
    assert all(found.same for found in first)

    stream.write(
        tmp_path / "orders2.csv", [*late, *(row for row in rows if stream.at(row) >= stream.day(18.5))]
    )
    app.store.close()
    app = open_app(store_url, now_day=20.0)  # another process
    run(app, tmp_path)
    again = every(app)
    assert [found.revision for found in again] == [0] + [1] * 17 + [0] * 6
    assert [differing(found) for found in again] == [[]] * 24
    assert all(found.same for found in again)
    # The episode ended with a window that was judged again since, and its sequence began anew there.
    with app.store.read() as conn:
        kept = [sequences.at(conn, models.get(conn, "orders").id, start) for start in judged(app)]
    contexts = [Context.decode(one[1]) for one in kept if one is not None and one[1] is not None]
    assert [context.ended for context in contexts].count(("predictions",)) == 1
    assert contexts[-1].changed  # and its windows are out of the recent level
    app.store.close()


@pytest.fixture
def quiet(new_database: object, tmp_path: Path) -> App:
    stream.write(tmp_path / "orders.csv", stream.records())
    app = open_app(new_database("sqlite"))  # type: ignore[operator]  # the fixture's function
    run(app, tmp_path)
    return app


def test_a_number_that_was_changed_is_found(quiet: App) -> None:
    v = tables.verdicts
    start = judged(quiet)[3]
    with quiet.store.write() as conn:
        conn.execute(update(v).where(v.c.window_start_us == start).values(z=v.c.z + 1e-12))
    found = replay(quiet.store, "orders", start)
    assert not found.same
    assert {name for _, names in differing(found) for name in names} == {"z"}
    assert replay(quiet.store, "orders", judged(quiet)[4]).same


def test_one_series_is_replayed_by_its_name(quiet: App) -> None:
    found = replay(quiet.store, "orders", judged(quiet)[0], "class_share(label):praise")
    assert [line.series for line in found.lines] == ["class_share(label):praise"]
    assert found.same
    with pytest.raises(NotFound, match="no series 'nothing'"):
        replay(quiet.store, "orders", judged(quiet)[0], "nothing")


def test_what_cannot_be_made_again_says_why(quiet: App) -> None:
    t, starts = tables, judged(quiet)
    with pytest.raises(NotFound, match="no window"):
        replay(quiet.store, "orders", starts[0] + 1)
    with pytest.raises(UsageError, match="belongs to the reference"):
        replay(quiet.store, "orders", us(3))
    with quiet.store.write() as conn:
        conn.execute(
            update(t.windows).where(t.windows.c.start_us == starts[1]).values(revision=1, state="open")
        )
        conn.execute(
            update(t.sequences).where(t.sequences.c.window_start_us == starts[2]).values(context=None)
        )
        conn.execute(delete(t.parts).where(t.parts.c.window_start_us == starts[5]))
    with pytest.raises(UsageError, match="revision 1 of the window waits"):
        replay(quiet.store, "orders", starts[1])
    with pytest.raises(UsageError, match="earlier release"):
        replay(quiet.store, "orders", starts[2])
    assert replay(quiet.store, "orders", starts[4]).same
    for start in starts[5:7]:  # the window itself, and one that has it in its recent level
        with pytest.raises(UsageError, match="counts of 1 of the windows"):
            replay(quiet.store, "orders", start)


def test_a_baseline_that_was_changed_is_not_trusted(quiet: App) -> None:
    with quiet.store.write() as conn:
        conn.execute(update(tables.baselines).values(sha256="0" * 64))
    with pytest.raises(UsageError, match="was changed"):
        replay(quiet.store, "orders", judged(quiet)[0])


def test_a_context_reads_back_as_it_was_written() -> None:
    context = Context("code", 3, 1, None, 5, (Changed(1, 2, frozenset({4, 1})),), ("inputs",), (7,))
    assert Context.decode(context.encode()) == context
    assert replace(context, before_us=9).encode() != context.encode()


def test_the_command_takes_the_name_that_measurements_show(
    quiet: App, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "-d", quiet.settings.database_url])
        return int(ended.value.code or 0), capsys.readouterr().out

    _, out = call("measurements", "--json", "--metric", "jsd", "--column", "label", "--limit", "1")
    name = json.loads(out)[0]["verdict"]
    assert name == "orders/2026-06-17T18:00:00Z/jsd(label)"
    code, out = call("replay", name)
    assert (code, "every number" in out) == (0, True)
    with quiet.store.write() as conn:
        conn.execute(update(tables.verdicts).values(effect=0.125))
    code, out = call("replay", name)
    assert code == 1
    assert "(was 0.125)" in out
    assert call("replay", "orders")[0] == 2
