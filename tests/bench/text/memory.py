"""Memory: how much a process grows while it reads words it never saw."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.text.common import Figure

WORDS = 5_000_000
_PER_MESSAGE, _MESSAGES = 25, 4_000


def figures(_: Path, __: int) -> Iterator[Figure]:
    for name in ("plain", "lexicon"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.text.memory", name],
            check=True,
            capture_output=True,
            text=True,
        )
        what = f"growth over 5 M distinct words, {name} plan (MB)"
        yield Figure(what, float(done.stdout), 50.0, at_most=True)


def grown(lexicon: bool) -> float:
    """MB that this process holds at most, over what it holds after a page of ten words said again and again."""
    import numpy as np
    import psutil
    import pyarrow as pa

    from checks import text

    plan = text.learn(pa.array(["a parcel came late"]), ("en", "es"), lexicon=lexicon)
    letters = np.frombuffer(b"etaoinshrdlucmfw", np.uint8)
    process, held = psutil.Process(), []
    for k in range(WORDS // (_MESSAGES * _PER_MESSAGE) + 1):
        # A word is its number in base 16: none comes twice.
        first = max(k - 1, 0) * _MESSAGES * _PER_MESSAGE
        numbers = np.arange(first, first + _MESSAGES * _PER_MESSAGE, dtype=np.int64)
        numbers = numbers if k else numbers % 10
        digits = numbers[:, None] >> np.arange(0, 24, 4) & 15
        block = np.concatenate([letters[digits], np.full((len(numbers), 1), 32, np.uint8)], axis=1)
        size = block.shape[1] * _PER_MESSAGE
        offsets = pa.py_buffer(np.arange(0, block.size + 1, size, dtype=np.int64))
        page = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), _MESSAGES, [None, offsets, pa.py_buffer(block.tobytes())]
        )
        text.annotate(page, plan)
        held.append(process.memory_info().rss)
    return float(max(held) - held[0]) / 2**20


if __name__ == "__main__":
    print(grown(sys.argv[1] == "lexicon"))
