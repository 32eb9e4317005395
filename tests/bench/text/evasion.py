"""Evasion: what is called so where nobody evades."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from checks import text
from tests.bench.text.common import Figure, clean_lines, to_array


def figures(data: Path, _: int) -> Iterator[Figure]:
    clean = clean_lines(data)
    array = to_array(clean)
    found = text.annotate(array, text.learn(array))
    yield Figure(
        f"called evasion of {len(clean)} news and UDHR lines", float((found.evasion > 0).mean()), 0.0025, True
    )
