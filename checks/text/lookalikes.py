"""Letters that look like a plain Latin one.

Those of living scripts are written down by hand: what reads as the Latin letter in a running sentence. Unicode's own
list (UTS #39, confusables.txt) differs from a reader's eye in both directions: it lacks "к" for k, "т" for t and "ω"
for w, and takes Arabic and Hebrew letters for l and o that honest text puts right before a Latin name. Of scripts
that no running text mixes with Latin every letter is one, whatever it looks like. The benchmark measures how much of
UTS #39 this finds.
"""

from __future__ import annotations

import unicodedata
from functools import cache

# Each pair of lines: letters of the script, and the Latin letters they are taken for, in the same order.
_PAIRS: tuple[tuple[str, str], ...] = (
    # Cyrillic
    ("аеорсухіјѕԁԛԝһӏѵкмтвнгпёїӧӑԍ", "aeopcyxijsdqwhlvkmtbhrneioag"),
    ("АВЕЅІЈКМНОРСТУХԌԚԜҮҺӀЁЇԀҢ", "ABESIJKMHOPCTYXGQWYHIEIDH"),
    ("ЬҽҼꙇѵѴѡѠүұҰқҚҝҫҪөӨәғ", "beEivVwWyyYkKkcCoOef"),
    # Greek
    ("ανορικυγτχωησϲϳεβπόάίέύώή", "avopikuytxwnocjebnoaieuwn"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϺΌΆΊΈΉ", "ABEZHIKMNOPTYXCMOAIEH"),
    ("ϜϝͿϱϒςΰϋϊΐϔ\u1fbeᴦ", "FfJpYcuuiiYir"),
    # Armenian
    ("ոօսհցզյռղքգ", "nouhgqjnnpq"),
    ("աՏՕԼՍՀ", "wSOLUZ"),
    # Cherokee
    ("ᏀᏂᎡᏕᏳ", "GhRSG"),
    ("ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᏚᎢᏙᎳᏃᏒᏔᏎᎥᎩᎽ", "ABCDEGHJKLMPSTVWZRWVIYY"),
    # Lisu
    ("ꓐꓑꓓꓔꓖꓗꓙꓚꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴꓜ", "BPDTGKJCFMNLSRVHWXYAEIOUZ"),
    # Coptic
    ("ⲟⲣⲥⲩⲭⲓⲕⲛⲉ", "opcyxikne"),
    ("ⲞⲢⲤⲬⲒⲔⲘⲚⲦ", "OPCXIKMNT"),
)

# Latin letters that are taken for a Cyrillic or Greek one, when they stand inside such a word.
LATIN_INSIDE = frozenset("aceopxyijskmturnbhvABCEHKMOPTXYIJSNZ")


# Scripts (first words of their letters' names) that no running text mixes with Latin letters in one word.
INTRUDERS = frozenset(
    (
        *(
            "CARIAN",
            "CHEROKEE",
            "COPTIC",
            "DESERET",
            "ELBASAN",
            "GLAGOLITIC",
            "GOTHIC",
            "LISU",
            "LYCIAN",
            "LYDIAN",
        ),
        *(
            "MIAO",
            "OGHAM",
            "OLD",
            "OSAGE",
            "PHOENICIAN",
            "RUNIC",
            "SHAVIAN",
            "TIFINAGH",
            "VITHKUQI",
            "WARANG",
        ),
    )
)

# Small letters beyond Latin-1 with marks that living alphabets and common transliterations write. Any other one but
# Vietnamese ones is odd: "ḃ", "ẗ", "ẍ".
_WRITTEN = frozenset(
    "āăąćĉċčďēĕėęěĝğġģĥĩīĭįĵķĺļľńņňōŏőŕŗřśŝşšţťũūŭůűųŵŷÿźżžơưǎǐǒǔǖǘǚǜǧǩǫǯșțȟȩḍḏḑḥḫḳḵḷḹḻṁṃṅṇṉṛṝṟṣṭṯẁẃẅẏẓẕẖ"
)


@cache
def unmarked() -> dict[int, int]:
    """Code point of a Latin letter with marks → code point of the ASCII letter under them."""
    found = {}
    for point in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        letter = unicodedata.normalize("NFD", chr(point))[0]
        if letter.isascii() and letter.isalpha():
            found[point] = ord(letter)
    for point in (
        *range(0x1D80, 0x1D9B),
        *range(0x2C60, 0x2C80),
        *range(0xA740, 0xA7AA),
    ):  # hooks, tails, bars
        words = unicodedata.name(chr(point), "").split(" ")
        if words[:1] == ["LATIN"] and words[4:5] == ["WITH"] and len(words[3]) == 1:
            found[point] = ord(words[3].lower() if words[1] == "SMALL" else words[3])
    return found


@cache
def odd_letters() -> frozenset[int]:
    """Code points of the Latin letters with marks that no common alphabet holds."""
    return frozenset(
        point
        for point in unmarked()
        if point >= 0x100 and not 0x1EA0 <= point < 0x1F00 and chr(point).lower()[0] not in _WRITTEN
    )


@cache
def skeletons() -> dict[int, int]:
    """Code point of the look-alike → code point of the Latin letter that it is taken for."""
    table: dict[int, int] = {}
    for letters, latin in _PAIRS:
        if len(letters) != len(latin):
            raise ValueError(f"look-alikes out of step: {letters} against {latin}")
        table.update(zip(map(ord, letters), map(ord, latin), strict=True))
    return table
