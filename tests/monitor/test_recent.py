"""The recent level: four weeks back, without the series that an episode names while it lasted."""

from __future__ import annotations

import numpy as np

from checks.series import ALL, Observations, Series
from monitor.recent import RECENT_US, Changed, Recent

HOUR = 3_600_000_000
DAY = 24 * HOUR
SERIES = (
    Series("volume", "", ALL, "", "volume", "volume"),
    Series("null_rate", "amount", ALL, "", "rate", "quality"),
)


def observed(*starts: int, n: float = 10.0) -> Observations:
    """Windows of which the two series hold n and n + 1."""
    counts = np.tile([n, n + 1], (len(starts), 1))
    return Observations(SERIES, np.array(starts, np.int64), counts, counts * 2, counts * 4, {})


def test_only_windows_of_the_four_weeks_before_count() -> None:
    now = 100 * DAY
    recent = Recent(observed(now - RECENT_US - HOUR, now - RECENT_US, now - HOUR, now, now + HOUR))
    before = recent.before(now, ())
    assert before is not None
    assert before.start_us.tolist() == [now - RECENT_US, now - HOUR]
    assert before.series == SERIES
    assert before.x.tolist() == [[20.0, 22.0]] * 2
    assert before.xx.tolist() == [[40.0, 44.0]] * 2


def test_without_earlier_windows_there_is_no_level() -> None:
    assert Recent(observed(5 * DAY)).before(5 * DAY, ()) is None


def test_windows_come_in_order_whenever_they_were_added() -> None:
    recent = Recent(observed(3 * DAY))
    recent.add(observed(DAY, 2 * DAY))
    before = recent.before(4 * DAY, ())
    assert before is not None
    assert before.start_us.tolist() == [DAY, 2 * DAY, 3 * DAY]


def test_a_window_that_was_judged_again_is_replaced() -> None:
    recent = Recent(observed(DAY, n=10))
    recent.add(observed(DAY, n=12))
    before = recent.before(2 * DAY, ())
    assert before is not None
    assert before.n.tolist() == [[12.0, 13.0]]


def test_a_break_forgets_its_own_series_for_as_long_as_it_lasted() -> None:
    recent = Recent(observed(DAY, 2 * DAY, 3 * DAY, 4 * DAY))
    before = recent.before(5 * DAY, [Changed(2 * DAY, 3 * DAY, {1})])
    assert before is not None
    assert np.isnan(before.n).tolist() == [[False, False], [False, True], [False, True], [False, False]]
    # What is forgotten for one judgement is there again for the next.
    after = recent.before(5 * DAY, ())
    assert after is not None
    assert not np.isnan(after.n).any()


def test_an_episode_that_names_no_series_forgets_nothing() -> None:
    before = Recent(observed(DAY)).before(2 * DAY, [Changed(0, 3 * DAY, ())])
    assert before is not None
    assert not np.isnan(before.n).any()


def test_what_is_forgotten_is_gone_and_can_be_remembered_again() -> None:
    recent = Recent(observed(DAY, 2 * DAY, 3 * DAY), {DAY: 1, 2 * DAY: 0, 3 * DAY: 0})
    recent.forget(2 * DAY)
    assert recent.lacking({DAY: 1, 2 * DAY: 0, 3 * DAY: 0}) == [DAY]
    recent.add(observed(DAY), {DAY: 1})  # a window of long ago is judged again
    before = recent.before(3 * DAY, ())
    assert before is not None
    assert before.start_us.tolist() == [DAY, 2 * DAY]
    assert recent.lacking({DAY: 1, 2 * DAY: 0, 3 * DAY: 0}) == []


def test_new_windows_take_the_room_of_old_ones() -> None:
    kept, recent = 200 * HOUR, Recent(observed())
    rooms = set()
    for at in range(0, 3000 * HOUR, HOUR):
        recent.forget(at - kept)
        recent.add(observed(at, n=float(at // HOUR)))
        if at >= 500 * HOUR:
            before = recent.before(at + HOUR, (), at - kept)
            assert before is not None
            assert before.start_us.tolist() == list(range(at - kept, at + HOUR, HOUR))
            assert before.n[:, 0].tolist() == [start // HOUR for start in before.start_us.tolist()]
            assert before.n.base is not None
            rooms.add((id(before.n.base), before.n.base.shape))
    [(_, (_, rows, _))] = rooms  # one piece of memory all the time
    assert rows < 1.2 * 200
