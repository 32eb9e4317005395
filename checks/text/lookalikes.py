"""Letters of other scripts that look like a Latin one: the well-known pairs, written down by hand.

Unicode's own list (UTS #39, confusables.txt) is ten times longer, and most of it is letters that no keyboard
types and
no attack generator uses. What is kept is what reads as the Latin letter in a running sentence.
"""

from __future__ import annotations

from functools import cache

# Each pair of lines: letters of the script, and the Latin letters they are taken for, in the same order.
_PAIRS: tuple[tuple[str, str], ...] = (
    # Cyrillic
    ("аеорсухіјѕԁԛԝһӏѵкмтвнгпёїӧӑԍ", "aeopcyxijsdqwhlvkmtbhrneioag"),
    ("АВЕЅІЈКМНОРСТУХԌԚԜҮҺӀЁЇԀҢ", "ABESIJKMHOPCTYXGQWYHIEIDH"),
    # Greek
    ("ανορικυγτχωησϲϳεβπόάίέύώή", "avopikuytxwnocjebnoaieuwn"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϺΌΆΊΈΉ", "ABEZHIKMNOPTYXCMOAIEH"),
    # Armenian
    ("ոօսհցզյռղքգ", "nouhgqjnnpq"),
    ("ՏՕԼՍՀ", "SOLUZ"),
    # Cherokee
    ("ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᏚᎢᏙᎳᏃᏒᏔᏎᎥᎩᎽ", "ABCDEGHJKLMPSTVWZRWVIYY"),
    # Lisu
    ("ꓐꓑꓓꓔꓖꓗꓙꓚꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴꓜ", "BPDTGKJCFMNLSRVHWXYAEIOUZ"),
    # Coptic
    ("ⲟⲣⲥⲩⲭⲓⲕⲛⲉ", "opcyxikne"),
    ("ⲞⲢⲤⲬⲒⲔⲘⲚⲦ", "OPCXIKMNT"),
)

# Latin letters that are taken for a Cyrillic or Greek one, when they stand inside such a word.
LATIN_INSIDE = frozenset("aceopxyijskmturnbhvABCEHKMOPTXYIJSNZ")


@cache
def skeletons() -> dict[int, int]:
    """Code point of the look-alike → code point of the Latin letter that it is taken for."""
    table: dict[int, int] = {}
    for letters, latin in _PAIRS:
        if len(letters) != len(latin):
            raise ValueError(f"look-alikes out of step: {letters} against {latin}")
        table.update(zip(map(ord, letters), map(ord, latin), strict=True))
    return table
