"""The language finding names what language came."""

from __future__ import annotations

from checks import text
from monitor.newcomers import told
from monitor.store.samples import Sample
from tests.checks.text.samples import large

ENGLISH = (
    "where is the parcel that I ordered last week",
    "thank you for the quick answer about my order",
    "the box was open and one of the glasses is broken",
    "please send the money back to my account",
)
TURKISH = (
    "sipariş ettiğim paket hâlâ gelmedi, ne zaman gelecek",
    "hızlı cevap için çok teşekkür ederim, iyi günler",
    "kutu açıktı ve bardaklardan biri kırılmış geldi",
)


def sample(number: int, message: str, probability: float = 0.5) -> Sample:
    return Sample("*", f"r{number}", 0, 0.1, probability, message, None, None, None, {}, {}, {})


def reference() -> text.TextPlan:
    return text.learn(large(*(f"{ENGLISH[k % 4]} {k}" for k in range(400))))


def test_a_language_that_came_is_named_with_its_share() -> None:
    kept = [sample(k, TURKISH[k % 3] if k % 4 == 0 else ENGLISH[k % 4]) for k in range(300)]
    said = told(kept, reference())
    assert said.startswith("newly there: tr in 25 % of messages (in the reference 0 %)")


def test_nothing_is_said_where_none_came() -> None:
    assert told([sample(k, ENGLISH[k % 4]) for k in range(300)], reference()) == ""
    assert told([], reference()) == ""
