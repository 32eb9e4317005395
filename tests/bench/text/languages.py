"""The language of whole messages, beside langdetect and lingua."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from checks import text
from tests.bench.text.common import Figure, merged, read_rows, to_array


def figures(data: Path, sample: int) -> Iterator[Figure]:
    plans = {"": text.learn(to_array([])), " with lexicon": text.learn(to_array([]), lexicon=True)}
    peers = dict(_peers())
    for name in ("mono_lingua_short.jsonl", "mono_eld_tweets.jsonl"):
        rows = list(read_rows(data / "codeswitch" / name))
        for kind in sorted({row["kind"] for row in rows}):
            chosen = [row for row in rows if row["kind"] == kind]
            messages = to_array([row["text"] for row in chosen])
            right = {}
            for how, plan in plans.items():
                found = text.annotate(messages, plan)
                right[how] = [
                    merged(plan.languages[language]) == merged(row["lang"])
                    for language, row in zip(found.language, chosen, strict=True)
                ]
                yield Figure(
                    f"label of a {kind}, no prior{how} (all {len(chosen)})", statistics.mean(right[how])
                )
                yield Figure(f"  called mixed{how}: {kind}", float(found.mixed.mean()))
            for peer, detect in peers.items():
                # langdetect is the bar, and reads all; lingua is three times as slow and reads some.
                count = len(chosen) if peer == "langdetect" else min(sample, len(chosen))
                picked = random.Random(2).sample(range(len(chosen)), count)
                theirs = statistics.mean(
                    merged(detect(chosen[index]["text"])) == merged(chosen[index]["lang"]) for index in picked
                )
                for how, verdicts in right.items():
                    ours = statistics.mean(verdicts[index] for index in picked)
                    bar = 0.0 if peer == "langdetect" and not how else None
                    yield Figure(f"label of a {kind}{how}, less {peer}'s, same {count}", ours - theirs, bar)
    yield from _monolingual(data)


def _peers() -> Iterator[tuple[str, Callable[[str], str]]]:
    """langdetect, and lingua where it is installed; "" for a message that they have no answer for."""
    from langdetect import DetectorFactory, detect
    from langdetect.lang_detect_exception import LangDetectException

    DetectorFactory.seed = 0

    def by_langdetect(message: str) -> str:
        with suppress(LangDetectException):
            return str(detect(message))
        return ""

    yield "langdetect", by_langdetect
    try:
        from lingua import LanguageDetectorBuilder
    except ImportError:
        return
    detector = LanguageDetectorBuilder.from_all_languages().build()

    def by_lingua(message: str) -> str:
        found = detector.detect_language_of(message)
        return found.iso_code_639_1.name.lower() if found else ""

    yield "lingua", by_lingua


def _monolingual(data: Path) -> Iterator[Figure]:
    """With a prior learnt from texts of one language: how often they are called mixed, or of no profile's language."""
    mixed, unknown = [], 0
    files = sorted((data / "encoding" / "lingua_news").glob("*.txt"))
    for file in files:
        lines = to_array([line for line in file.read_text("utf-8").splitlines() if line.strip()])
        plan = text.learn(lines)
        mixed.append(float(text.annotate(lines, plan).mixed.mean()))
        unknown += plan.residual is not None
    yield Figure(f"news in {len(files)} languages, learnt from itself: called mixed", statistics.mean(mixed))
    yield Figure("  of the language called mixed most", max(mixed))
    yield Figure("  languages taken for one of no profile", unknown, 0, at_most=True)
