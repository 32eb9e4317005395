"""From findings to rows: episodes, their history, inhibition, and the messages they cause."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from monitor.alerts.attributes import Attributes, Example
from monitor.alerts.episodes import Change, FamilyAbsent, FamilyFinding, Released, record
from monitor.alerts.message import Notification
from monitor.alerts.notify import Audience, announce
from monitor.alerts.state import Absent, Updated
from monitor.errors import NotFound
from monitor.store import alerts, listing, outbox
from monitor.store.engine import Store
from tests.monitor.alerting import CONTEXT, HOUR, MOJIBAKE, SLANG, add_model, breach, calm


class PlainChannel:
    """Writes who, what and the title."""

    def body(self, notification: Notification, key: str, now_us: int) -> str:
        subject = notification.subject
        return json.dumps([subject.family, notification.event, key, notification.title, notification.data])


CHANNELS = {"oncall": PlainChannel(), "review": PlainChannel()}


def judge(store: Store, window: int, *findings: FamilyFinding | FamilyAbsent) -> tuple[Change, ...]:
    """Record the findings of the window that starts at hour `window`."""
    with store.write() as conn:
        return record(conn, 1, window * HOUR, HOUR, findings, now_us=(window + 1) * HOUR)


def tell(store: Store, window: int) -> list[tuple[str, str]]:
    """What is told after the window, (family, event)."""
    everything = Audience(CONTEXT, {"page": ["oncall"], "ticket": ["oncall"]}, CHANNELS)
    with store.write() as conn:
        before = {message.id for message in outbox.list_messages(conn)}
        announce(conn, 1, everything, (window + 1) * HOUR)
        written = [message for message in outbox.list_messages(conn) if message.id not in before]
    return [tuple(json.loads(message.body)[:2]) for message in reversed(written)]


def judged(store: Store, window: int, *findings: FamilyFinding | FamilyAbsent) -> list[tuple[str, str]]:
    """What is told of the window with these findings."""
    judge(store, window, *findings)
    return tell(store, window)


def episodes(store: Store) -> list[alerts.EpisodeRow]:
    """Every episode, oldest first."""
    with store.read() as conn:
        rows = listing.episodes(conn, model_id=1).rows
        return [alerts.get(conn, row["id"]) for row in reversed(rows)]


def history(store: Store, episode_id: int) -> list[str]:
    with store.read() as conn:
        return [event.event for event in alerts.events(conn, episode_id)]


@pytest.fixture(autouse=True)
def model(store: Store) -> int:
    return add_model(store)


def test_an_episode_from_start_to_end(store: Store) -> None:
    example = Example("m-7", "mojibake", "gro\u00c3\u0178")
    assert judged(store, 5, breach("encoding", 4 * HOUR, examples=[example])) == [("encoding", "opened")]
    assert judged(store, 6, breach("encoding", 4 * HOUR, examples=[example])) == []
    assert judged(store, 7, calm("encoding")) == []
    assert judged(store, 8, breach("encoding", 4 * HOUR)) == []
    assert [judged(store, window, calm("encoding")) for window in (9, 10, 11)] == [
        [],
        [],
        [("encoding", "resolved")],
    ]
    (episode,) = episodes(store)
    assert (episode.since_us, episode.opened_us, episode.last_us, episode.closed_us) == (
        4 * HOUR,
        5 * HOUR,
        8 * HOUR,
        11 * HOUR,
    )
    assert (episode.severity, episode.state, episode.close_reason) == ("page", "resolved", "clean windows")
    assert Attributes.decode(episode.attributes) == MOJIBAKE
    assert history(store, episode.id) == ["opened", "recovering", "relapsed", "recovering", "resolved"]
    with store.read() as conn:
        kept = alerts.evidence_of(conn, episode.id)
        assert alerts.open_of(conn, 1) == []
    assert [(row.event_id, row.window_start_us) for row in kept] == [("m-7", 5 * HOUR)], (
        "kept once, where first seen"
    )


def test_a_second_episode_is_another_row(store: Store) -> None:
    for window, finding in enumerate(
        [breach("language", 0)] + [calm("language")] * 3 + [breach("language", 4 * HOUR)]
    ):
        judge(store, window, finding)
    assert [(e.opened_us, e.state) for e in episodes(store)] == [(0, "resolved"), (4 * HOUR, "firing")]


def test_new_series_grow_the_episode_quietly(store: Store) -> None:
    judge(store, 0, breach("vocabulary", 0, SLANG))
    (change,) = judge(store, 1, breach("vocabulary", 0, MOJIBAKE))
    assert isinstance(change.effect, Updated)
    assert tell(store, 0) == [("vocabulary", "opened")]
    (episode,) = episodes(store)
    assert Attributes.decode(episode.attributes).named == (
        "encoding_rate(text):mojibake",
        "unknown_word_rate(text)",
    )
    assert episode.summary.startswith("encoding_rate(text):mojibake"), "the newest window leads"


def test_an_alert_begins_where_the_series_that_opened_it_did(store: Store) -> None:
    """One that joins is weaker and dated less surely, and what is learnt from an alert must not begin too early."""
    judge(store, 5, breach("vocabulary", 4 * HOUR, SLANG))
    judge(store, 6, breach("vocabulary", 2 * HOUR, MOJIBAKE))
    (episode,) = episodes(store)
    assert (episode.since_us, episode.opened_us) == (4 * HOUR, 5 * HOUR)


def test_a_hard_break_opens_although_the_statistics_are_calm(store: Store) -> None:
    broken = replace(calm("schema"), attributes=Attributes(hard=("column `score` is missing",)))
    assert judged(store, 0, broken) == [("schema", "opened")]
    assert episodes(store)[0].summary == "column `score` is missing"


def test_no_data_keeps_the_alert_and_says_so(store: Store) -> None:
    judged(store, 0, breach("language", 0))
    told = [judged(store, window, FamilyAbsent("language", Absent("no_data"))) for window in range(1, 9)]
    assert told == [[], [], [("health", "opened")], [], [], [], [], []]
    with store.read() as conn:
        row = alerts.states(conn, 1)["language"]
        health = alerts.open_of(conn, 1)[1]
    assert (row.state, row.health) == ("firing", "no_data")
    assert (health.family, health.since_us, health.severity) == ("health", HOUR, "ticket")
    assert "no records" in health.summary


def test_two_windows_without_data_are_no_alert(store: Store) -> None:
    for window in (1, 2):
        assert judged(store, window, FamilyAbsent("language", Absent("no_data"))) == []
    assert judged(store, 3, calm("language")) == []
    assert judged(store, 4, FamilyAbsent("language", Absent("no_data"))) == []
    with store.read() as conn:
        assert alerts.states(conn, 1)["health"].state == "pending"
        assert alerts.open_of(conn, 1) == []


def test_a_dead_run_is_a_health_alert_at_once_and_no_drift(store: Store) -> None:
    assert judged(store, 1, FamilyAbsent("language", Absent("error"))) == [("health", "opened")]
    assert [e.family for e in episodes(store)] == ["health"]
    assert judged(store, 2, calm("language")) == [("health", "resolved")]


def test_a_watch_that_stays_blind_pages(store: Store) -> None:
    told = [judged(store, window, FamilyAbsent("language", Absent("error"))) for window in range(14)]
    assert told[0] == [("health", "opened")]
    assert [window for window, messages in enumerate(told) if messages] == [0, 12]
    assert told[12] == [("health", "updated")]
    assert episodes(store)[0].severity == "page"


def test_a_lost_volume_explains_that_nothing_is_seen(store: Store) -> None:
    judged(store, 1, breach("volume", HOUR), FamilyAbsent("language", Absent("no_data")))
    for window in (2, 3, 4):
        gone = [breach("volume", HOUR), FamilyAbsent("language", Absent("no_data"))]
        assert judged(store, window, *gone) == []
    assert {e.family: e.inhibited_by for e in episodes(store)} == {"volume": None, "health": "volume"}


def test_a_break_in_the_same_window_wins_whatever_the_order(store: Store) -> None:
    assert judged(store, 0, breach("vocabulary", 0), breach("encoding", 0), breach("evasion", 0)) == [
        ("encoding", "opened"),
        ("evasion", "opened"),
    ]
    assert {e.family: e.inhibited_by for e in episodes(store)} == {
        "encoding": None,
        "evasion": None,
        "vocabulary": "encoding",
    }


def test_a_drift_that_was_there_before_is_told(store: Store) -> None:
    judged(store, 5, breach("encoding", 5 * HOUR))
    assert judged(store, 6, breach("language", 3 * HOUR), breach("inputs", 4 * HOUR)) == [
        ("language", "opened")
    ]


def test_an_inhibited_drift_comes_and_goes_in_silence(store: Store) -> None:
    judge(store, 0, breach("encoding", 0), breach("vocabulary", 0))
    for window in (1, 2, 3):
        judge(store, window, calm("encoding"), calm("vocabulary"))
    assert tell(store, 3) == [], "neither did anybody hear of the break, as nothing was told before its end"
    drift = episodes(store)[1]
    assert (drift.state, drift.inhibited_by) == ("resolved", "encoding")
    assert history(store, drift.id) == ["opened", "inhibited", "recovering", "resolved"]


def test_a_drift_that_outlives_its_break_is_told_then(store: Store) -> None:
    judged(store, 0, breach("encoding", 0), breach("vocabulary", 0))
    for window in (1, 2):
        assert judged(store, window, calm("encoding"), breach("vocabulary", 0)) == []
    changes = judge(store, 3, calm("encoding"), breach("vocabulary", 0))
    assert changes[1].effect == Released(3 * HOUR)
    assert tell(store, 3) == [("encoding", "resolved"), ("vocabulary", "opened")]
    assert episodes(store)[1].inhibited_by is None
    assert history(store, episodes(store)[1].id)[-1] == "released"
    assert judged(store, 4, calm("encoding"), breach("vocabulary", 0)) == []


def test_models_do_not_touch_each_other(store: Store) -> None:
    other = add_model(store, "spam")
    judge(store, 0, breach("encoding", 0))
    with store.write() as conn:
        record(conn, other, 0, HOUR, [breach("language", 0)], HOUR)
    with store.read() as conn:
        assert [(e.model, e.inhibited_by) for e in alerts.open_of(conn)] == [
            ("toxicity", None),
            ("spam", None),
        ]
        assert [e.family for e in alerts.overlapping(conn, 1, ["encoding", "language"], 0)] == ["encoding"]


def test_an_alert_that_does_not_exist(store: Store) -> None:
    with store.read() as conn, pytest.raises(NotFound, match="no alert 99"):
        alerts.get(conn, 99)


def test_messages_go_to_the_channels_of_their_severity_once(store: Store) -> None:
    audience = Audience(CONTEXT, {"page": ["oncall", "review"], "ticket": ["review"]}, CHANNELS)
    judge(store, 0, breach("encoding", 0), breach("evasion", 0))
    with store.write() as conn:
        assert announce(conn, 1, audience, HOUR) == 3
        assert announce(conn, 1, audience, HOUR) == 0, "nothing is news any more"
        messages = outbox.list_messages(conn)
    assert [(m.channel, m.subject, m.type) for m in reversed(messages)] == [
        ("oncall", "toxicity/encoding", "io.driftglass.alert.opened.v1"),
        ("review", "toxicity/encoding", "io.driftglass.alert.opened.v1"),
        ("review", "toxicity/evasion", "io.driftglass.alert.opened.v1"),
    ]
    assert all(json.loads(m.body)[2] == m.key and "." not in m.key for m in messages)
    assert len({m.key for m in messages}) == 3


def test_a_resolution_goes_where_the_opening_went(store: Store) -> None:
    judge(store, 0, breach("encoding", 0))
    with store.write() as conn:
        announce(conn, 1, Audience(CONTEXT, {"page": ["oncall"]}, CHANNELS), HOUR)
    for window in (1, 2, 3):
        judge(store, window, calm("encoding"))
    with store.write() as conn:
        announce(conn, 1, Audience(CONTEXT, {"page": ["review"]}, CHANNELS), 4 * HOUR)
        assert [(m.channel, m.type[-11:]) for m in outbox.list_messages(conn)] == [
            ("oncall", "resolved.v1"),
            ("oncall", "t.opened.v1"),
        ]


def test_a_rolled_back_judge_leaves_no_message(store: Store) -> None:
    def killed_before_the_commit() -> None:
        with store.write() as conn:
            record(conn, 1, 0, HOUR, [breach("encoding", 0)], HOUR)
            assert announce(conn, 1, Audience(CONTEXT, {"page": ["oncall"]}, CHANNELS), HOUR) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed_before_the_commit()
    with store.read() as conn:
        assert outbox.list_messages(conn) == []
        assert alerts.states(conn, 1) == {}
