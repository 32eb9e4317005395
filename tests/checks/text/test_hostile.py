"""Nothing that can be written breaks a detector, and long texts take time in proportion."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from checks import text
from tests.checks.text.samples import plan

NAUGHTY = [
    "",
    " " * 3000,
    "\x00\x01\x7f\x85",
    "null NaN -1e999 0x0 ../../etc/passwd",
    "'; DROP TABLE messages; -- <script>alert(1)</script> {{7*7}} ${x} %s %n",
    "&amp;amp;amp;amp;lt;" * 40,
    "a" + "\u0301" * 2000,
    "\u202e\u2066\u202d\u2069" * 50,
    "\U0001f469\u200d" * 99,
    "\U000e0041" * 99 + "\ufe0f" * 99,
    "w" * 5000,
    "w o r d s " * 500,
    "\ud800\udc00\udfff",
    "Ã¢â\u201a¬" * 60,
    "ﷺ ﷽ 𒐫 ௵ ꧅",
    "@@@###://www.http://a@b@c.d",
    "4!|$@" * 200,
    "ẍẗḃ" * 80,
]


def messages() -> list[bytes]:
    pick = random.Random(4)
    made = [message.encode("utf-8", "surrogatepass") for message in NAUGHTY]
    made += [pick.randbytes(pick.randrange(40)) for _ in range(2000)]
    made += [
        "".join(map(chr, range(k, k + 64))).encode("utf-8", "surrogatepass")
        for k in range(0, 0x110000, 64 * 17)
    ]
    return made + [b"a", b"\xff", b""] * 500


def test_every_detector_reads_hostile_messages() -> None:
    hostile = messages()
    array = pa.array(hostile, pa.large_binary())
    learnt = text.learn(array)
    found = text.annotate(array, learnt)
    assert found.chars.tolist() == [len(message.decode("utf-8", "replace")) for message in hostile]
    assert (found.encoding_counts >= 0).all()
    assert (found.evasion_counts >= 0).all()
    assert text.TextPlan.from_dict(learnt.to_dict()).to_dict() == learnt.to_dict()
    assert text.inspect(hostile).table.num_rows == len(hostile)
    assert all(term.documents >= 10 for term in text.novel_terms(hostile * 2, plan()))
    for campaign in text.campaigns(hostile[:200]):
        assert campaign.messages == len(campaign.members)


def test_evidence_of_hostile_messages_is_short_and_shows_what_is_invisible() -> None:
    labels = (*text.ENCODING_CLASSES, *text.EVASION_CLASSES, "de", "en+ru")
    for message in messages()[::40]:
        shown = text.reveal(message.decode("utf-8", "replace"))
        assert not set(shown) & set("\x00\u200b\u202e\U000e0041")
        for label in labels:
            evidence = text.excerpt(message, plan(), label)
            assert evidence is None or len(evidence) > 0


@pytest.mark.parametrize(
    "pattern", ["&amp;", "4a", "!|", "a.", "a@", "ẍ", "аa", "\u202b", "a\u0301\u0316", "@a#b", "a'"]
)
def test_a_long_message_ends_in_time(pattern: str) -> None:
    # 600,000 characters: what looks back over all of them would not end within the time limit of a test.
    found = text.annotate(pa.array([pattern * (600_000 // len(pattern))]), plan())
    assert found.chars[0] >= 599_990
