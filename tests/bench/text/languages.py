"""The language of whole messages, beside langdetect."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from checks import text
from tests.bench.text.common import Figure, merged, read_rows, to_array


def figures(data: Path, sample: int) -> Iterator[Figure]:
    from langdetect import DetectorFactory, detect
    from langdetect.lang_detect_exception import LangDetectException

    plan = text.learn(to_array([]))
    DetectorFactory.seed = 0
    for name in ("mono_lingua_short.jsonl", "mono_eld_tweets.jsonl"):
        rows = list(read_rows(data / "codeswitch" / name))
        for kind in sorted({row["kind"] for row in rows}):
            chosen = [row for row in rows if row["kind"] == kind]
            found = text.annotate(to_array([row["text"] for row in chosen]), plan)
            right = [
                merged(plan.languages[language]) == merged(row["lang"])
                for language, row in zip(found.language, chosen, strict=True)
            ]
            picked = random.Random(2).sample(range(len(chosen)), min(sample, len(chosen)))
            theirs = 0
            for index in picked:
                with suppress(LangDetectException):
                    theirs += merged(detect(chosen[index]["text"])) == merged(chosen[index]["lang"])
            ours = statistics.mean(right[index] for index in picked)
            yield Figure(f"label of a {kind}, no prior (all {len(chosen)})", statistics.mean(right))
            yield Figure(
                f"label of a {kind}, less langdetect's, same {len(picked)}", ours - theirs / len(picked), 0.0
            )
            yield Figure(f"  called mixed, no prior: {kind}", float(found.mixed.mean()))
