"""Novel terms: whether a new one is named, and how often one is named where nothing happened."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from checks import text
from checks.text import spots, vocabulary
from checks.text.decoding import buffers
from checks.text.reading import batches
from tests.bench.text.common import Figure, clean_lines, message_of, read_rows, to_array

RUNS = 200
SLANG = "glimzo"


def figures(data: Path, _: int) -> Iterator[Figure]:
    tweets = airline_tweets(data)
    yield from _terms(tweets, 2000, 0.10, 0.95)
    yield from _terms(tweets, 5000, 0.05, 0.5)
    yield from _false_terms(data, tweets)
    yield from _in_time_order(tweets)


@cache
def airline_tweets(data: Path) -> tuple[str, ...]:
    """In the order of time."""
    with (data / "messages" / "airline_tweets.csv").open(encoding="utf-8", newline="") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: (row["tweet_created"], row["tweet_id"]))
    return tuple(row["text"] for row in rows)


def with_word(message: str, word: str, random: np.random.Generator) -> str:
    """The message with the word somewhere among its words."""
    words = message.split()
    words.insert(int(random.integers(0, len(words) + 1)), word)
    return " ".join(words)


def _plan(messages: Sequence[str]) -> text.TextPlan:
    """What `learn` learns of words and phrases; of languages, which take longer, nothing."""
    read = list(batches(buffers(to_array(messages))))
    words = vocabulary.merge_frequencies([vocabulary.document_frequencies(batch.tokens) for batch in read])
    parts = []
    for batch in read:
        found = [
            spots.phrases(batch.points, batch.tokens),
            spots.markers(batch.points, batch.tokens, batch.misread.broken),
        ]
        parts.append(vocabulary.spot_frequencies(spots.together(found), batch.tokens.content_hash))
    phrases = vocabulary.merge_phrases(parts, len(messages))
    return replace(
        _no_plan(),
        vocabulary=words.words,
        documents=words.documents.astype(np.int32),
        phrases=phrases.words,
        phrase_documents=phrases.documents.astype(np.int32),
        total=len(messages),
    )


@cache
def _no_plan() -> text.TextPlan:
    return text.learn(to_array([]), ("en",))


def _encoded(messages: Sequence[str]) -> list[bytes]:
    return [message.encode("utf-8", "surrogatepass") for message in messages]


def _splits(
    messages: Sequence[str], count: int, seed: int
) -> Iterator[tuple[text.TextPlan, list[str], np.random.Generator]]:
    """RUNS windows of `count` messages at random with a plan of others; ten windows share a half of the messages
    to be drawn from, and a plan of the other half."""
    for run in range(RUNS):
        random = np.random.default_rng([seed, count, run])
        if run % 10 == 0:
            order = random.permutation(len(messages)).tolist()
            half = max(count, len(messages) // 2)
            plan = _plan([messages[k] for k in order[half:]])
        yield plan, [messages[k] for k in random.permutation(order[:half])[:count].tolist()], random


def _terms(messages: Sequence[str], count: int, share: float, bar: float) -> Iterator[Figure]:
    named = alone = 0
    seconds = 0.0
    for plan, window, random in _splits(messages, count, 1):
        shown = [with_word(one, SLANG, random) if random.random() < share else one for one in window]
        begun = time.process_time()
        found = [term.term for term in text.novel_terms(_encoded(shown), plan)]
        seconds += time.process_time() - begun
        named += SLANG in found[:5]
        alone += found == [SLANG]
    yield Figure(
        f"a new word in {share:.0%} of {count} tweets named in the top 5 of {RUNS} runs", named / RUNS, bar
    )
    yield Figure("  and nothing else named", alone / RUNS)
    yield Figure("  seconds to name it", seconds / RUNS, 1.0, True)


def _false_terms(data: Path, tweets: Sequence[str]) -> Iterator[Figure]:
    switching = data / "codeswitch"
    sets: list[tuple[str, Sequence[str], tuple[int, ...]]] = [("airline tweets", tweets, (500, 2000, 5000))]
    for name in ("es-en_lince_dev", "hi-en_sarcasm", "id-jv-en_train"):
        messages = [message_of(row) for row in read_rows(switching / f"{name}.jsonl")]
        sets.append((name, messages, (500, len(messages) // 2)))
    sets.append(("news and UDHR lines", clean_lines(data), (2000,)))
    for name, messages, counts in sets:
        for count in counts:
            false = sum(
                bool(text.novel_terms(_encoded(window), plan))
                for plan, window, _ in _splits(messages, count, 2)
            )
            yield Figure(f"any term named of {count} {name} at random, {RUNS} runs", false / RUNS, 0.05, True)


def _in_time_order(tweets: Sequence[str]) -> Iterator[Figure]:
    """Nothing says that nothing happened: volume and topics did change on two of these eight days."""
    named = []
    for first in range(5000, len(tweets) - 1000, 250):
        plan = _plan(tweets[:first])
        named.append(len(text.novel_terms(_encoded(tweets[first : first + 1000]), plan)))
    yield Figure(
        f"any term named of 1,000 later tweets, {len(named)} times", float(np.mean(np.array(named) > 0))
    )
    yield Figure("  terms each time", float(np.mean(named)))
