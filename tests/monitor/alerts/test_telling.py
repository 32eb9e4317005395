"""What is told and what holds it, case by case; `test_world` sees that it holds in every order."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from monitor.alerts.telling import (
    GATES,
    Acknowledged,
    Gate,
    Held,
    Lapsed,
    News,
    Outcome,
    Say,
    Seen,
    Snoozed,
    Told,
    decide,
    grew,
    known,
    reopened,
)

NEW = Told(began="ticket")
OPEN = Seen(is_open=True, severity="ticket")
PAGE = replace(OPEN, severity="page")
CLOSED = replace(OPEN, is_open=False)
ACK = Acknowledged("ada", "on it", "ticket", until_us=100)
SNOOZE = Snoozed("ada", "later", "ticket", until_us=100, factor=2.0, effects={"jsd(text)": 0.1})


def play(told: Told, *seen: Seen, now_us: int = 1) -> tuple[Told, list[Outcome]]:
    outcomes: list[Outcome] = []
    for one in seen:
        told, more = decide(told, one, now_us)
        outcomes += more
    return told, outcomes


def test_the_table_has_gates_for_all_news() -> None:
    assert set(GATES) == set(get_args(News))
    assert {gate for gates in GATES.values() for gate in gates} == set(get_args(Gate))


def test_an_episode_is_told_once_and_its_end_once() -> None:
    told, said = play(NEW, OPEN, OPEN, CLOSED, CLOSED, OPEN)
    assert said == [Say("opened", "ticket"), Say("resolved", "ticket", previous="ticket")]
    assert told.ended
    assert told.messages == 2


def test_what_ended_untold_is_never_told() -> None:
    silenced = replace(OPEN, silence=3)
    told, said = play(NEW, silenced, CLOSED)
    assert said == [Held("opened", "silenced", "3")]
    assert told.ended


def test_what_a_silence_held_is_told_at_its_end_if_it_is_still_so() -> None:
    silenced = replace(OPEN, silence=3)
    _, said = play(NEW, silenced, silenced, OPEN)
    assert said == [Held("opened", "silenced", "3"), Say("opened", "ticket")]
    _, said = play(NEW, OPEN, replace(CLOSED, silence=3), CLOSED)
    assert [type(one) for one in said] == [Say, Held, Say]


@pytest.mark.parametrize(
    "seen",
    [replace(PAGE, silence=1), replace(PAGE, inhibited_by="volume"), replace(PAGE, flapping="told"), PAGE],
)
@pytest.mark.parametrize("before", [NEW, replace(NEW, acknowledged=ACK), replace(NEW, snoozed=SNOOZE)])
def test_an_escalation_is_never_silent(before: Told, seen: Seen) -> None:
    told, said = play(replace(before, severity="ticket"), seen, seen)
    assert [one for one in said if isinstance(one, Say)] == [Say("escalated", "page", previous="ticket")]
    assert told.acknowledged is None
    assert told.snoozed is None
    _, said = play(before, replace(seen, severity="ticket", silence=9), seen)
    assert [one for one in said if isinstance(one, Say)] == [Say("escalated", "page")]


def test_an_acknowledged_alert_calls_again_only_when_that_runs_out() -> None:
    told = replace(NEW, severity="ticket", acknowledged=ACK)
    assert play(told, OPEN) == (told, [])
    told, said = play(told, OPEN, OPEN, now_us=100)
    assert said == [Lapsed("acknowledgement", "expired"), Say("reminder", "ticket", previous="ticket")]


def test_who_knows_of_it_is_not_told_when_a_silence_ends() -> None:
    told, said = play(replace(NEW, acknowledged=ACK), replace(OPEN, silence=2), OPEN)
    assert said == [Held("opened", "silenced", "2"), Held("opened", "acknowledged", "ada")]
    _, said = play(told, OPEN, now_us=100)
    assert said == [Lapsed("acknowledgement", "expired"), Say("opened", "ticket")]


def test_a_snooze_ends_when_it_is_twice_as_bad() -> None:
    told = replace(NEW, severity="ticket", snoozed=SNOOZE)
    assert grew(told, {"jsd(text)": 0.19, "jsd(country)": 5.0}) == (told, ())
    told, lapsed = grew(told, {"jsd(text)": -0.2})
    assert lapsed == (Lapsed("snooze", "worse"),)
    assert play(told, OPEN, OPEN)[1] == [Say("worse", "ticket", previous="ticket")]


def test_a_snooze_ends_when_something_else_breaks() -> None:
    told = replace(NEW, severity="page", began="page", snoozed=replace(SNOOZE, effects={"null(x)": 0.0}))
    assert grew(told, {}, ["null(x)"])[1] == ()
    assert grew(told, {}, ["null(x)", "null(y)"])[1] == (Lapsed("snooze", "worse"),)


def test_a_snooze_that_runs_out_reminds() -> None:
    told = replace(NEW, severity="ticket", snoozed=SNOOZE)
    _, said = play(told, OPEN, now_us=100)
    assert said == [Lapsed("snooze", "expired"), Say("reminder", "ticket", previous="ticket")]


def test_the_end_of_an_episode_ends_its_snooze() -> None:
    _, said = play(replace(NEW, severity="ticket", snoozed=SNOOZE), CLOSED)
    assert said == [Say("resolved", "ticket", previous="ticket")]


def test_flapping_is_said_once_and_what_is_owed_when_it_is_calm() -> None:
    told, said = play(NEW, replace(OPEN, flapping="new"), replace(CLOSED, flapping="told"), CLOSED)
    assert said == [
        Say("opened", "ticket", flapping=True),
        Held("resolved", "flapping"),
        Say("resolved", "ticket", previous="ticket"),
    ]
    _, said = play(NEW, replace(OPEN, flapping="told"), replace(CLOSED, flapping="told"))
    assert said == [Held("opened", "flapping")]
    told, said = play(replace(NEW, severity="ticket"), replace(CLOSED, flapping="new"))
    assert said == [Say("resolved", "ticket", flapping=True, previous="ticket")]
    assert not told.ended


def test_a_reopened_episode_is_news_only_to_who_was_told_of_its_end() -> None:
    told, _ = play(NEW, OPEN, CLOSED)
    assert play(reopened(told, "ticket"), OPEN)[1] == [Say("opened", "ticket")]
    told, _ = play(NEW, OPEN)
    assert play(reopened(told, "ticket"), OPEN)[1] == []


def test_what_an_earlier_release_opened_it_told_itself() -> None:
    assert play(known(None, "page", inhibited=False), PAGE)[1] == []
    assert play(known(None, "ticket", inhibited=True), OPEN)[1] == [Say("opened", "ticket")]
    told = replace(NEW, acknowledged=ACK, snoozed=SNOOZE)
    assert known(told.encode(), "ticket", inhibited=False) == told
