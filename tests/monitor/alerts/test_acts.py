"""What people do with alerts, on both databases: each act counts, is noted, and done twice changes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import select

from monitor.alerts import acts
from monitor.alerts.attributes import Attributes
from monitor.alerts.episodes import FamilyFinding, close, record, reopen, sizes
from monitor.alerts.message import Notification
from monitor.alerts.notify import LIMITS, Audience, Limits, announce
from monitor.alerts.watching import settle
from monitor.errors import Conflict, NotFound, UsageError
from monitor.store import alerts, audit, listing, outbox, silences, tables
from monitor.store.engine import Store
from monitor.store.tables import tellings
from tests.monitor.alerting import CONTEXT, HOUR, MOJIBAKE, SLANG, SetClock, add_model, breach, calm


class Titles:
    """Writes what happened to whom."""

    def body(self, notification: Notification, key: str, now_us: int) -> str:
        subject = notification.subject
        others = [other["model"] for other in notification.data.get("together", ())]
        return json.dumps([notification.context.model, subject.family, notification.event, *others])


class Grouper(Titles):
    one_by_one = True


@dataclass
class Stage:
    """A model with its audience, a clock, and what was sent so far."""

    store: Store
    clock: SetClock
    audiences: dict[int, Audience]
    limits: Limits = LIMITS

    def judge(self, window: int, *findings: FamilyFinding, model: int = 1) -> list[str]:
        self.clock.us = max(self.clock.us, (window + 1) * HOUR)
        with self.store.write() as conn:
            record(conn, model, window * HOUR, HOUR, findings, self.clock.us)
            announce(conn, model, self.audiences[model], self.clock.us, limits=self.limits)
        return self.sent()

    def later(self, hours: float) -> list[str]:
        self.clock.us += int(hours * HOUR)
        settle(self.store, self.clock, lambda: self.audiences, limits=self.limits)
        return self.sent()

    def sent(self) -> list[str]:
        """What was written since the last look, "family event"."""
        with self.store.write() as conn:
            new = [message for message in outbox.list_messages(conn, limit=500) if message.state == "pending"]
            conn.execute(tables.outbox.update().values(state="sent"))
        return [" ".join(json.loads(message.body)[1:]) for message in reversed(new)]

    def history(self, episode_id: int = 1) -> list[str]:
        with self.store.read() as conn:
            return [event.event for event in alerts.events(conn, episode_id)]

    def audited(self) -> list[str]:
        with self.store.read() as conn:
            assert audit.verify(conn).problem is None
            rows = conn.execute(select(tables.audit).order_by(tables.audit.c.seq))
            return [row.action for row in rows]


def audience(model: str = "toxicity", channel: Titles | None = None) -> Audience:
    channels = {f"{model}/all": channel or Titles()}
    routes = {"page": [f"{model}/all"], "ticket": [f"{model}/all"]}
    return Audience(replace(CONTEXT, model=model), routes, channels, {f"{model}/all": "one receiver"})


@pytest.fixture
def stage(store: Store) -> Stage:
    add_model(store)
    return Stage(store, SetClock(0), {1: audience()})


def acknowledge(stage: Stage, hours: float = 8, note: str = "on it") -> bool:
    with stage.store.write() as conn:
        until = stage.clock.us + int(hours * HOUR)
        return acts.acknowledge(conn, 1, note=note, until_us=until, author="ada", now_us=stage.clock.us)


def snooze(stage: Stage, hours: float = 8) -> bool:
    with stage.store.write() as conn:
        until = stage.clock.us + int(hours * HOUR)
        return acts.snooze(conn, 1, note="", until_us=until, factor=2.0, author="ada", now_us=stage.clock.us)


def silence(stage: Stage, hours: float = 8, **matchers: str) -> silences.Silence:
    wanted = {"model": None, "family": None, "segment": None, "severity": None, **matchers}
    with stage.store.write() as conn:
        return acts.silence(
            conn,
            **wanted,  # type: ignore[arg-type]
            comment="a migration",
            starts_us=stage.clock.us,
            expires_us=stage.clock.us + int(hours * HOUR),
            author="ada",
            now_us=stage.clock.us,
        )


def test_an_acknowledgement_counts_until_it_ends_and_then_reminds(stage: Stage) -> None:
    assert stage.judge(1, breach("encoding", HOUR)) == ["encoding opened"]
    assert acknowledge(stage)
    assert not acknowledge(stage), "the same again"
    assert stage.later(7) == []
    assert stage.later(2) == ["encoding reminder"]
    assert stage.later(100) == []
    assert stage.history() == ["opened", "acknowledged", "acknowledgement ended"]
    assert stage.audited() == ["alert.acknowledged"]


def test_an_acknowledgement_can_be_taken_back(stage: Stage) -> None:
    stage.judge(1, breach("encoding", HOUR))
    acknowledge(stage)
    with stage.store.write() as conn:
        assert acts.unacknowledge(conn, 1, author="bob", now_us=stage.clock.us)
        assert not acts.unacknowledge(conn, 1, author="bob", now_us=stage.clock.us)
    assert stage.later(100) == []
    assert stage.audited() == ["alert.acknowledged", "alert.unacknowledged"]


def test_acts_on_what_is_closed_or_unknown_are_refused(stage: Stage) -> None:
    stage.judge(1, breach("encoding", HOUR))
    for window in (2, 3, 4):
        stage.judge(window, calm("encoding"))
    with pytest.raises(Conflict, match="alert 1 is closed"):
        acknowledge(stage)
    with pytest.raises(Conflict, match="alert 1 is closed"):
        snooze(stage)
    with stage.store.write() as conn, pytest.raises(NotFound, match="no alert 9"):
        acts.wake(conn, 9, author="ada", now_us=1)
    assert stage.audited() == []


@pytest.mark.parametrize(
    ("hours", "said"), [(0, "not after"), (-3, "not after"), (24 * 31, "longer than 30 days")]
)
def test_times_that_make_no_sense_are_refused(stage: Stage, hours: float, said: str) -> None:
    stage.judge(1, breach("encoding", HOUR))
    with pytest.raises(UsageError, match=said):
        acknowledge(stage, hours)
    with pytest.raises(UsageError, match=said):
        silence(stage, hours, family="encoding")


def test_a_snooze_ends_when_the_effect_doubles(stage: Stage) -> None:
    stage.judge(1, breach("encoding", HOUR))
    assert snooze(stage)
    assert not snooze(stage)
    assert stage.judge(2, breach("encoding", HOUR)) == []
    (moved,) = MOJIBAKE.moved
    worse = replace(MOJIBAKE, moved=(replace(moved, effect=0.07),))
    assert stage.judge(3, breach("encoding", HOUR, worse)) == ["encoding updated"]
    assert stage.judge(4, breach("encoding", HOUR, worse)) == []
    assert stage.history() == ["opened", "snoozed", "snooze ended"]


def test_a_snooze_that_runs_out_reminds_and_one_that_ended_does_not(stage: Stage) -> None:
    stage.judge(1, breach("encoding", HOUR))
    snooze(stage, 4)
    assert stage.later(5) == ["encoding reminder"]
    snooze(stage, 4)
    with stage.store.write() as conn:
        assert acts.wake(conn, 1, author="ada", now_us=stage.clock.us)
    assert stage.later(5) == []


def test_what_a_silence_holds_is_in_the_history_and_told_at_its_end(stage: Stage) -> None:
    held = silence(stage, family="encoding")
    assert stage.judge(1, breach("encoding", HOUR), breach("evasion", HOUR)) == ["evasion opened"]
    assert stage.judge(2, breach("encoding", HOUR)) == []
    assert stage.later(1) == []
    assert stage.later(8) == ["encoding opened"]
    with stage.store.read() as conn:
        (event,) = [one for one in alerts.events(conn, 1) if one.event == "held"]
    assert event.detail == {"news": "opened", "gate": "silenced", "by": str(held.id)}


def test_what_ended_under_a_silence_is_not_told(stage: Stage) -> None:
    silence(stage, model="tox*")
    stage.judge(1, breach("encoding", HOUR))
    for window in (2, 3, 4):
        assert stage.judge(window, calm("encoding")) == []
    assert stage.later(10) == []


def test_a_silence_that_is_ended_early_lets_go_at_once(stage: Stage) -> None:
    made = silence(stage, severity="page")
    assert stage.judge(1, breach("encoding", HOUR)) == []
    with stage.store.write() as conn:
        acts.expire_silence(conn, made.id, author="bob", now_us=stage.clock.us)
        acts.expire_silence(conn, made.id, author="bob", now_us=stage.clock.us + 1)
    assert stage.later(0) == ["encoding opened"]
    assert stage.audited() == ["silence.added", "silence.expired"]


def test_silences_match_the_leading_segment(stage: Stage) -> None:
    silence(stage, segment="app=android")
    assert stage.judge(1, breach("encoding", HOUR, MOJIBAKE), breach("evasion", HOUR, SLANG)) == [
        "evasion opened"
    ]


def test_a_silence_is_edited_by_revision(stage: Stage) -> None:
    made = silence(stage, family="encoding")
    end = stage.clock.us + 9 * HOUR
    with stage.store.write() as conn:
        after = acts.change_silence(
            conn, made.id, comment="longer", expires_us=end, revision=1, author="bob", now_us=stage.clock.us
        )
        assert (after.revision, after.comment, after.expires_us) == (2, "longer", end)
        with pytest.raises(Conflict, match="changed by somebody else"):
            acts.change_silence(
                conn, made.id, comment="x", expires_us=None, revision=1, author="eve", now_us=stage.clock.us
            )
        with pytest.raises(Conflict, match="has expired"):
            acts.change_silence(
                conn, made.id, comment="x", expires_us=None, revision=None, author="eve", now_us=end
            )


@pytest.mark.parametrize(
    ("matchers", "said"), [({}, "something to match"), ({"family": "weather"}, "no such family")]
)
def test_a_silence_must_say_what_and_why(stage: Stage, matchers: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        silence(stage, **matchers)


def test_a_note_is_written_once(stage: Stage) -> None:
    stage.judge(1, breach("encoding", HOUR))
    with stage.store.write() as conn:
        assert acts.annotate(conn, 1, note="client 7 was updated", author="ada", now_us=1)
        assert not acts.annotate(conn, 1, note="client 7 was updated", author="ada", now_us=2)
        with pytest.raises(UsageError, match="needs words"):
            acts.annotate(conn, 1, note=" ", author="ada", now_us=2)
    assert stage.history() == ["opened", "note"]


def test_an_episode_closed_by_hand_is_told_and_reopened_told_again(stage: Stage) -> None:
    stage.judge(1, breach("encoding", HOUR))
    with stage.store.write() as conn:
        assert close(conn, alerts.get(conn, 1), HOUR, "feedback: expected", stage.clock.us)
        assert not close(conn, alerts.get(conn, 1), HOUR, "feedback: expected", stage.clock.us)
    assert stage.later(1) == ["encoding resolved"]
    with stage.store.write() as conn:
        assert reopen(conn, alerts.get(conn, 1), HOUR, stage.clock.us)
        assert not reopen(conn, alerts.get(conn, 1), HOUR, stage.clock.us)
    assert stage.later(1) == ["encoding opened"]
    assert [stage.judge(window, calm("encoding")) for window in (2, 3, 4)] == [[], [], ["encoding resolved"]]


def test_taken_back_before_anybody_was_told_nothing_is_said(stage: Stage) -> None:
    stage.judge(1, breach("encoding", HOUR))
    with stage.store.write() as conn:
        close(conn, alerts.get(conn, 1), HOUR, "feedback: expected", stage.clock.us)
        reopen(conn, alerts.get(conn, 1), HOUR, stage.clock.us)
    assert stage.later(1) == []


def test_an_alert_that_flaps_says_so_once(stage: Stage) -> None:
    told = []
    for start in range(1, 41, 4):
        told += stage.judge(start, breach("encoding", start * HOUR))
        for window in (start + 1, start + 2, start + 3):
            told += stage.judge(window, calm("encoding"))
    assert told == ["encoding opened", "encoding resolved"] * 2 + ["encoding flapping"]
    quiet = [message for window in range(41, 66) for message in stage.judge(window, calm("encoding"))]
    assert quiet == ["encoding resolved"]


FAMILIES = ("encoding", "evasion", "schema", "service", "performance", "volume")


def test_a_storm_of_one_model_is_one_message(stage: Stage) -> None:
    assert len(stage.judge(1, *(breach(family, HOUR) for family in FAMILIES))) == 1
    with stage.store.read() as conn:
        assert len(listing.episodes(conn, model_id=1).rows) == 6
    assert stage.later(100) == []
    together = [episode for episode in range(1, 7) if "told together" in stage.history(episode)]
    assert len(together) == 5
    ends = [stage.judge(window, *(calm(family) for family in FAMILIES)) for window in (2, 3, 4)]
    assert [len(messages) for messages in ends] == [0, 0, 1]


def test_a_receiver_that_groups_by_itself_gets_them_one_by_one(stage: Stage) -> None:
    stage.audiences[1] = audience(channel=Grouper())
    assert len(stage.judge(1, *(breach(family, HOUR) for family in FAMILIES))) == 6


def test_a_storm_over_all_models_is_gathered_and_told_together(stage: Stage) -> None:
    stage.limits = Limits(installation=3)
    for number in range(2, 8):
        stage.audiences[add_model(stage.store, f"model{number}")] = audience(f"model{number}")
    told = [stage.judge(1, breach("encoding", HOUR), model=model) for model in range(1, 8)]
    assert [len(messages) for messages in told] == [1, 1, 1, 0, 0, 0, 0]
    assert stage.later(0.001) == [], "not gathered yet"
    assert stage.later(0.02) == ["encoding opened model5 model6 model7"]
    assert stage.later(1) == []
    with stage.store.read() as conn:
        assert {row.waits for row in conn.execute(tellings.select())} == {0}


def test_a_catch_up_over_weeks_is_no_storm(stage: Stage) -> None:
    stage.limits = Limits(installation=2)
    stage.clock.us = 5_000 * HOUR
    told = []
    for number, family in enumerate(FAMILIES):
        start = 1 + 50 * number
        told += stage.judge(start, breach(family, start * HOUR))
        for window in (start + 1, start + 2, start + 3):
            told += stage.judge(window, calm(family))
    assert told == [f"{family} {event}" for family in FAMILIES for event in ("opened", "resolved")]


def test_what_an_earlier_release_opened_ends_as_it_began(stage: Stage) -> None:
    stage.judge(1, breach("encoding", HOUR))
    with stage.store.write() as conn:
        conn.execute(tellings.delete())
    assert stage.judge(2, breach("encoding", HOUR)) == []
    assert [stage.judge(window, calm("encoding")) for window in (3, 4, 5)] == [[], [], ["encoding resolved"]]


def test_sizes_know_every_name() -> None:
    broken = Attributes(moved=MOJIBAKE.moved, hard=("frozen(score): all are 0.2",))
    assert sizes(broken) == {"encoding_rate(text):mojibake": 0.03, "frozen(score)": 0.0}
