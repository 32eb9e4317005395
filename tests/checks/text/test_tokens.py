"""What is a word, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from checks.text.annotations import SCRIPTS
from checks.text.decoding import buffers, decode
from checks.text.flags import TOKEN_BROKEN, TOKEN_CAPITAL, TOKEN_FOREIGN, TOKEN_MIXED, TOKEN_SPACELESS
from checks.text.tokens import Tokens, tokenise
from tests.checks.text.samples import large


def cut(*messages: str) -> tuple[list[str], Tokens]:
    points = decode(buffers(large(*messages)), 0, len(messages))
    tokens = tokenise(points, np.zeros(len(points.points), np.uint8))
    text = "".join(map(chr, points.points))
    return [text[a:b] for a, b in zip(tokens.start, tokens.end, strict=True)], tokens


def words(message: str) -> list[str]:
    return cut(message)[0]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Don't stop, l’été arrive!", ["Don't", "stop", "l’été", "arrive"]),
        ("'quoted' text-with_hyphens", ["quoted", "text", "with", "hyphens"]),
        ("see https://a.example/x?y=1&z=2 or www.b.example now", ["see", "or", "now"]),
        ("mail me@example.org please", ["mail", "please"]),
        ("@someone #hashtag stays", ["stays"]),
        ("3rd of 12,50 mp3s 2024", ["of"]),
        ("salt &amp; pepper &#39;s", ["salt", "pepper", "s"]),
        ("R&D", ["R", "D"]),
        ("good 👍🏽 job ❤️", ["good", "job"]),
        ("می‌خواهم बहुत", ["می‌خواهم", "बहुत"]),
        ("iPhone을 Galaxy", ["iPhone", "을", "Galaxy"]),
        ("", []),
        ("!!! ???", []),
    ],
)
def test_words(message: str, expected: list[str]) -> None:
    assert words(message) == expected


def test_scripts_without_spaces_give_pairs() -> None:
    found, tokens = cut("日本語です")
    assert found == ["日本", "本語", "語で", "です"]
    assert [SCRIPTS[s] for s in tokens.script] == ["Han", "Han", "Hiragana", "Hiragana"]
    assert np.all(tokens.kind & TOKEN_SPACELESS)
    assert words("我") == ["我"]
    assert words("买iPhone吧") == ["买", "iPhone", "吧"]
    assert words("ไทย日本") == ["ไท", "ทย", "日本"]


def kind(word: str) -> int:
    return int(cut(word)[1].kind[0])


@pytest.mark.parametrize("word", ["frее", "Наllo", "pаypal", "прuвет", "αlpha", "ոice", "Ꭺpple"])
def test_marks_words_with_look_alikes(word: str) -> None:
    assert kind(word) & TOKEN_MIXED


@pytest.mark.parametrize("word", ["SMSка", "ITшник", "wifiшный", "μg", "привет", "free", "Ωmega"])
def test_does_not_take_honest_mixtures_for_disguise(word: str) -> None:
    assert not kind(word) & TOKEN_MIXED


def test_kinds() -> None:
    assert kind("Hello") & TOKEN_CAPITAL
    assert not kind("hello") & TOKEN_CAPITAL
    assert kind("сор") & TOKEN_FOREIGN
    assert not kind("привет") & TOKEN_FOREIGN
    assert kind("ITшник") & TOKEN_BROKEN


@pytest.mark.parametrize("same", ["FREE", "Free", "fr\u200bee", "𝗳𝗿𝗲𝗲", "ｆｒｅｅ", "fr\u00adee"])
def test_the_same_word_has_the_same_hash(same: str) -> None:
    assert cut(same)[1].hash[0] == cut("free")[1].hash[0]


def test_different_words_have_different_hashes() -> None:
    found = [f"{a}{b}{c}" for a in "abcdefghij" for b in "klmnopqrst" for c in "uvwxyzäöüß"]
    _, tokens = cut(" ".join(found))
    assert len(np.unique(tokens.hash)) == len(found)
    assert not np.any(tokens.hash == 0)


def test_apostrophes_are_one() -> None:
    assert cut("l’été")[1].hash[0] == cut("l'été")[1].hash[0]


def test_messages_are_apart() -> None:
    found, tokens = cut("one two", "", "three")
    assert found == ["one", "two", "three"]
    assert tokens.offsets.tolist() == [0, 2, 2, 3]


def test_content_hash_ignores_case_and_spaces() -> None:
    _, tokens = cut("Hello  World", " hello world\n", "hello\u200b world", "helloworld", "")
    first, *rest = tokens.content_hash.tolist()
    assert rest[:2] == [first, first]
    assert rest[2] != first
    assert rest[3] != first


def test_script_of_most_letters() -> None:
    _, tokens = cut("Hello мир", "привет ok", "123", "日本 go")
    assert [SCRIPTS[s] for s in tokens.message_script] == ["Latin", "Cyrillic", "none", "Latin"]
