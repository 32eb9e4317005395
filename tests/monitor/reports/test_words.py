"""Changes in plain words."""

from __future__ import annotations

import pytest

from monitor.alerts.attributes import Attributes, Moved, Share
from monitor.reports.words import FAMILY, called, lasting, paragraph, sized
from tests.monitor.seeded import us

HOUR = 3_600_000_000


def moved(value: float | None, expected: float | None, metric: str = "encoding_rate", **more: float) -> Moved:
    return Moved(f"{metric}(text):mojibake", metric, "text", "*", "mojibake", 1.0, value, expected, **more)


def told(
    attributes: Attributes,
    *,
    closed: str | None = None,
    inhibited_by: str | None = None,
    family: str = "encoding",
) -> str:
    text = paragraph(
        family,
        attributes,
        since_us=us("2026-11-18T03:00"),
        closed_us=us(closed) if closed else None,
        now_us=us("2026-11-20T12:20"),
        inhibited_by=inhibited_by,
    )
    return text.replace("\xa0", " ")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (("volume", "", "*", ""), "the number of records"),
        (("volume", "", "country=IN", ""), "the number of records, where country=IN"),
        (("jsd", "text", "*", "language"), "the mix of languages in text"),
        (("jsd", "length", "*", ""), "the distribution of length"),
        (("class_share", "decision", "*", "toxic"), "the share of “toxic” in decision"),
        (("segment_share", "", "country=IN", ""), "the share of country=IN in the traffic"),
        (("encoding_rate", "text", "*", "zero\u200bwidth"), "messages with zero⟦U+200B⟧width"),
        (("made_up", "a", "*", "b"), "made_up of a “b”"),
    ],
)
def test_series_have_names_that_people_use(name: tuple[str, str, str, str], words: str) -> None:
    assert called(*name) == words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            moved(0.031, 0.0011, expected_low=0.0009, expected_high=0.0013),
            "3.1 %, where 0.090 % to 0.13 % is normal, 28 times as much",
        ),
        (moved(640.0, 1600.0, "volume"), "640, where 1,600 is normal, 40.0 % of it"),
        (moved(0.12, 0.1), "12.0 %, where 10.0 % is normal"),
        (moved(0.3, 0.1), "30.0 %, where 10.0 % is normal, 3.0 times as much"),
        (moved(0.3, 0.0), "30.0 %, where 0 % is normal"),
        (moved(None, None), "–"),
    ],
)
def test_sizes_say_value_normal_and_ratio(change: Moved, words: str) -> None:
    assert sized(change).replace("\xa0", " ") == words


@pytest.mark.parametrize(
    ("hours", "words"),
    [(0.7, "42 min"), (6, "6 h"), (24, "1 day"), (57.4, "2 days 9 h"), (-3, "0 min")],
)
def test_lengths_of_time(hours: float, words: str) -> None:
    assert lasting(0, round(hours * HOUR)) == words


def test_a_paragraph_says_what_how_big_since_when_where_and_what_to_do() -> None:
    attributes = Attributes(
        moved=(moved(0.031, 0.0011), moved(1.0, 1.0)), segments=(Share("client=a", 0.91),)
    )
    assert told(attributes) == (
        "Messages with mojibake, text read with the wrong codec: "
        "3.1 %, where 0.11 % is normal, 28 times as much. "
        "1 other series moves with it. client=a carries 91.0 % of it. "
        "It began on 18 Nov 03:00 UTC and has lasted 2 days 9 h. "
        "Find the client or the step that decodes text wrongly, and do not train on these windows."
    )


def test_sentences_of_the_episode_come_first_and_are_not_repeated() -> None:
    text = told(
        Attributes(moved=(moved(0.031, 0.0011),), sentences=("What.", "How big.", "Since when and where."))
    )
    assert text.startswith("What. How big. Since when and where. It has lasted 2 days 9 h. Find")
    assert "28" not in text


def test_what_is_over_or_explained_asks_for_nothing() -> None:
    attributes = Attributes(hard=("column `a` is missing",))
    over = told(attributes, closed="2026-11-18T09:00")
    assert over == "Column `a` is missing. It began on 18 Nov 03:00 UTC and was over after 6 h."
    explained = told(attributes, inhibited_by="volume")
    assert explained.endswith("The volume break of the same time explains it: nobody was called for this.")


@pytest.mark.parametrize("family", list(FAMILY))
def test_every_family_says_what_to_do(family: str) -> None:
    assert len(told(Attributes(), family=family).split(". ")) == 2
