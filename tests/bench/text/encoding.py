"""Mojibake: what is found, and what is found where nothing is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from checks.text.annotations import ENCODING_CLASSES
from tests.bench.text.common import Figure, clean_lines, damage, read_rows

# What ftfy repairs, of the kinds in the development file.
FTFY_KINDS = ("latin-1", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp437", "macroman", "iso-8859-2")


def figures(data: Path, _: int) -> Iterator[Figure]:
    rows = list(read_rows(data / "encoding" / "mojibake_synth_dev.jsonl"))
    supported = [
        row for row in rows if row["kind"].startswith("u8>") and row["kind"][3:].split(" ")[0] in FTFY_KINDS
    ]
    yield Figure(f"mojibake found, codecs that ftfy knows ({len(supported)})", _found(supported), 0.98)
    others = [row for row in rows if row["kind"] in ("u8>koi8-r", "u8>cp866", "u8>cp850")]
    yield Figure(f"mojibake found, koi8-r, cp866, cp850 ({len(others)})", _found(others), 0.85)
    east = [row for row in rows if row["kind"] in ("u8>gbk", "u8>big5", "u8>cp932", "u8>euc_kr")]
    yield Figure(f"mojibake found, East Asian codecs ({len(east)})", _found(east))
    legacy = [row for row in rows if ">" in row["kind"] and not row["kind"].startswith(("u8>", "latin1>u8"))]
    yield Figure(f"mojibake found, one legacy codec read as another ({len(legacy)})", _found(legacy))
    clean = clean_lines(data)
    flagged = int((damage(clean)[:, ENCODING_CLASSES.index("mojibake")] > 0).sum())
    yield Figure(
        f"flagged of {len(clean)} news and UDHR lines (5 of them are real)", float(flagged), 8, at_most=True
    )
    wild = json.loads((data / "encoding" / "ftfy" / "in-the-wild.json").read_text("utf-8"))
    broken = [
        case["original"] for case in wild if case["original"] != case.get("fixed-encoding", case["fixed"])
    ]
    counts = damage(broken)
    names = ("mojibake", "replacement", "control")
    hit = sum(counts[:, ENCODING_CLASSES.index(name)] for name in names) > 0
    yield Figure(f"ftfy's cases in the wild found (of {len(broken)})", float(hit.sum()), 62)


def _found(rows: Sequence[dict[str, Any]]) -> float:
    counts = damage([row["text"] for row in rows])
    hit = counts[:, ENCODING_CLASSES.index("mojibake")] + counts[:, ENCODING_CLASSES.index("replacement")]
    return float((hit > 0).mean())
