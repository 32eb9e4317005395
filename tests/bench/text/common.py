"""What the parts of the text benchmark share: a line of the table, the development data, timing."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from checks import text
from tests.bench.figure import Figure

# Languages whose texts cannot be told apart, or that langdetect has one profile for.
MERGED = {"ms": "id", "bs": "hr", "sr": "hr", "nb": "no", "nn": "no", "zh-cn": "zh", "zh-tw": "zh"}
NO_LANGUAGE = frozenset(("other", "ne", "mixed", "unk", "ambiguous"))

__all__ = [
    "MERGED",
    "NO_LANGUAGE",
    "Figure",
    "clean_lines",
    "damage",
    "median",
    "merged",
    "message_of",
    "read_rows",
    "to_array",
]


def clean_lines(data: Path) -> list[str]:
    """News sentences and the Declaration of Human Rights. Not quite clean: a few lines hold real damage."""
    lines = []
    for file in sorted((data / "encoding" / "lingua_news").glob("*.txt")):
        lines += file.read_text("utf-8").splitlines()
    with zipfile.ZipFile(data / "encoding" / "udhr2.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".txt"):
                lines += archive.read(name).decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


def read_rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def message_of(row: dict[str, Any]) -> str:
    return str(row["text"]) if "text" in row else " ".join(row["tokens"])


def to_array(messages: Sequence[str]) -> pa.LargeBinaryArray:
    return pa.array([message.encode("utf-8", "surrogatepass") for message in messages], pa.large_binary())


def merged(language: str) -> str:
    return MERGED.get(language, language)


def median(work: Callable[[], object]) -> float:
    """Seconds of processor time, the median of three after one that does not count."""
    work()
    times = []
    for _ in range(3):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return float(np.median(times))


def damage(messages: Sequence[str]) -> Any:
    return text.annotate(to_array(messages), text.learn(to_array([]))).encoding_counts
