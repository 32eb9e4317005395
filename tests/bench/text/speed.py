"""Speed, as ratios of processor time in one run."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from checks import text
from checks.text import encoding, mojibake, obfuscation
from checks.text.decoding import buffers, decode
from checks.text.reading import batches, tagged
from tests.bench.text.common import Figure, median, message_of, read_rows, to_array


def figures(data: Path, sample: int) -> Iterator[Figure]:
    from ftfy.badness import is_bad
    from langdetect import DetectorFactory, detect
    from langdetect.lang_detect_exception import LangDetectException

    messages = [
        message_of(row) for file in sorted((data / "codeswitch").glob("*.jsonl")) for row in read_rows(file)
    ]
    array = to_array(messages)
    plan = text.learn(array)
    everything = median(lambda: text.annotate(array, plan)) / len(messages)
    read = list(batches(buffers(array)))
    screen = median(lambda: [_screen(batch, plan) for batch in read]) / len(messages)
    subset = random.Random(1).sample(messages, min(sample, len(messages)))
    DetectorFactory.seed = 0

    def by_langdetect() -> None:
        for message in subset:
            with suppress(LangDetectException):  # raised where there are no letters; ours says und
                detect(message)

    langdetect = median(by_langdetect) / len(subset)
    ftfy = median(lambda: [is_bad(message) for message in messages]) / len(messages)
    characters = sum(map(len, messages))
    yield Figure("messages/s, everything", 1 / everything)
    yield Figure("times langdetect.detect", langdetect / everything, 150)
    yield Figure(
        "language and code-switching, times lingua high detect_multiple_languages_of",
        _times_lingua(array, plan, subset[:200]),
        150,
    )
    yield Figure("encoding and evasion screen, times ftfy.is_bad", ftfy / screen, 15)
    counters = median(lambda: decode(buffers(array), 0, len(messages)))
    yield Figure("decoding and properties, M characters/s", characters / counters / 1e6, 300)


def _times_lingua(array: pa.LargeBinaryArray, plan: text.TextPlan, subset: Sequence[str]) -> float:
    """Of each what the other needs for a message, repeats alternated so that both meet the same machine."""
    from lingua import LanguageDetectorBuilder

    detector = LanguageDetectorBuilder.from_all_languages().with_preloaded_language_models().build()

    def ours() -> None:
        for batch in batches(buffers(array)):
            tagged(batch, plan.choice, plan.sources)

    def theirs() -> None:
        for message in subset:
            detector.detect_multiple_languages_of(message)

    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(4):
        for name, work in (("ours", ours), ("theirs", theirs)):
            begun = time.process_time()
            work()
            seconds[name].append(time.process_time() - begun)
    # The first of each is for the caches.
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    return (medians["theirs"] / len(subset)) / (medians["ours"] / len(array))


def _screen(batch: Any, plan: text.TextPlan) -> None:
    misread = mojibake.find(batch.points)
    encoding.count(batch.points, batch.tokens, misread)
    obfuscation.count(batch.points, batch.tokens, misread.broken, plan.known_words)
