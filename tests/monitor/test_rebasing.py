"""What a baseline is fitted to: renewed each week where it trails, and never to what an episode spoilt."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from checks.series import ALL, Observations, Series
from monitor.app import App
from monitor.clock import SimulatedClock
from monitor.contract import load
from monitor.rebasing import Fitted, Known, quiet, wanted, week_start, without
from monitor.recent import Changed
from monitor.replay import replay
from monitor.store import listing, models, successions
from monitor.store.alerts import EpisodeRow
from monitor.store.feedback import Feedback
from monitor.windows import Grid
from tests.monitor import stream
from tests.monitor.test_pipeline import open_app, us

DAY = 86_400_000_000
GRID = Grid(6 * 3_600_000_000)
MONDAY = us(0)
FIRST = Fitted()
SERIES = (
    Series("volume", "", ALL, "", "volume", "volume"),
    Series("jsd", "label", ALL, "", "distribution", "predictions"),
    Series("class_share", "label", ALL, "praise", "rate", "predictions"),
    Series("mean", "score", ALL, "", "mean", "predictions"),
)


def episode(since: float, last: float, closed: float | None = None, number: int = 1) -> EpisodeRow:
    """An episode of the column `label`; days of the stream."""
    moved = [{"series": "jsd(label)", "column": "label"}]
    ends = (us(last), None if closed is None else us(closed), None, None)
    spans = (us(since), us(since + 0.25), *ends)
    return EpisodeRow(number, 1, "m", "predictions", "ticket", "x", *spans, "", json.dumps({"moved": moved}))


def said(verdict: str, at: float, undone: float | None = None, of: int = 1) -> Feedback:
    undone_us = None if undone is None else us(undone)
    return Feedback(7, 1, of, verdict, "", "ada", us(at), undone_us, None, 0)  # type: ignore[arg-type]


def chosen(
    at: float,
    *,
    trailing: float | None = None,
    episodes: Sequence[EpisodeRow] = (),
    feedback: Sequence[Feedback] = (),
    before: Fitted = FIRST,
    since: float = 28,
) -> Fitted | None:
    """What the window at day `at` asks for, where the reference was days 0 to 28."""
    known = Known(
        (us(0), us(28)), None if trailing is None else round(trailing * DAY), episodes, feedback, SERIES
    )
    return wanted(known, us(at), before, us(since), GRID, "UTC")


def days(fitted: Fitted | None) -> list[tuple[float, float]]:
    assert fitted is not None
    return [((first - MONDAY) / DAY, (last - MONDAY) / DAY) for first, last in fitted.spans]


def test_a_week_begins_on_monday_in_the_zone_of_the_contract() -> None:
    assert week_start(us(9.5), "UTC") == us(7)
    assert week_start(us(7), "UTC") == us(7)
    assert week_start(us(7), "America/New_York") == us(0) + 4 * 3_600_000_000  # there it is Sunday still


def test_a_fixed_reference_stays_and_a_trailing_one_moves_with_the_first_window_of_a_week() -> None:
    assert chosen(35) is None
    assert chosen(34.75, trailing=28) is None
    assert days(chosen(35, trailing=28)) == [(7, 35)]
    assert chosen(35.25, trailing=28, since=35) is None
    assert days(chosen(43, trailing=28, since=35)) == [(15, 43)]  # nothing was judged on Monday


def test_windows_of_an_episode_are_left_out_and_all_of_them_while_it_is_open() -> None:
    ended, open_ = episode(29, 30, closed=31), episode(32, 32.5, number=2)
    later = episode(36, 37, closed=38, number=3)
    found = chosen(35, trailing=28, episodes=[ended, open_, later])
    assert found is not None
    label = frozenset({1, 2})
    assert found.left_out == (Changed(us(29), us(30), label), Changed(us(32), us(35), label))


def test_a_series_that_would_keep_less_than_half_keeps_the_baseline_it_has() -> None:
    assert chosen(42, trailing=28, episodes=[episode(29, 29)]) is not None
    assert chosen(49, trailing=28, episodes=[episode(29, 29)]) is None


def test_a_false_alarm_is_no_longer_left_out_or_joins_a_fixed_reference() -> None:
    alarm, word = episode(29, 30, closed=31), said("false-alarm", 32)
    assert days(chosen(32, episodes=[alarm], feedback=[word])) == [(0, 28), (29, 30.25)]
    found = chosen(35, trailing=28, episodes=[alarm], feedback=[word])
    assert found is not None
    assert found.left_out == ()
    assert chosen(31.75, episodes=[alarm], feedback=[word]) is None
    taken = Fitted(((us(0), us(28)), (us(29), us(30.25))), feedback=(7,))
    assert chosen(33, episodes=[alarm], feedback=[word], before=taken, since=32) is None
    undone = said("false-alarm", 32, undone=33)
    assert days(chosen(33, episodes=[alarm], feedback=[undone], before=taken, since=32)) == [(0, 28)]


def test_an_expected_change_is_the_reference_once_two_weeks_lie_behind_it_and_then_grows() -> None:
    change, word = episode(30, 33, closed=34), said("expected", 34)
    for day in (34, 43.75):
        assert chosen(day, episodes=[change], feedback=[word]) is None
    first = chosen(44, episodes=[change], feedback=[word])
    assert days(first) == [(30, 44)]
    assert first is not None
    assert chosen(48.75, episodes=[change], feedback=[word], before=first, since=44) is None
    assert days(chosen(49, episodes=[change], feedback=[word], before=first, since=44)) == [(30, 49)]
    full = replace(first, spans=((us(30), us(58)),))
    assert chosen(63, episodes=[change], feedback=[word], before=full, since=58) is None  # as long as it was
    assert days(chosen(70, trailing=28, episodes=[change], feedback=[word], before=full)) == [(42, 70)]


def test_what_is_expected_learns_until_the_baseline_knows_it() -> None:
    change, word = episode(30, 33, closed=34), said("expected", 34, undone=60)
    known = Known((us(0), us(28)), None, [change], [word], SERIES)
    assert quiet(known, us(34), Fitted()) == (1, 2)
    assert quiet(known, us(44), Fitted(feedback=(7,))) == ()
    assert quiet(known, us(33.75), Fitted()) == quiet(known, us(60), Fitted()) == ()


def test_what_is_left_out_leaves_the_other_series_as_they_are() -> None:
    starts = np.array([us(n / 4) for n in range(4)], np.int64)
    n = np.full((4, 4), 10.0)
    obs = Observations(SERIES, starts, n, n * 2, n * 3, {1: np.full((4, 3), 5, np.int64)})
    found = without(obs, [Changed(us(0.25), us(0.5), frozenset({1, 2}))])
    assert found.start_us.tolist() == starts.tolist()
    assert found.n.tolist() == [[10] * 4, [10, 0, 0, 10], [10, 0, 0, 10], [10] * 4]
    assert found.bins[1].sum(axis=1).tolist() == [15, 0, 0, 15]
    assert (obs.n == 10).all()
    gone = without(obs, [Changed(us(0.25), us(0.5), frozenset({0}))])
    assert gone.start_us.tolist() == [us(0), us(0.75)]  # a volume cannot be unknown


def growing(end: float) -> list[stream.Record]:
    """Nights of a third of the records, and a quarter more of them every two weeks; from day 23 all complain."""
    keep = random.Random(5)
    rows = []
    for row in stream.records(days=end, per_window=110):
        moment = stream.at(row)
        share = (0.35 if moment.hour < 6 else 1.0) * (0.6 + 0.01 * (moment - stream.START).days)
        if keep.random() < share:
            rows.append(row)
    return stream.shifted(rows, stream.day(23))


def test_a_trailing_reference_follows_growth_and_does_not_take_in_a_step(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    rows = growing(29)
    path = stream.contract(tmp_path)
    path.write_text(path.read_text().replace("{from: 2026-06-01, to: 2026-06-14}", "{trailing: 2w}"))
    app = open_app(new_database("sqlite"))

    def until(since: float, day: float) -> None:
        assert isinstance(app.clock, SimulatedClock)
        app.clock.set(us(day))
        piece = [row for row in rows if us(since) <= stream.at(row).timestamp() * 1e6 < us(day)]
        stream.write(tmp_path / f"orders{day}.csv", piece)
        app.one_pass(app.register(load(path), author="test"))

    until(0, 14)
    until(14, 23)
    assert _episodes(app) == []
    until(23, 29)
    found = {row["family"]: row for row in _episodes(app)}
    assert set(found) == {"predictions", "quality"}  # a column that holds one value only is a break, too
    assert {row["closed_us"] for row in found.values()} == {None}
    assert min(row["since_us"] for row in found.values()) >= us(22)
    with app.store.read() as conn:
        model = models.get(conn, "orders")
        assert model.plan_id is not None
        fitted = successions.everyone(conn, model.id, model.plan_id)
        shares = listing.measurements(conn, model.id, metric="class_share", term="complaint", segment="*")
    assert [row.from_us for row in fitted] == [us(14), us(21), us(28)]
    assert [row.reason for row in fitted] == ["the reference closed", *["a new week of the reference"] * 2]
    last = Fitted.decode(fitted[-1].fitted)
    assert last.spans == ((us(14), us(28)),)
    assert {one.to_us for one in last.left_out} == {us(28)}
    (newest,) = [row for row in shares.rows if row["window_start_us"] == us(28.75)]
    assert newest["value"] == 1.0
    assert newest["expected"] == pytest.approx(0.3, abs=0.06)  # what is normal did not move
    assert replay(app.store, "orders", us(21)).same
    assert replay(app.store, "orders", us(28.75)).same
    app.store.close()


def _episodes(app: App) -> list[listing.Row]:
    with app.store.read() as conn:
        return list(listing.episodes(conn, limit=50).rows)
