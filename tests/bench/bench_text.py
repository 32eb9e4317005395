"""The text detectors: speed beside langdetect and ftfy, and accuracy on real messages, in one run.

    python -m tests.bench.bench_text [--check] [--sample 600]

Reads `../shared/data` (set DRIFTGLASS_DATA for another place) and says so where it is missing. Speed is processor
time of one core, medians of three repeats; peers read a random subset. The accuracy figures are of development
data: constants were chosen with a view of them, so expect somewhat less elsewhere.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from checks import text
from checks.text import encoding, mojibake, obfuscation
from checks.text.annotations import ENCODING_CLASSES
from checks.text.decoding import buffers, decode
from checks.text.reading import batches

# Languages whose texts cannot be told apart, or that langdetect has one profile for.
MERGED = {"ms": "id", "bs": "hr", "sr": "hr", "nb": "no", "nn": "no", "zh-cn": "zh", "zh-tw": "zh"}
NO_LANGUAGE = frozenset(("other", "ne", "mixed", "unk", "ambiguous"))
# What ftfy repairs, of the kinds in the development file.
FTFY_KINDS = ("latin-1", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp437", "macroman", "iso-8859-2")


@dataclass(frozen=True)
class Figure:
    """One line of the table; `bar` is the least (or, with `at_most`, the most) that is asked, None for no bar."""

    what: str
    value: float
    bar: float | None = None
    at_most: bool = False

    @property
    def missed(self) -> bool:
        if self.bar is None:
            return False
        return self.value > self.bar if self.at_most else self.value < self.bar


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; with --check, 1 where a figure misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 when a bar is missed")
    parser.add_argument("--sample", type=int, default=600, help="messages that the slow peers read")
    options = parser.parse_args(argv)
    data = Path(os.environ.get("DRIFTGLASS_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not data.is_dir():
        print(f"skipped: no data at {data}", file=sys.stderr)
        return 0
    text.warm_up()
    missed = False
    for part in (_speed, _languages, _mixing, _mojibake, _evasion):
        for figure in part(data, options.sample):
            bar = "" if figure.bar is None else f"{'≤' if figure.at_most else '≥'} {figure.bar:g}"
            mark = "MISSED" if figure.missed else ""
            print(f"{figure.what:66} {figure.value:12.4f}  {bar:10} {mark}", flush=True)
            missed = missed or figure.missed
    return 1 if options.check and missed else 0


def _speed(data: Path, sample: int) -> Iterator[Figure]:
    from ftfy.badness import is_bad
    from langdetect import DetectorFactory, detect
    from langdetect.lang_detect_exception import LangDetectException

    messages = [
        _message(row) for file in sorted((data / "codeswitch").glob("*.jsonl")) for row in _rows(file)
    ]
    array = _array(messages)
    plan = text.learn(array)
    everything = _median(lambda: text.annotate(array, plan)) / len(messages)
    read = list(batches(buffers(array)))
    screen = _median(lambda: [_screen(batch, plan) for batch in read]) / len(messages)
    subset = random.Random(1).sample(messages, min(sample, len(messages)))
    DetectorFactory.seed = 0

    def by_langdetect() -> None:
        for message in subset:
            with suppress(LangDetectException):  # raised where there are no letters; ours says und
                detect(message)

    langdetect = _median(by_langdetect) / len(subset)
    ftfy = _median(lambda: [is_bad(message) for message in messages]) / len(messages)
    characters = sum(map(len, messages))
    yield Figure("messages/s, everything", 1 / everything)
    yield Figure("times langdetect.detect", langdetect / everything, 150)
    yield Figure("encoding and evasion screen, times ftfy.is_bad", ftfy / screen, 15)
    counters = _median(lambda: decode(buffers(array), 0, len(messages)))
    yield Figure("decoding and properties, M characters/s", characters / counters / 1e6, 300)


def _screen(batch: Any, plan: text.TextPlan) -> None:
    misread = mojibake.find(batch.points)
    encoding.count(batch.points, batch.tokens, misread)
    obfuscation.count(batch.points, batch.tokens, misread.broken, plan.known_words)


def _languages(data: Path, sample: int) -> Iterator[Figure]:
    from langdetect import DetectorFactory, detect
    from langdetect.lang_detect_exception import LangDetectException

    plan = text.learn(_array([]))
    DetectorFactory.seed = 0
    for name in ("mono_lingua_short.jsonl", "mono_eld_tweets.jsonl"):
        rows = list(_rows(data / "codeswitch" / name))
        for kind in sorted({row["kind"] for row in rows}):
            chosen = [row for row in rows if row["kind"] == kind]
            found = text.annotate(_array([row["text"] for row in chosen]), plan)
            right = [
                _merged(plan.languages[language]) == _merged(row["lang"])
                for language, row in zip(found.language, chosen, strict=True)
            ]
            picked = random.Random(2).sample(range(len(chosen)), min(sample, len(chosen)))
            theirs = 0
            for index in picked:
                with suppress(LangDetectException):
                    theirs += _merged(detect(chosen[index]["text"])) == _merged(chosen[index]["lang"])
            ours = statistics.mean(right[index] for index in picked)
            yield Figure(f"label of a {kind}, no prior (all {len(chosen)})", statistics.mean(right))
            yield Figure(
                f"label of a {kind}, less langdetect's, same {len(picked)}", ours - theirs / len(picked), 0.0
            )
            yield Figure(f"  called mixed, no prior: {kind}", float(found.mixed.mean()))


def _mixing(data: Path, _: int) -> Iterator[Figure]:
    romanised = {"hi": "und-Latn", "bn": "und-Latn", "ar-Latn": "und-Latn"}
    folder = data / "codeswitch"
    accuracy, f1 = _tags(folder / "es-en_lince_dev.jsonl", None, {})
    yield Figure("es-en, learnt prior: token accuracy", accuracy, 0.92)
    yield Figure("es-en, learnt prior: F1 of mixed", f1, 0.72)
    yield Figure(
        "tr-de declared: token accuracy", _tags(folder / "tr-de_sagt_dev.jsonl", ("tr", "de"), {})[0], 0.906
    )
    declared = _tags(folder / "id-jv-en_train.jsonl", ("id", "en"), {"jv": "id"})
    yield Figure("id-en declared: token accuracy", declared[0], 0.895)
    for name, known in (("hi-en_sarcasm", "en"), ("bn-en_icon_dev", "en"), ("ardz-fr_arabizi_dev", "fr")):
        yield Figure(
            f"{name}, {known} declared: token accuracy",
            _tags(folder / f"{name}.jsonl", (known,), romanised)[0],
            0.72,
        )


def _tags(file: Path, languages: tuple[str, ...] | None, alias: dict[str, str]) -> tuple[float, float]:
    """Accuracy over gold language tokens, and F1 of "is it mixed?"; tokens that we leave untagged are wrong."""
    rows = list(_rows(file))
    array = _array([_message(row) for row in rows])
    plan = text.learn(array, languages)
    found = text.annotate(array, plan)
    right = total = 0
    both = ours = gold = 0
    message = 0
    for batch in batches(buffers(array)):
        for k in range(len(batch.points)):
            first, last = batch.tokens.offsets[k], batch.tokens.offsets[k + 1]
            start = batch.tokens.start[first:last] - batch.points.offsets[k]
            end = batch.tokens.end[first:last] - batch.points.offsets[k]
            tags = found.token_language[found.token_offsets[message] : found.token_offsets[message + 1]]
            said, place = set(), 0
            for token, tag in zip(rows[message]["tokens"], rows[message]["tags"], strict=True):
                a, b = place, place + len(token)
                place = b + 1
                if tag in NO_LANGUAGE:
                    continue
                said.add(tag)
                hits = tags[(start < b) & (end > a) & (tags >= 0)]
                total += 1
                right += bool(len(hits)) and plan.languages[hits[0]] == alias.get(tag, tag)
            mixed = bool(found.mixed[message])
            both, ours, gold = both + (mixed and len(said) > 1), ours + mixed, gold + (len(said) > 1)
            message += 1
    return right / total, 2 * both / max(ours + gold, 1)


def _mojibake(data: Path, _: int) -> Iterator[Figure]:
    rows = list(_rows(data / "encoding" / "mojibake_synth_dev.jsonl"))
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
    clean = _clean(data)
    flagged = int((_damage(clean)[:, ENCODING_CLASSES.index("mojibake")] > 0).sum())
    yield Figure(
        f"flagged of {len(clean)} news and UDHR lines (5 of them are real)", float(flagged), 8, at_most=True
    )
    wild = json.loads((data / "encoding" / "ftfy" / "in-the-wild.json").read_text("utf-8"))
    broken = [
        case["original"] for case in wild if case["original"] != case.get("fixed-encoding", case["fixed"])
    ]
    counts = _damage(broken)
    names = ("mojibake", "replacement", "control")
    hit = sum(counts[:, ENCODING_CLASSES.index(name)] for name in names) > 0
    yield Figure(f"ftfy's cases in the wild found (of {len(broken)})", float(hit.sum()), 62)


def _found(rows: Sequence[dict[str, Any]]) -> float:
    counts = _damage([row["text"] for row in rows])
    hit = counts[:, ENCODING_CLASSES.index("mojibake")] + counts[:, ENCODING_CLASSES.index("replacement")]
    return float((hit > 0).mean())


def _damage(messages: Sequence[str]) -> Any:
    return text.annotate(_array(messages), text.learn(_array([]))).encoding_counts


def _evasion(data: Path, _: int) -> Iterator[Figure]:
    clean = _clean(data)
    array = _array(clean)
    found = text.annotate(array, text.learn(array))
    yield Figure(
        f"called evasion of {len(clean)} news and UDHR lines", float((found.evasion > 0).mean()), 0.0025, True
    )


def _clean(data: Path) -> list[str]:
    """News sentences and the Declaration of Human Rights. Not quite clean: a few lines hold real damage."""
    lines = []
    for file in sorted((data / "encoding" / "lingua_news").glob("*.txt")):
        lines += file.read_text("utf-8").splitlines()
    with zipfile.ZipFile(data / "encoding" / "udhr2.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".txt"):
                lines += archive.read(name).decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _message(row: dict[str, Any]) -> str:
    return str(row["text"]) if "text" in row else " ".join(row["tokens"])


def _array(messages: Sequence[str]) -> pa.LargeBinaryArray:
    return pa.array([message.encode("utf-8", "surrogatepass") for message in messages], pa.large_binary())


def _merged(language: str) -> str:
    return MERGED.get(language, language)


def _median(work: Callable[[], object]) -> float:
    """Seconds of processor time, the median of three after one that does not count."""
    work()
    times = []
    for _ in range(3):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return float(np.median(times))


if __name__ == "__main__":
    sys.exit(main())
