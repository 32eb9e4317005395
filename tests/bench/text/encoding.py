"""Mojibake: what is found, and what is found where nothing is.

Constants were chosen with a view of the development file and of one half of the clean lines; the other half, broken
anew through codecs of every family, is the report.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from checks.text.annotations import ENCODING_CLASSES
from tests.bench.text.common import Figure, clean_lines, damage, read_rows
from tests.checks.text.traps import TRAPS

# What ftfy repairs, of the kinds in the development file.
FTFY_KINDS = ("latin-1", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp437", "macroman", "iso-8859-2")
# Round trips made here: what UTF-8 is read with, by family …
FTFY = (
    "latin-1",
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1257",
    "cp437",
    "mac_roman",
    "iso8859-2",
)
SINGLE = (
    *(
        "cp850",
        "koi8-r",
        "cp866",
        "cp1255",
        "cp1256",
        "cp1258",
        "cp874",
        "iso8859-5",
        "iso8859-7",
        "iso8859-15",
    ),
    *("koi8-u", "cp852", "cp862", "mac_cyrillic", "mac_latin2", "mac_turkish"),
)
WIDE = ("gbk", "big5", "cp932", "euc_kr", "euc_jp")
# … and what each language was written in before it was read with one of READERS.
WRITTEN = {
    "ru": ("cp1251", "koi8-r", "cp866"),
    "uk": ("cp1251", "koi8-u"),
    "bg": ("cp1251", "iso8859-5"),
    "el": ("cp1253", "iso8859-7"),
    "he": ("cp1255", "iso8859-8"),
    "ar": ("cp1256", "iso8859-6"),
    "th": ("cp874",),
    "tr": ("cp1254",),
    "cs": ("cp1250", "cp852"),
    "pl": ("cp1250", "iso8859-2"),
    "hu": ("cp1250", "cp852"),
    "ro": ("iso8859-2",),
    "zh": ("gbk", "big5"),
    "ja": ("cp932", "euc_jp"),
    "ko": ("euc_kr",),
}
READERS = ("cp1252", "latin-1", "cp1251", "koi8-r")
EACH = 3  # lines of a language for each pair of codecs


def figures(data: Path, _: int) -> Iterator[Figure]:
    yield from _development(data)
    yield from _made_here(data)
    clean = clean_lines(data)
    flagged = int(_flags(clean).sum())
    low, high = interval(flagged, len(clean))
    yield Figure(
        f"flagged of {len(clean)} news and UDHR lines; looked at one by one, 2 are not broken", float(flagged)
    )
    yield Figure("  share flagged, 95 % from (%)", 100 * low)
    yield Figure("  share flagged, 95 % to (%)", 100 * high)
    wild = json.loads((data / "encoding" / "ftfy" / "in-the-wild.json").read_text("utf-8"))
    counts = damage([case["original"] for case in wild])
    names = ("mojibake", "replacement", "control")
    hit = sum(counts[:, ENCODING_CLASSES.index(name)] for name in names) > 0
    yield Figure(
        f"of ftfy's {len(wild)} cases in the wild, with mojibake, U+FFFD or control characters",
        float(hit.sum()),
        66,
    )
    traps = [trap for kind in TRAPS.values() for trap in kind]
    yield Figure(
        f"must-not-change traps flagged, share of {len(traps)}",
        float(_flags(traps).mean()),
        0.1,
        at_most=True,
    )


def interval(hits: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z = 1.959964
    share, n = hits / of, of
    middle, spread = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)


def _development(data: Path) -> Iterator[Figure]:
    rows = list(read_rows(data / "encoding" / "mojibake_synth_dev.jsonl"))
    supported = [
        row for row in rows if row["kind"].startswith("u8>") and row["kind"][3:].split(" ")[0] in FTFY_KINDS
    ]
    yield Figure(f"mojibake found, codecs that ftfy knows ({len(supported)})", _found(supported), 0.98)
    single = [row for row in rows if row["kind"] in ("u8>koi8-r", "u8>cp866", "u8>cp850")]
    yield Figure(f"mojibake found, koi8-r, cp866, cp850 ({len(single)})", _found(single))
    east = [row for row in rows if row["kind"] in ("u8>gbk", "u8>big5", "u8>cp932", "u8>euc_kr")]
    yield Figure(f"mojibake found, East Asian codecs ({len(east)})", _found(east))
    legacy = [row for row in rows if ">" in row["kind"] and not row["kind"].startswith(("u8>", "latin1>u8"))]
    yield Figure(f"mojibake found, one legacy codec read as another ({len(legacy)})", _found(legacy))
    others = single + east + legacy
    yield Figure(f"mojibake found, all codecs that ftfy does not know ({len(others)})", _found(others), 0.85)


def _found(rows: Sequence[dict[str, Any]]) -> float:
    counts = damage([row["text"] for row in rows])
    hit = counts[:, ENCODING_CLASSES.index("mojibake")] + counts[:, ENCODING_CLASSES.index("replacement")]
    return float((hit > 0).mean())


def _made_here(data: Path) -> Iterator[Figure]:
    """Round trips of the half of the news lines that no constant was chosen on."""
    lines: dict[str, list[str]] = defaultdict(list)
    for file in sorted((data / "encoding" / "lingua_news").glob("*.txt")):
        lines[file.stem] = [line for line in file.read_text("utf-8").splitlines() if line and _rank(line) & 1]
    spoken = [language for language in lines if language != "en"]
    families = {
        "codecs that ftfy knows": [(language, "utf-8", codec) for codec in FTFY for language in spoken],
        "other single-byte codecs": [(language, "utf-8", codec) for codec in SINGLE for language in spoken],
        "East Asian codecs": [(language, "utf-8", codec) for codec in WIDE for language in spoken],
        "legacy read as legacy": [
            (language, writer, reader)
            for language, writers in WRITTEN.items()
            for writer in writers
            for reader in READERS
            if writer != reader
        ],
    }
    for family, trips in families.items():
        broken = [text for trip in trips for text in _broken(lines[trip[0]], *trip[1:])]
        yield Figure(f"held half, mojibake alone: {family} ({len(broken)})", float(_flags(broken).mean()))


def _broken(lines: Sequence[str], writer: str, reader: str) -> Iterator[str]:
    made = 0
    for line in sorted(lines, key=lambda line: _rank(writer + reader + line)):
        text = line.encode(writer, "ignore")
        if made == EACH:
            return
        if text.isascii() or len(text.decode(writer)) < 0.95 * len(line):
            continue
        made += 1
        lenient = "replace" if _rank(reader + line) & 2 else "ignore"
        yield text.decode(reader, lenient)


def _rank(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def _flags(messages: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    flags: np.ndarray[Any, np.dtype[np.bool_]] = damage(messages)[:, ENCODING_CLASSES.index("mojibake")] > 0
    return flags
