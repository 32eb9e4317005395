"""UTF-8 read with a codec of East Asia is found; Chinese, Japanese and Korean as they should be are left alone."""

from __future__ import annotations

import pytest

from checks.text.codepages import WIDE
from checks.text.decoding import buffers, decode
from checks.text.mojibake import CODECS, find
from tests.checks.text.samples import SENTENCES, damage, large

READERS = ("gbk", "gb18030", "big5", "cp932", "cp949", "euc_jp")
ALPHABETS = ("ar", "cs", "el", "he", "hi", "hu", "ru", "th", "tr", "uk")


@pytest.mark.parametrize("language", ALPHABETS)
@pytest.mark.parametrize("errors", ["replace", "ignore"])
@pytest.mark.parametrize("codec", READERS)
def test_finds_sentences_read_with_the_wrong_codec(codec: str, errors: str, language: str) -> None:
    assert "mojibake" in damage(SENTENCES[language].encode().decode(codec, errors))


@pytest.mark.parametrize("language", ["ja", "ko", "zh-cn"])
@pytest.mark.parametrize("codec", ["gbk", "gb18030", "cp949", "cp932"])
def test_finds_east_asian_sentences_read_with_the_wrong_codec(codec: str, language: str) -> None:
    # big5 and euc_jp lose every second byte of these: the U+FFFD tell, not the structure.
    assert "mojibake" in damage(SENTENCES[language].encode().decode(codec, "replace"))


@pytest.mark.parametrize(
    ("message", "codec"),
    [
        ("un caf茅 cr猫me", "gb18030"),
        ("sch枚n und m眉de", "gb18030"),
        ("cafﾃｩ", "cp932"),
        ("caf챕", "cp949"),
        ("ele챌찾o", "cp949"),
    ],
)
def test_names_the_codec(message: str, codec: str) -> None:
    found = find(decode(buffers(large(message)), 0, 1))
    assert CODECS[found.codec[0]] == codec
    assert codec in WIDE


@pytest.mark.parametrize(
    "message",
    [
        "我没有 iPhone，也没 iPad",
        "app是什么",
        "他说ok没问题",
        "卡拉OK之夜，KTV优惠",
        "Tシャツを買った",
        "ｶﾀｶﾅ ﾄｳｷｮｳ ﾊﾝｶｸ ﾄﾁ",
        "ﾃｽﾄ ﾄｯﾌﾟ",
        "앱을 iOS에서 받았다",
        "pc방에서 게임",
        "繁體中文測試：這是一句話。",
        "猫",
        "没",
        "第十条",
        "東京都千代田区",
        "α谩β",
    ],
)
def test_leaves_good_text_alone(message: str) -> None:
    assert damage(message).get("mojibake", 0) == 0


def test_finds_the_broken_part_of_a_good_message() -> None:
    broken = "包裹来得很晚".encode().decode("gbk", "replace")
    message = f"订单已经收到，谢谢您的支持。{broken}"
    found = find(decode(buffers(large(message)), 0, 1))
    assert found.sequences[0] > 0
    assert not found.broken[:12].any()
