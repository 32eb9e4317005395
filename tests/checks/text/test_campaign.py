"""Campaigns: one template with other names, numbers, links and disguises is found among ordinary messages."""

from __future__ import annotations

import time

import numpy as np
import pytest

from checks.text import campaigns
from tests.checks.text.samples import SENTENCES

_SAID = """
    the a my our your this that some parcel letter order driver shop phone address street door money
    came went was is not never always very late early broken lost found again today yesterday soon
    please thanks nobody somebody answered called waited paid wrote asked said told gave took sent
    and but because when where who how long short blue red small large cold warm kind rude new old
"""
WORDS = _SAID.split()
NAMES = ["Anna", "Bela", "Carla", "Dragan", "Elif", "Femi", "Goran", "Hana", "Ivo", "Jun"]


def chatter(count: int, seed: int) -> list[bytes]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, int(random.integers(4, 16)))).encode() for _ in range(count)]


def lottery(count: int, seed: int = 1) -> list[bytes]:
    """One template: a name, a number and a link differ."""
    random = np.random.default_rng(seed)
    return [
        f"Hey {random.choice(NAMES)}, win {random.integers(10, 999)} euros right now at http://w{k}.example/x".encode()
        for k in range(count)
    ]


def test_a_template_is_found_with_its_messages() -> None:
    (one,) = campaigns([*chatter(400, 1), *lottery(20)])
    assert one.members == tuple(range(400, 420))
    assert one.messages == 20
    assert one.share == pytest.approx(20 / 420)
    assert one.template == "Hey ⟨…⟩ win ⟨number⟩ euros right now at ⟨link⟩"
    assert len(one.examples) == 3
    assert all("euros right now" in example for example in one.examples)
    assert (one.units, one.reference_share) == (None, None)


def test_ordinary_messages_are_no_campaign() -> None:
    for seed in range(5):
        assert campaigns(chatter(1000, seed)) == []


def test_identical_messages_are_a_campaign() -> None:
    (one,) = campaigns([*chatter(400, 1), *[b"the very same complaint about our broken parcel"] * 15])
    assert one.messages == 15
    assert one.template == "the very same complaint about our broken parcel"
    assert len(one.examples) == 1


def test_greetings_are_too_short_to_be_one() -> None:
    assert campaigns([b"thank you very much"] * 50) == []


@pytest.mark.parametrize(
    "disguise",
    [
        lambda text: text.upper(),
        lambda text: text.replace("e", "3").replace("o", "0"),
        lambda text: text.replace("i", "\u200bi"),
        lambda text: text.replace("a", "а").replace("o", "о"),  # Cyrillic
        lambda text: text.replace("now", "nooooow").replace("win", "wiiin"),
        lambda text: text.replace("u", "ú").replace("e", "e\u0301"),
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "a" <= c <= "z" else c for c in text),
    ],
    ids=["case", "digits", "invisible", "look-alikes", "repeated", "accents", "wide"],
)
def test_a_disguise_does_not_hide_a_copy(disguise) -> None:  # type: ignore[no-untyped-def]
    plain = [b"win some new euros right now without any risk at all"] * 8
    hidden = [disguise(text.decode()).encode() for text in plain]
    (one,) = campaigns([*chatter(300, 1), *plain, *hidden], minimum_messages=16)
    assert one.messages == 16


def test_every_fourth_word_may_differ() -> None:
    random = np.random.default_rng(3)
    template = "we will send your large refund today when somebody pays the small fee"

    def varied(word: str) -> str:
        return str(random.choice(WORDS)) if random.random() < 0.25 else word

    planted = [" ".join(map(varied, template.split())).encode() for _ in range(60)]
    (one,) = campaigns([*chatter(2000, 1), *planted])
    ours = sum(member >= 2000 for member in one.members)
    assert ours >= 50
    assert one.messages <= ours + 3


def test_two_campaigns_are_two() -> None:
    refund = [f"Your refund of {k} euros waits for you behind this door".encode() for k in range(30)]
    found = campaigns([*chatter(300, 1), *lottery(20), *refund])
    assert [one.messages for one in found] == [30, 20]
    assert not set(found[0].members) & set(found[1].members)


@pytest.mark.parametrize("language", ["zh-cn", "ja", "th", "ar", "hi", "ru"])
def test_every_language_has_campaigns(language: str) -> None:
    others = [SENTENCES[other].encode() for other in SENTENCES if other != language]
    copies = [f"{name} {SENTENCES[language]} {k}".encode() for k, name in enumerate(NAMES * 2)]
    (one,) = campaigns([*others, *copies])
    assert one.messages == 20
    assert SENTENCES[language][5:20] in one.template


def test_shares_are_weighted() -> None:
    texts = [*chatter(80, 1), *lottery(20)]
    (one,) = campaigns(texts, weights=[1.0] * 80 + [4.0] * 20)
    assert one.share == pytest.approx(0.5)


def test_senders_are_counted() -> None:
    texts = [*chatter(80, 1), *lottery(20)]
    senders: list[str | None] = [f"s{k % 3}" for k in range(100)]
    (one,) = campaigns(texts, units=senders)
    assert one.units == 3
    (one,) = campaigns(texts, units=[None] * 100)
    assert one.units == 20


def test_what_the_reference_holds_as_well_is_told() -> None:
    (one,) = campaigns(lottery(20, 1), reference=[*chatter(90, 2), *lottery(10, 3)])
    assert one.reference_share == pytest.approx(0.1)
    (one,) = campaigns(
        lottery(20, 1),
        reference=[*chatter(90, 2), *lottery(10, 3)],
        reference_weights=[1.0] * 90 + [9.0] * 10,
    )
    assert one.reference_share == pytest.approx(0.5)
    (one,) = campaigns(lottery(20, 1), reference=[])
    assert one.reference_share == 0.0


def test_the_order_of_messages_does_not_matter() -> None:
    texts = [*chatter(300, 1), *lottery(20)]
    (one,), (other,) = campaigns(texts), campaigns(texts[::-1])
    assert (one.template, one.messages, one.share) == (other.template, other.messages, other.share)
    assert one.examples == other.examples
    assert sorted(319 - member for member in other.members) == list(one.members)


def test_a_template_shows_what_cannot_be_seen() -> None:
    (one,) = campaigns([b"win some \xe2\x80\x8beuros right now without any risk"] * 12)
    assert one.template == "win some ⟦U+200B⟧euros right now without any risk"


@pytest.mark.parametrize("texts", [[], [b""] * 50, [b"\xff\xfe\x00"] * 50, [b"."] * 50, [b"a"] * 5])
def test_nothing_gives_nothing(texts: list[bytes]) -> None:
    assert campaigns(texts) == []


def test_as_many_weights_and_units_as_messages() -> None:
    with pytest.raises(ValueError, match="1 weights for 2 messages"):
        campaigns([b"a", b"b"], weights=[1.0])
    with pytest.raises(ValueError, match="1 units for 2 messages"):
        campaigns([b"a", b"b"], units=["x"])


@pytest.mark.parametrize(
    "texts",
    [
        [b"the very same message for each and everyone of us"] * 50_000,
        [f"all the same words but for one which is w{k}x".encode() for k in range(50_000)],
        [b" ".join(b"w%d" % (k * 13 + j) for j in range(12)) for k in range(50_000)],
        [b"word " * 400_000] * 12,
        [" ".join(f"w{k}" for k in range(200_000)).encode()] * 12,
    ],
    ids=["identical", "one word apart", "all different", "one long word salad", "long and different words"],
)
def test_hostile_input_takes_no_longer(texts: list[bytes]) -> None:
    campaigns(texts[:20])
    begun = time.process_time()
    campaigns(texts)
    assert time.process_time() - begun < 10
