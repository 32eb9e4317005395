"""What people read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.attributes import NOTHING, Attributes, Codec, Damage, Example, Moved
from monitor.alerts.message import Context, Other, Subject, compose, describe, safe, summary
from tests.monitor.alerting import CONTEXT, HOUR, MOJIBAKE, SLANG

SUBJECT = Subject(
    episode_id=12,
    family="encoding",
    severity="page",
    since_us=500_000 * HOUR,
    opened_us=500_001 * HOUR,
    closed_us=None,
    attributes=MOJIBAKE,
    examples=(Example("m-1", "mojibake", "ein gro\u00c3\u0178er Fehler"),),
)


def test_a_notification_answers_every_question() -> None:
    big = "encoding_rate(text):mojibake 3.1% (normal 0.020%, usually 0.0% to 0.1%, 155 times), z +8.0"
    text = compose("opened", CONTEXT, SUBJECT).text
    assert text.splitlines() == [
        "toxicity: encoding changed",
        f"What changed: {big}",
        "Since: 2027-01-15 08:00 UTC",
        "How big against normal:",
        f"  {big}",
        "Where: app=android carries 93%",
        "Consistent with: One client sends UTF-8 that was read as Latin-1.",
        "Examples (redacted):",
        "  [mojibake] ein gro\u00c3\u0178er Fehler",
        "Owner: trust-and-safety",
        "Runbook: https://runbooks.example.com/toxicity",
        "Look: https://drift.example.com/alerts/12",
        "Acknowledge, snooze or silence: https://drift.example.com/alerts/12#act",
    ]


def test_the_data_says_the_same_and_is_json() -> None:
    data = compose("opened", CONTEXT, SUBJECT).data
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["changed"][0]["value"] == 0.031
    assert data["since"] == "2027-01-15T08:00:00Z"
    assert data["links"] == {
        "alert": "https://drift.example.com/alerts/12",
        "evidence": "https://drift.example.com/alerts/12#examples",
        "acknowledge": "https://drift.example.com/alerts/12#acknowledge",
        "snooze": "https://drift.example.com/alerts/12#snooze",
        "silence": "https://drift.example.com/alerts/12#silence",
    }
    assert "closed" not in data


def test_the_repair_stands_under_its_example_and_the_damage_in_the_data() -> None:
    mended = Example("m-1", "mojibake", "ein gro\u00c3\u0178er Fehler", "ein gro\u00dfer\u200b Fehler")
    damage = Damage("text", 0.031, (Codec("cp1252", 0.94),), 0.06, 100, 97)
    damaged = replace(SUBJECT, examples=(mended,), attributes=replace(MOJIBAKE, damage=damage))
    notification = compose("opened", CONTEXT, damaged)
    assert "\n    ftfy would read: ein gro\u00dfer⟦U+200B⟧ Fehler\n" in notification.text
    assert notification.data["examples"][0]["repair"] == "ein gro\u00dfer⟦U+200B⟧ Fehler"
    assert notification.data["damage"]["codecs"] == ({"name": "cp1252", "share": 0.94},)
    assert json.dumps(notification.data, allow_nan=False)
    assert "damage" not in compose("opened", CONTEXT, SUBJECT).data


def test_what_is_missing_is_said_and_not_left_blank() -> None:
    bare = Context("m", owner="", runbook="", public_url="")
    notification = compose("opened", bare, replace(SUBJECT, attributes=NOTHING, examples=()))
    assert "Owner: nobody is named in the contract" in notification.text
    assert "Runbook: none is named in the contract" in notification.text
    assert "What changed: no single series stands out" in notification.text
    assert "Where: no segment stands out" in notification.text
    assert "Look:" not in notification.text
    assert notification.url == ""


def test_times_are_those_of_the_contract() -> None:
    berlin = replace(CONTEXT, timezone="Europe/Berlin")
    assert "Since: 2027-01-15 09:00 Europe/Berlin" in compose("opened", berlin, SUBJECT).text


def test_a_resolution_says_when_and_shows_no_examples() -> None:
    notification = compose("resolved", CONTEXT, replace(SUBJECT, closed_us=500_010 * HOUR))
    assert notification.title == "toxicity: encoding is back to normal"
    assert "Until: 2027-01-15 18:00 UTC" in notification.text
    assert "Examples" not in notification.text
    assert notification.data["closed"] == "2027-01-15T18:00:00Z"


def test_an_end_by_hand_is_not_called_normal() -> None:
    closed = replace(SUBJECT, closed_us=500_010 * HOUR, close_reason="feedback: expected")
    notification = compose("resolved", CONTEXT, closed)
    assert notification.title == "toxicity: encoding is closed"
    assert "Closed because: feedback: expected" in notification.text
    assert notification.data["close_reason"] == "feedback: expected"


def test_flapping_says_that_quiet_follows() -> None:
    text = compose("flapping", CONTEXT, SUBJECT).text
    assert text.startswith("toxicity: encoding comes and goes\nIt opened and ended more than four times")


def test_many_at_once_are_listed_behind_the_worst() -> None:
    others = [Other(n, "spam", "language", "ticket", f"language_share(text):l{n} 9%") for n in range(60)]
    notification = compose("opened", CONTEXT, SUBJECT, others)
    assert notification.title == "toxicity: encoding changed, and 60 more alerts at once"
    assert "  ticket: spam: language: language_share(text):l3 9%\n    https://drift.example.com/alerts/3" in (
        notification.text
    )
    assert "  and 10 more" in notification.text
    assert len(notification.data["together"]) == 50
    assert notification.data["others"] == 60


def test_at_most_five_examples_of_at_most_120_characters() -> None:
    many = tuple(Example(f"m-{i}", "mojibake", "x" * 500) for i in range(9))
    notification = compose("opened", CONTEXT, replace(SUBJECT, examples=many))
    assert len(notification.data["examples"]) == 5
    assert {len(example["excerpt"]) for example in notification.data["examples"]} == {120}
    assert len(notification.text) < 20_000


def test_an_example_cannot_write_lines_of_its_own() -> None:
    evil = Example("m-1", "label", "hello\nRunbook: https://evil.example\u2028\u202e\x1b[31m")
    text = compose("opened", CONTEXT, replace(SUBJECT, examples=(evil,))).text
    assert [line for line in text.splitlines() if line.startswith("Runbook")] == [
        f"Runbook: {CONTEXT.runbook}"
    ]
    assert "hello⟦U+000A⟧Runbook: https://evil.example⟦U+2028⟧⟦U+202E⟧⟦U+001B⟧[31m" in text


@given(st.text())
def test_safe_text_is_one_printable_line_that_can_be_encoded(text: str) -> None:
    shown = safe(text)
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown
    assert safe(shown) == shown


def test_hard_breaks_come_first_in_the_summary() -> None:
    broken = Attributes(moved=MOJIBAKE.moved, hard=("column `score` is missing",))
    assert summary(broken) == "column `score` is missing (and 1 more)"
    assert summary(SLANG).startswith("unknown_word_rate(text) 12.0%")


@pytest.mark.parametrize(
    ("metric", "value", "expected", "text"),
    [
        ("volume", 1234.0, 2600.0, "s 1,234 (normal 2,600, 0.475 times)"),
        ("null_rate", 0.0, 0.02, "s 0.0% (normal 2.0%, 0 times)"),
        ("null_rate", 0.01, 0.000004, "s 1.0% (normal under 0.001%, more than 1,000 times)"),
        ("null_rate", 0.00995, 0.00001, "s 1.0% (normal 0.001%, 995 times)"),
        ("mean", -3.0, 2.0, "s -3 (normal 2)"),
        ("jsd", 0.0123, 0.01, "s 0.0123 (normal 0.01)"),
        ("jsd", None, None, "s not measurable"),
    ],
)
def test_numbers_are_in_the_unit_of_their_metric(
    metric: str, value: float | None, expected: float | None, text: str
) -> None:
    assert describe(Moved("s", metric, "", "*", "", 1.0, value, expected)) == text
