"""From findings to rows: episodes, their history, inhibition, and the messages they cause."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from monitor.alerts.attributes import Attributes, Example
from monitor.alerts.episodes import Change, FamilyAbsent, FamilyFinding, Released, record
from monitor.alerts.message import Notification
from monitor.alerts.notify import announce
from monitor.alerts.state import Absent, Updated
from monitor.errors import NotFound
from monitor.store import alerts, listing, outbox
from monitor.store.engine import Store
from tests.monitor.alerting import CONTEXT, HOUR, MOJIBAKE, SLANG, add_model, breach, calm


def judge(store: Store, window: int, *findings: FamilyFinding | FamilyAbsent) -> tuple[Change, ...]:
    """Record the findings of the window that starts at hour `window`."""
    with store.write() as conn:
        return record(conn, 1, window * HOUR, HOUR, findings, now_us=(window + 1) * HOUR)


def told(changes: Sequence[Change]) -> list[tuple[str, str]]:
    return [(change.family, change.event) for change in changes if change.event is not None]


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
    assert told(judge(store, 5, breach("encoding", 4 * HOUR, examples=[example]))) == [("encoding", "opened")]
    assert told(judge(store, 6, breach("encoding", 4 * HOUR, examples=[example]))) == []
    assert told(judge(store, 7, calm("encoding"))) == []
    assert told(judge(store, 8, breach("encoding", 4 * HOUR))) == []
    assert [told(judge(store, window, calm("encoding"))) for window in (9, 10, 11)] == [
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
    assert change.event is None
    (episode,) = episodes(store)
    assert Attributes.decode(episode.attributes).named == (
        "encoding_rate(text):mojibake",
        "unknown_word_rate(text)",
    )
    assert episode.summary.startswith("encoding_rate(text):mojibake"), "the newest window leads"


def test_a_hard_break_opens_although_the_statistics_are_calm(store: Store) -> None:
    broken = replace(calm("schema"), attributes=Attributes(hard=("column `score` is missing",)))
    assert told(judge(store, 0, broken)) == [("schema", "opened")]
    assert episodes(store)[0].summary == "column `score` is missing"


def test_no_data_keeps_the_alert_and_says_so(store: Store) -> None:
    judge(store, 0, breach("language", 0))
    for window in range(1, 9):
        assert judge(store, window, FamilyAbsent("language", Absent("no_data"))) == ()
    with store.read() as conn:
        row = alerts.states(conn, 1)["language"]
    assert (row.state, row.health) == ("firing", "no_data")


def test_a_break_in_the_same_window_wins_whatever_the_order(store: Store) -> None:
    assert told(judge(store, 0, breach("vocabulary", 0), breach("encoding", 0), breach("evasion", 0))) == [
        ("encoding", "opened"),
        ("evasion", "opened"),
    ]
    assert {e.family: e.inhibited_by for e in episodes(store)} == {
        "encoding": None,
        "evasion": None,
        "vocabulary": "encoding",
    }


def test_a_drift_that_was_there_before_is_told(store: Store) -> None:
    judge(store, 5, breach("encoding", 5 * HOUR))
    assert told(judge(store, 6, breach("language", 3 * HOUR), breach("inputs", 4 * HOUR))) == [
        ("language", "opened")
    ]


def test_an_inhibited_drift_comes_and_goes_in_silence(store: Store) -> None:
    judge(store, 0, breach("encoding", 0), breach("vocabulary", 0))
    for window in (1, 2, 3):
        changes = judge(store, window, calm("encoding"), calm("vocabulary"))
        assert ("vocabulary", "resolved") not in told(changes)
    drift = episodes(store)[1]
    assert (drift.state, drift.inhibited_by) == ("resolved", "encoding")
    assert history(store, drift.id) == ["opened", "inhibited", "recovering", "resolved"]


def test_a_drift_that_outlives_its_break_is_told_then(store: Store) -> None:
    judge(store, 0, breach("encoding", 0), breach("vocabulary", 0))
    for window in (1, 2):
        assert told(judge(store, window, calm("encoding"), breach("vocabulary", 0))) == []
    changes = judge(store, 3, calm("encoding"), breach("vocabulary", 0))
    assert told(changes) == [("encoding", "resolved"), ("vocabulary", "opened")]
    assert changes[1].effect == Released(3 * HOUR)
    assert episodes(store)[1].inhibited_by is None
    assert history(store, episodes(store)[1].id)[-1] == "released"
    assert told(judge(store, 4, calm("encoding"), breach("vocabulary", 0))) == []


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


class PlainChannel:
    """Writes titles."""

    def body(self, notification: Notification, key: str, now_us: int) -> str:
        return json.dumps([key, notification.event, notification.title])


def tell(store: Store, changes: Sequence[Change], routes: dict[str, list[str]]) -> int:
    channels = {"oncall": PlainChannel(), "review": PlainChannel()}
    with store.write() as conn:
        return announce(conn, 1, CONTEXT, changes, routes, channels, now_us=1)


def test_messages_go_to_the_channels_of_their_severity_once(store: Store) -> None:
    routes = {"page": ["oncall", "review"], "ticket": ["review"]}
    changes = judge(store, 0, breach("encoding", 0), breach("evasion", 0))
    assert tell(store, changes, routes) == 3
    assert tell(store, changes, routes) == 0, "the key is the same: written once"
    with store.read() as conn:
        messages = outbox.list_messages(conn)
    assert [(m.channel, m.subject, m.type) for m in reversed(messages)] == [
        ("oncall", "toxicity/encoding", "io.driftglass.alert.opened.v1"),
        ("review", "toxicity/encoding", "io.driftglass.alert.opened.v1"),
        ("review", "toxicity/evasion", "io.driftglass.alert.opened.v1"),
    ]
    assert all(json.loads(m.body)[0] == m.key and "." not in m.key for m in messages)


def test_a_rolled_back_judge_leaves_no_message(store: Store) -> None:
    def killed_before_the_commit() -> None:
        with store.write() as conn:
            changes = record(conn, 1, 0, HOUR, [breach("encoding", 0)], HOUR)
            assert (
                announce(conn, 1, CONTEXT, changes, {"page": ["oncall"]}, {"oncall": PlainChannel()}, HOUR)
                == 1
            )
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed_before_the_commit()
    with store.read() as conn:
        assert outbox.list_messages(conn) == []
        assert alerts.states(conn, 1) == {}
