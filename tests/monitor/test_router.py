"""Records to windows: each counts once, in its window, and leaves a redacted trace."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from checks.learner import Learner
from checks.plan import Plan
from checks.profile import merge_all
from monitor import contract, sampling
from monitor.conform import Conformed, conform
from monitor.contract import Contract
from monitor.router import Routed, Seen, route, strata
from monitor.sources import Page

HOUR_US = 3_600_000_000
START_US = 1_785_542_400_000_000  # 2026-08-01T00:00Z

NUMBERS = contract.parse("""
model: numbers
source: {path: n.csv, id: id, time: at}
columns:
  country: {role: segment}
  decision: {role: prediction}
  score: {role: score}
  size: {role: feature, kind: number}
  note: {role: feature, kind: category}
  build: {role: version}
window: {every: 1h, horizon: 1d, sample: 20}
""")

MESSAGES = contract.parse("""
model: messages
source: {path: m.csv, id: id, time: at}
columns:
  text: {role: input, languages: [en, de]}
  sender: {role: unit}
window: {every: 1h, horizon: 1d, sample: 20}
privacy: {key: env:TEST_SAMPLE_KEY}
""")


def records(count: int, start: int = 0, **more: Any) -> dict[str, Any]:
    """Ten records an hour; four in five from IN, the rest from BR."""
    numbers = range(start, start + count)
    return {
        "id": [f"id {i}" for i in numbers],
        "at": [(START_US + i * HOUR_US // 10) // 1_000_000 for i in numbers],
        "country": ["BR" if i % 5 == 0 else "IN" for i in numbers],
        "decision": ["ok" if i % 3 else "toxic" for i in numbers],
        "score": [i % 10 / 10 for i in numbers],
        "size": [float(i % 7) for i in numbers],
        "note": ["call +49 170 1234567" if i % 2 else "quiet" for i in numbers],
        "build": ["v1"] * count,
    } | more


def conformed(columns: Mapping[str, Any], of: Contract = NUMBERS, piece: str = "p") -> Conformed:
    table = pa.table(dict(columns))
    return conform(Page(piece, "n.csv", table, np.arange(1, table.num_rows + 1), unit="line"), of)


def learnt(columns: Mapping[str, Any], of: Contract = NUMBERS) -> Plan:
    learner = Learner(of.columns(), segments=of.names("segment"))
    learner.add(conformed(columns, of).batch)
    return learner.plan()


@pytest.fixture(scope="module")
def plan() -> Plan:
    return learnt(records(200))


def routed(columns: Mapping[str, Any], plan: Plan, seen: Seen | None = None) -> Routed:
    return route(conformed(columns), NUMBERS, plan, seen or Seen(NUMBERS.window.horizon_us))


def merged(pages: Sequence[Routed]) -> dict[int, bytes]:
    starts = sorted({start for page in pages for start in page.windows})
    return {
        start: merge_all([page.windows[start].profile for page in pages if start in page.windows]).encode()
        for start in starts
    }


def test_each_record_is_counted_in_its_window(plan: Plan) -> None:
    page = routed(records(25), plan)
    assert [(start - START_US) // HOUR_US for start in page.windows] == [0, 1, 2]
    assert [window.records for window in page.windows.values()] == [10, 10, 5]
    assert [window.profile.records for window in page.windows.values()] == [10, 10, 5]
    assert [window.hashes.shape for window in page.windows.values()] == [(10, 2), (10, 2), (5, 2)]
    assert page.rejects == []


def test_pages_in_any_cut_and_order_give_the_same_windows(plan: Plan) -> None:
    rows = records(60)
    whole = routed(rows, plan)
    seen = Seen(NUMBERS.window.horizon_us)
    order = np.random.default_rng(3).permutation(60)
    shuffled = {name: [column[i] for i in order] for name, column in rows.items()}
    pages = [
        routed({name: column[cut : cut + 17] for name, column in shuffled.items()}, plan, seen)
        for cut in range(0, 60, 17)
    ]
    assert merged(pages) == merged([whole])
    for start, window in whole.windows.items():
        samples = [row for page in pages if start in page.windows for row in page.windows[start].sample]
        assert sampling.keep(samples, strata(NUMBERS, plan)) == list(window.sample)


def test_a_record_counts_once(plan: Plan) -> None:
    rows = records(10)
    twice = {name: column + column[:4] for name, column in rows.items()}
    twice["size"][13] = 99.0
    page = routed(twice, plan)
    (window,) = page.windows.values()
    assert (window.records, window.duplicates, window.profile.records, window.profile.duplicates) == (
        10,
        4,
        10,
        4,
    )
    assert [(r.place, r.reason, r.counted, r.window_us) for r in page.rejects] == [
        ("line 11", "duplicate", False, START_US),
        ("line 12", "duplicate", False, START_US),
        ("line 13", "duplicate", False, START_US),
        ("line 14", "duplicate_differs", False, START_US),
    ]
    assert page.rejects[3].raw == b"id 3"


def test_a_later_page_knows_the_earlier_ones(plan: Plan) -> None:
    seen = Seen(NUMBERS.window.horizon_us)
    routed(records(10), plan, seen)
    again = routed(records(10) | {"size": [float(i % 7) + (i == 4) for i in range(10)]}, plan, seen)
    (window,) = again.windows.values()
    assert (window.records, window.duplicates, len(window.sample)) == (0, 10, 0)
    assert [r.reason for r in again.rejects].count("duplicate_differs") == 1


def test_beyond_the_horizon_an_id_may_come_again(plan: Plan) -> None:
    seen = Seen(NUMBERS.window.horizon_us)
    later = records(10) | {"at": [at + 2 * 86_400 for at in records(10)["at"]]}
    both = {name: records(10)[name] + column for name, column in later.items()}
    assert sum(window.duplicates for window in routed(both, plan).windows.values()) == 0
    routed(records(10), plan, seen)
    assert sum(window.records for window in routed(later, plan, seen).windows.values()) == 10
    # Both are known now, and a repetition of either is found.
    assert sum(window.duplicates for window in routed(both, plan, seen).windows.values()) == 20


def test_what_was_seen_can_be_restored_and_forgotten(plan: Plan) -> None:
    first = routed(records(20), plan)
    restored = Seen(NUMBERS.window.horizon_us)
    for start, window in first.windows.items():
        restored.add(start, window.hashes)
    assert sum(window.duplicates for window in routed(records(20), plan, restored).windows.values()) == 20
    restored.forget(START_US + HOUR_US)
    assert sum(window.duplicates for window in routed(records(20), plan, restored).windows.values()) == 10


def test_a_page_of_nothing(plan: Plan) -> None:
    empty = {name: column[:0] for name, column in records(1).items()}
    assert routed(empty, plan).windows == {}


def test_strata_are_the_values_of_the_first_segment(plan: Plan) -> None:
    allotted = strata(NUMBERS, plan)
    assert allotted.keys() == {"country=IN", "country=BR", "country=other", "country=null"}
    assert allotted["country=IN"] > allotted["country=BR"] > allotted["country=null"] >= 1
    rows = records(400) | {"at": [START_US // 1_000_000] * 400, "country": ["IN", "BR", "FR", None] * 100}
    (window,) = routed(rows, plan).windows.values()
    found = {name: [row for row in window.sample if row.stratum == name] for name in allotted}
    assert {name: len(rows) for name, rows in found.items()} == allotted
    hashes = conformed(rows).batch.event_hash
    rank = sampling.ranks(hashes, "numbers", b"").reshape(100, 4)
    for place, name in enumerate(("country=IN", "country=BR", "country=other", "country=null")):
        smallest = np.sort(rank[:, place])[: allotted[name] + 1].tolist()
        assert [row.rank for row in found[name]] == smallest[:-1]
        assert {row.inclusion_probability for row in found[name]} == {smallest[-1]}


def test_the_fields_of_a_sampled_record(plan: Plan) -> None:
    (window,) = routed(
        records(1) | {"note": ["+49 170 1234567"], "size": [float("inf")]}, plan
    ).windows.values()
    (row,) = window.sample
    assert (row.event_id, row.event_us, row.stratum) == ("id 0", START_US, "country=BR")
    assert (row.text, row.prediction, row.score, row.version) == (None, "toxic", 0.0, "v1")
    assert row.segments == {"country": "BR"}
    assert row.features == {"size": None, "note": "⟨phone⟩"}
    assert (row.inclusion_probability, row.flags) == (1.0, {})


@pytest.fixture(scope="module")
def text_plan() -> Plan:
    words = ["the parcel has not come yet", "das Paket ist noch nicht da", "where is my order please"]
    return learnt(
        {
            "id": [str(i) for i in range(60)],
            "at": [START_US // 1_000_000] * 60,
            "text": [words[i % 3] for i in range(60)],
            "sender": ["anna"] * 60,
        },
        MESSAGES,
    )


def test_texts_are_redacted_after_their_flags_are_taken(
    text_plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SAMPLE_KEY", "secret")
    texts = [
        b"the parcel has not come, write to anna@example.org",
        "fr\u00e9e m\u00f6ney \u0440\u0430\u0443\u0440al".encode(),
        b"caf\xe9 for the parcel\x00",
        None,
    ]
    columns = {
        "id": ["1", "2", "3", "4"],
        "at": [START_US // 1_000_000] * 4,
        "text": pa.array(texts, pa.binary()),
        "sender": ["anna", "bert", "anna", None],
    }
    page = route(conformed(columns, MESSAGES), MESSAGES, text_plan, Seen(HOUR_US))
    (window,) = page.windows.values()
    rows = {row.event_id: row for row in window.sample}
    assert rows["1"].text == "the parcel has not come, write to ⟨email⟩"
    assert rows["3"].text == "caf\\xe9 for the parcel␀"
    assert rows["4"].text is None
    assert "invalid_bytes" in rows["3"].flags["encoding"]
    assert "control" in rows["3"].flags["encoding"]
    assert "mixed_script" in rows["2"].flags["evasion"]
    assert rows["1"].flags["language"] == "en"
    assert rows["4"].flags["language"] is None
    senders = [rows[name].features["sender"] for name in "1234"]
    assert senders[0] == senders[2] != senders[1]
    assert senders[3] is None
    assert "anna" not in str(senders)
    plain_hash = hashlib.sha256(b"anna").hexdigest()
    assert senders[0] not in plain_hash


def test_what_privacy_says_of_text_is_done(text_plan: Plan) -> None:
    columns = {
        "id": ["1"],
        "at": [START_US // 1_000_000],
        "text": ["write to anna@example.org"],
        "sender": ["anna"],
    }
    stored = {}
    for keep in ("redacted", "full", "none"):
        privacy = MESSAGES.privacy.model_copy(update={"text": keep, "key": None})
        of = MESSAGES.model_copy(update={"privacy": privacy})
        (window,) = route(conformed(columns, of), of, text_plan, Seen(HOUR_US)).windows.values()
        (row,) = window.sample
        stored[keep] = row.text
        assert "sender" not in row.features  # without a key a unit is not stored at all
    assert stored == {"redacted": "write to ⟨email⟩", "full": "write to anna@example.org", "none": None}
