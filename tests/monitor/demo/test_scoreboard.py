from __future__ import annotations

import io

import pytest
from rich.console import Console

from monitor.demo.scoreboard import SeenEpisode, render, scoreboard
from monitor.demo.truth import HOUR_US, Incident, Truth

MOJIBAKE = Incident(
    "mojibake", "broken client", "partner-api", ("encoding", "vocabulary"), 10 * HOUR_US, 24 * HOUR_US
)
SLANG = Incident("slang", "a new word", "glimzo", ("vocabulary",), 32 * HOUR_US, 46 * HOUR_US)
TRUTH = Truth(1, 0, 100 * HOUR_US, 5 * HOUR_US, 1000, (SLANG, MOJIBAKE))


def episode(family: str, opened: int, closed: int | None = None) -> SeenEpisode:
    return SeenEpisode(opened * HOUR_US, None if closed is None else closed * HOUR_US, family)


def test_the_first_window_is_a_delay_of_one() -> None:
    board = scoreboard(TRUTH, [episode("encoding", 10, 26), episode("vocabulary", 35, 50)])
    assert [(row.incident.name, row.delay) for row in board.rows] == [("mojibake", 1), ("slang", 4)]
    assert board.unexplained == ()
    assert board.passed()


def test_the_earliest_family_that_may_answer_finds_it_and_the_others_belong_to_it() -> None:
    board = scoreboard(TRUTH, [episode("encoding", 13, 26), episode("vocabulary", 12, 27)])
    assert board.rows[0].found == episode("vocabulary", 12, 27)
    assert len(board.rows[0].episodes) == 2
    assert board.unexplained == ()


@pytest.mark.parametrize(
    "stray",
    [
        pytest.param(episode("volume", 12, 14), id="a family that cannot answer for it"),
        pytest.param(episode("encoding", 3, 10), id="closed before it began"),
        pytest.param(episode("encoding", 24, 26), id="opened when it was over"),
        pytest.param(episode("encoding", 40, None), id="a family of another incident"),
    ],
)
def test_an_episode_with_nothing_behind_it_is_unexplained(stray: SeenEpisode) -> None:
    board = scoreboard(TRUTH, [stray])
    assert board.unexplained == (stray,)
    assert board.rows[0].found is None


def test_an_episode_that_was_open_before_explains_itself_but_finds_nothing() -> None:
    board = scoreboard(TRUTH, [episode("vocabulary", 20, 40)])
    assert board.rows[0].delay == 11
    assert board.rows[1].found is None
    assert board.rows[1].episodes == (episode("vocabulary", 20, 40),)
    assert board.unexplained == ()


def test_passing_needs_every_incident_soon_and_few_other_episodes() -> None:
    both = [episode("encoding", 10, 26), episode("vocabulary", 35, 50)]
    others = [episode("service", hour, hour + 1) for hour in (5, 6, 7)]
    assert scoreboard(TRUTH, both + others[:2]).passed()
    assert not scoreboard(TRUTH, both + others).passed()
    assert not scoreboard(TRUTH, both[:1]).passed()
    assert not scoreboard(TRUTH, [both[0], episode("vocabulary", 45, 50)]).passed()


def test_the_table_fits_a_terminal_and_says_what_is_missing() -> None:
    page = io.StringIO()
    board = scoreboard(TRUTH, [episode("encoding", 11, 26), episode("service", 5, 6)])
    Console(file=page, width=80).print(render(board))
    lines = page.getvalue().splitlines()
    assert "…" not in page.getvalue()
    assert any(
        line.split() == ["mojibake", "partner-api", "Thu", "10:00", "Thu", "11:00", "2", "encoding"]
        for line in lines
    )
    assert any("slang" in line and "not found" in line for line in lines)
    assert "1 of 2 incidents found; episodes with no incident behind them: 1" in page.getvalue().replace(
        "\n", " "
    )
    assert "service 01 Jan 05:00" in page.getvalue().replace("\n", " ")
