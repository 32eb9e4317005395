"""Code pages: which byte, or pair of bytes, a legacy codec has for each character.

Generated from Python's own codecs at the first call. What a codec leaves undefined comes through as a C1 control,
as browsers and most readers do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from checks.text.kernels import frozen

# Order is attribution: of codecs that explain a message equally well the first, the commonest in practice, is
# named. cp1252 stands for Latin-1 too, which differs by its C1 controls alone; a national standard that a
# Windows or DOS page contains (ISO 8859-9 in cp1254, TIS-620 in cp874) is not listed beside it.
SINGLE: tuple[str, ...] = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "iso8859-2"),
    *("cp437", "cp850", "mac_roman", "koi8-r", "cp866"),
    *(
        "cp1255",
        "cp1256",
        "cp1258",
        "cp874",
        "iso8859-15",
        "iso8859-5",
        "iso8859-6",
        "iso8859-7",
        "iso8859-8",
    ),
    *("koi8-u", "cp852", "cp855", "cp857", "cp862", "cp737", "cp775", "cp720"),
    *(
        "cp861",
        "cp863",
        "cp865",
        "iso8859-3",
        "iso8859-4",
        "iso8859-10",
        "iso8859-13",
        "iso8859-14",
        "iso8859-16",
    ),
    *("mac_latin2", "mac_cyrillic", "mac_greek", "mac_turkish", "mac_iceland", "hp_roman8", "kz1048"),
)
# Each is the widest of its family: gb18030 holds gbk and gb2312, cp949 holds euc_kr, cp932 holds shift_jis.
WIDE: tuple[str, ...] = ("gb18030", "big5hkscs", "cp932", "cp949", "euc_jp")
REACH = 0x2600  # every character of the single-byte codecs but a few lies below
PLANE = 0x10000


@dataclass(frozen=True)
class CodePages:
    """byte_of   uint8[len(SINGLE), REACH]: the byte of a character, 0 if the codec has none (or it is ASCII)
    pair_of   uint16[len(WIDE), PLANE]: lead << 8 | trail, one byte below 256, 0 if the codec has none or it is
              ASCII"""

    byte_of: npt.NDArray[np.uint8]
    pair_of: npt.NDArray[np.uint16]


@cache
def code_pages() -> CodePages:
    """The tables, built at the first call (a fifth of a second) and kept."""
    byte_of = np.zeros((len(SINGLE), REACH), np.uint8)
    for index, codec in enumerate(SINGLE):
        for byte in range(128, 256):
            character = bytes([byte]).decode(codec, "ignore") or chr(byte)
            if len(character) == 1 and ord(character) < REACH:
                byte_of[index, ord(character)] = byte
        if codec == "cp1252":
            byte_of[index, 0x80:0xA0] = np.arange(0x80, 0xA0)
    pair_of = np.zeros((len(WIDE), PLANE), np.uint16)
    for index, codec in enumerate(WIDE):
        for lead in range(0x80, 0x100):
            _place(pair_of[index], bytes([lead]), codec)
            for trail in range(0x40, 0xFF):
                _place(pair_of[index], bytes([lead, trail]), codec)
    return CodePages(frozen(byte_of), frozen(pair_of))


def _place(pairs: npt.NDArray[np.uint16], code: bytes, codec: str) -> None:
    try:
        character = code.decode(codec)
    except UnicodeDecodeError:
        return
    if len(character) == 1 and 0x80 <= ord(character) < PLANE and not pairs[ord(character)]:
        pairs[ord(character)] = int.from_bytes(code, "big")
