"""What an episode names: kept as JSON, and growing."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from monitor.alerts.attributes import Attributes, Bin, Codec, Damage, Mix, Sequence, Term, grown
from tests.monitor.alerting import MOJIBAKE, SLANG


def test_attributes_come_back_from_json() -> None:
    damage = Damage(
        "text", 0.03, (Codec("cp1252", 0.9),), 0.1, 10, 9, rate=0.027, sequences=(Sequence("U+00C3", 9),)
    )
    full = replace(
        MOJIBAKE,
        hard=("column `score` is missing",),
        damage=damage,
        mixes=(Mix("country", 0.8, "country=IN", 0.3, 0.4, True),),
        bins=(Bin("jsd(age)", "below 20", 0.1, 0.2, 0.6),),
        terms=(Term("glimzo", 12, 0.5, 9.1),),
        campaign="one template",
        newcomers="Finnish came",
    )
    assert Attributes.decode(full.encode()) == full


def test_what_is_not_finite_is_stored_as_null() -> None:
    moved = replace(MOJIBAKE.moved[0], value=math.nan, z=math.inf)
    text = Attributes(moved=(moved,)).encode()
    assert "NaN" not in text
    assert Attributes.decode(text).moved[0].value is None
    assert Attributes.decode(text).moved[0].z is None


def test_a_field_of_a_later_release_is_passed_over() -> None:
    raw = json.loads(MOJIBAKE.encode())
    raw["moved"][0]["colour"] = "red"
    assert Attributes.decode(json.dumps(raw)) == MOJIBAKE
    raw["damage"] = {
        "column": "text",
        "suspected": 0.1,
        "smell": "bad",
        "codecs": [{"name": "a", "share": 1.0, "x": 0}],
    }
    assert Attributes.decode(json.dumps(raw)).damage == Damage("text", 0.1, (Codec("a", 1.0),))


def test_growing_keeps_names_and_takes_the_newest_numbers() -> None:
    worse = replace(MOJIBAKE.moved[0], value=0.2)
    after = grown(grown(MOJIBAKE, SLANG), Attributes(moved=(worse,), hard=("no records",)))
    assert [m.series for m in after.moved] == ["encoding_rate(text):mojibake", "unknown_word_rate(text)"]
    assert after.moved[0].value == 0.2
    assert after.segments == (), "the sentences of the newest window do not speak of them either"
    assert grown(MOJIBAKE, Attributes(hard=("no records",))).segments == MOJIBAKE.segments
    assert after.named == ("encoding_rate(text):mojibake", "unknown_word_rate(text)", "no records")


def test_growing_keeps_what_was_known_of_the_damage() -> None:
    known, newer = Damage("text", 0.03), Damage("text", 0.04)
    assert grown(replace(MOJIBAKE, damage=known), MOJIBAKE).damage == known
    assert grown(replace(MOJIBAKE, damage=known), replace(MOJIBAKE, damage=newer)).damage == newer


def test_growing_tells_the_mix_of_the_newest_lead_and_forgets_no_word() -> None:
    mix, word = Mix("country", 0.8, "country=IN", 0.3, 0.4, True), Term("glimzo", 12, 0.5, 9.1)
    first = replace(SLANG, mixes=(mix,), terms=(word,), campaign="one template")
    after = grown(first, SLANG)
    assert (after.mixes, after.terms, after.campaign) == ((), (word,), "one template")
    assert grown(first, Attributes(hard=("no records",))).mixes == (mix,)


def test_a_break_that_goes_on_keeps_the_sentence_that_says_since_when() -> None:
    first = Attributes(
        sentences=("It began at six.",), hard=("frozen(size): size is frozen: all 9 values are 2",)
    )
    later = Attributes(
        sentences=("It began at seven.",), hard=("frozen(size): size is frozen: all 8 values are 2",)
    )
    after = grown(first, later)
    assert after.sentences == ("It began at six.",)
    assert after.hard == later.hard, "the same break is named once, with its newest numbers"
    assert after.named == ("frozen(size)",)
