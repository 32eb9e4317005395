"""A language that the reference hardly spoke is told although the plan's prior would not have it."""

from __future__ import annotations

import pytest

from checks.text import TextPlan, learn
from checks.text.newcomer import Newcomer, newcomers
from tests.checks.text.romanised import ENGLISH, HINDI
from tests.checks.text.samples import SENTENCES, large


def window(*messages: str) -> list[bytes]:
    return [message.encode() for message in messages]


def english(times: int = 20) -> list[str]:
    return [f"{message} {k}" for message in ENGLISH for k in range(times)]


def plan() -> TextPlan:
    return learn(large(*english()), ("en",))


def named(found: list[Newcomer]) -> list[str]:
    return [newcomer.language for newcomer in found]


def test_nothing_new_in_a_window_like_the_reference() -> None:
    assert newcomers(window(*english(10)), plan()) == []


@pytest.mark.parametrize("language", ["es", "de", "ru", "ja", "ar"])
def test_a_new_language_is_told_though_it_was_not_declared(language: str) -> None:
    come = [f"{SENTENCES[language]} {k}" for k in range(30)]
    (found,) = newcomers(window(*english(10), *come), plan())
    assert found.language == language
    assert found.documents == 30
    assert found.low < 30 / 230 < found.high
    assert found.reference_share < 0.01


def test_a_language_of_no_profile_has_no_false_name() -> None:
    come = [f"{one}, {other}" for one in HINDI for other in HINDI[:5]]
    assert named(newcomers(window(*english(10), *come), plan())) == ["und-Latn"]


def test_a_language_of_the_reference_is_no_newcomer() -> None:
    both = learn(large(*english(), *[SENTENCES["es"]] * 100))
    assert newcomers(window(*english(5), *[SENTENCES["es"]] * 80), both) == []
    knows_hindi = learn(large(*english(2), *HINDI))
    assert newcomers(window(*english(2), *HINDI, *HINDI), knows_hindi) == []


def test_a_few_messages_are_not_enough() -> None:
    assert newcomers(window(*english(5), *[SENTENCES["es"]] * 9), plan()) == []


def test_weights_count() -> None:
    messages = window(*english(5), *[SENTENCES["es"]] * 20)
    (plain,) = newcomers(messages, plan())
    (weighed,) = newcomers(messages, plan(), weights=[1.0] * 100 + [4.0] * 20)
    assert plain.share == pytest.approx(20 / 120)
    assert weighed.share == pytest.approx(80 / 180)
    with pytest.raises(ValueError, match="1 weights for 120 messages"):
        newcomers(messages, plan(), weights=[1.0])


def test_nothing_to_read_or_to_compare_with() -> None:
    assert newcomers([], plan()) == []
    assert newcomers(window("😀", ""), plan()) == []
    assert newcomers(window(*[SENTENCES["es"]] * 50), learn(large())) == []


def test_the_order_of_messages_does_not_matter() -> None:
    messages = window(*english(5), *[SENTENCES["es"]] * 20, *[SENTENCES["ru"]] * 15)
    assert newcomers(messages, plan()) == newcomers(messages[::-1], plan())
