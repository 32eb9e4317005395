"""What was not normal in the recent level: the spans of episodes, each with the series that it names."""

from __future__ import annotations

import pytest

from checks.series import ALL, Series
from monitor.alerts.attributes import Attributes, Moved
from monitor.lately import changed_before
from monitor.rebasing import Known
from monitor.recent import Changed
from monitor.store.alerts import EpisodeRow
from monitor.store.feedback import Feedback

DAY = 86_400_000_000
SERIES = (
    Series("volume", "", ALL, "", "volume", "volume"),
    Series("volume", "", "country=IN", "", "volume", "volume"),
    Series("jsd", "label", ALL, "", "distribution", "predictions"),
)


def episode(since: int, opened: int, last: int, family: str = "predictions", names: int = 2) -> EpisodeRow:
    one = SERIES[names]
    moved = Moved(one.name, one.metric, one.column, one.segment, one.term, 1.0)
    days = (since * DAY, opened * DAY, last * DAY, None, None, None)
    return EpisodeRow(1, 1, "m", family, "ticket", "firing", *days, "", Attributes((moved,)).encode())


def changed(row: EpisodeRow, at: int, *feedback: Feedback) -> tuple[Changed, ...]:
    """What was not normal before day `at`; the recent level begins on day 10."""
    known = Known((0, 5 * DAY), None, [row], feedback, SERIES)
    return changed_before([row], at * DAY, 10 * DAY, known, SERIES)


def test_an_episode_spoils_what_it_names_from_when_the_change_began() -> None:
    assert changed(episode(20, 21, 23), 30) == (Changed(20 * DAY, 23 * DAY, {2}),)


def test_a_loss_of_volume_concerns_every_volume() -> None:
    assert changed(episode(20, 21, 23, "volume", names=1), 30) == (Changed(20 * DAY, 23 * DAY, {0, 1}),)


@pytest.mark.parametrize(("opened", "last", "at"), [(30, 31, 30), (35, 36, 30), (6, 9, 30)])
def test_what_opened_later_or_ended_before_counts_for_nothing(opened: int, last: int, at: int) -> None:
    assert changed(episode(opened - 1, opened, last), at) == ()


def test_what_a_person_called_a_false_alarm_is_normal_from_then_on() -> None:
    word = Feedback(1, 1, 1, "false-alarm", "", "ada", 25 * DAY, None, None, 0)
    assert changed(episode(20, 21, 23), 30, word) == ()
    assert changed(episode(20, 21, 23), 24, word) != ()
