"""Looking at messages without a service: what the table and the summary say."""

from __future__ import annotations

import json
import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from checks import text
from checks.text import summary
from checks.text.inspection import ROWS
from tests.checks.text.samples import SENTENCES

ENGLISH = [
    "The parcel came very late and nobody answered the phone",
    "I would like to have my money back before the weekend",
    "Could you please tell me where the package is right now",
]
SPANISH = [
    "El paquete llegó muy tarde y nadie contestó el teléfono",
    "Quiero que me devuelvan el dinero antes del fin de semana",
]
MIXED = "The parcel llegó muy tarde y nadie contestó el teléfono but I would like my money back"
BROKEN = "El paquete llegÃ³ tarde y el telÃ©fono no contestÃ³"
MESSAGES: list[str | bytes | None] = [
    *ENGLISH,
    *SPANISH,
    MIXED,
    BROKEN,
    None,
    "",
    b"bad \xff byte",
    "free mo\u200bney now",
]


def test_a_row_per_message_says_what_it_is() -> None:
    table = text.inspect(MESSAGES, languages=["en", "es"]).table.to_pandas()
    assert len(table) == len(MESSAGES)
    assert table.language[:5].tolist() == ["en", "en", "en", "es", "es"]
    assert not table.mixed[:5].any()
    assert {table.language[5], table.second[5]} == {"en", "es"}
    assert table.mixed[5]
    assert 0 < table.cmi[5] <= 50 < 100
    assert table.c_u[5] > 0
    assert list(table.encoding[6]) == ["mojibake"]
    assert table.codec[6] == "cp1252"
    assert list(table.encoding[9]) == ["invalid_bytes"]
    assert list(table.evasion[10]) == ["zero_width"]


def test_null_and_empty_messages_have_no_language() -> None:
    table = text.inspect(MESSAGES).table.to_pylist()
    for row in table[7], table[8]:
        assert (row["language"], row["second"], row["chars"], row["words"]) == (None, None, 0, 0)


def test_the_summary_counts_what_the_rows_show() -> None:
    found = text.inspect(MESSAGES, languages=["en", "es"]).summary
    assert (found.messages, found.nulls, found.empty) == (11, 1, 1)
    assert found.learnt_here
    languages = {one.name: one.messages for one in found.languages}
    assert languages["es"] >= 2
    assert sum(languages.values()) == 9
    assert [pair.name for pair in found.pairs] == ["en+es"]
    assert found.mixed.messages == 1
    assert {one.name for one in found.encoding} == {"mojibake", "invalid_bytes"}
    assert found.codecs == (("cp1252", 1),)
    for one in found.languages + found.encoding + found.evasion:
        assert 0 <= one.low <= one.share <= one.high <= 1
    json.dumps(found.to_dict(), allow_nan=False)


def test_examples_show_the_hit_and_what_is_invisible() -> None:
    found = text.inspect(MESSAGES).summary
    assert any("⟦U+200B⟧" in example for one in found.evasion for example in one.examples)
    assert any("Ã" in example for one in found.encoding for example in one.examples)
    assert all(len(example) <= 120 for one in found.encoding for example in one.examples)


@pytest.mark.parametrize(
    "given",
    [
        pa.array(["one word", None, "two words"]),
        pa.array(["one word", None, "two words"], pa.large_string()),
        pa.array(["one word", None, "two words"], pa.string_view()),
        pa.array([b"one word", None, b"two words"], pa.binary()),
        pa.array([b"one word", None, b"two words"], pa.binary_view()),
        pa.array(["one word", None, "two words"]).dictionary_encode(),
        pa.chunked_array([["one word"], [None, "two words"]]),
        pa.array(["x", "one word", None, "two words"]).slice(1),
        pd.Series(["one word", None, "two words"]),
        pd.Series(["one word", float("nan"), b"two words"], dtype=object),
        pd.Series(["one word", pd.NA, "two words"], dtype="string"),
        ("one word", None, "two words"),
        np.array(["one word", None, "two words"], dtype=object),
        iter(["one word", None, "two words"]),
    ],
    ids=lambda given: type(given).__name__,
)
def test_every_kind_of_container_gives_the_same(given: object) -> None:
    expected = text.inspect(["one word", None, "two words"]).table
    assert text.inspect(given).table.equals(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["one message", b"one message", [1, 2], [["nested"]], pa.array([1.5])])
def test_what_is_no_list_of_texts_is_refused(given: object) -> None:
    with pytest.raises(TypeError, match=r"expected|of type"):
        text.inspect(given)  # type: ignore[arg-type]


def test_no_messages_give_an_empty_table_and_a_summary_of_zeros() -> None:
    found = text.inspect([])
    assert found.table.num_rows == 0
    assert found.table.schema == text.inspect(["one"]).table.schema
    assert (found.summary.messages, found.summary.mixed.share, found.summary.i_index) == (0, 0.0, None)
    assert text.inspect(pa.nulls(3)).summary.nulls == 3


def test_lone_surrogates_are_damage_and_no_error() -> None:
    row = text.inspect(["half a pair \ud83d"]).table.to_pylist()[0]
    assert "surrogate" in row["encoding"]


def test_a_plan_decides_what_is_known() -> None:
    plan = text.learn(pa.array(ENGLISH * 2))
    found = text.inspect([ENGLISH[0], "blarpy"], plan=plan)
    assert found.table.column("unknown_words").to_pylist() == [0, 1]
    assert not found.summary.learnt_here
    with pytest.raises(ValueError, match="not both"):
        text.inspect(ENGLISH, plan=plan, languages=["en"])


def test_the_order_of_messages_changes_no_number_of_the_summary() -> None:
    messages = [*SENTENCES.values(), *ENGLISH, *SPANISH, MIXED, BROKEN] * 3
    shuffled = random.Random(4).sample(messages, len(messages))
    assert text.inspect(messages).summary == text.inspect(shuffled).summary


def test_batches_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [*SENTENCES.values(), *ENGLISH, *SPANISH, MIXED, BROKEN]
    assert len(messages) < ROWS
    whole = text.inspect(messages)
    monkeypatch.setattr("checks.text.inspection.ROWS", 5)
    parts = text.inspect(messages)
    assert parts.table.equals(whole.table)
    assert parts.summary == whole.summary


def test_repeated_texts_are_named() -> None:
    found = text.inspect([*ENGLISH, *["Thanks for your order!"] * 4, *SPANISH]).summary
    assert found.repeated[0].name == "Thanks for your order!"
    assert found.repeated[0].messages == 4
    assert (found.duplicates.messages, found.duplicates.share) == (3, pytest.approx(3 / 9))


def test_copies_among_too_many_texts_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "COUNTED_TEXTS", 1_000)
    once = [f"message number {number} of many" for number in range(6_000)]
    found = text.inspect([*once, *once[:3_000]]).summary
    assert not found.counted_all
    assert found.duplicates.share == pytest.approx(1 / 3, abs=0.05)
    assert found.duplicates.low < 1 / 3 < found.duplicates.high


def test_the_m_index_is_taken_over_the_declared_languages() -> None:
    half = [*ENGLISH[:2], *SPANISH]
    assert text.inspect(half, languages=["en", "es"]).summary.m_index_of == ("en", "es", "und-Latn")
    assert "en" in text.inspect(half).summary.m_index_of
