"""Campaigns: whether planted ones are found, what is called one in real tweets, and how long hostile input takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from checks import text
from tests.bench.text.common import Figure
from tests.bench.text.vocabulary import airline_tweets

RUNS = 200
COUNT = 5000
SHARE = 0.03
_HIDDEN = ("o0", "e3", "a4", "i1", "s5")


def figures(data: Path, _: int) -> Iterator[Figure]:
    tweets = airline_tweets(data)
    words = [word for tweet in tweets for word in tweet.split() if word.isalpha()]
    yield from _planted(tweets, words, 0.2, False)
    yield from _planted(tweets, words, 0.3, False)
    yield from _planted(tweets, words, 0.3, True)
    yield from _natural(tweets)
    yield from _hostile(words)


def vary(
    template: list[str], words: list[str], part: float, random: np.random.Generator, disguise: bool
) -> str:
    """The template with each word replaced by any other with the chance of `part`; disguised, a letter in three
    words more is a digit and one holds an invisible character."""
    made = [words[int(random.integers(len(words)))] if random.random() < part else word for word in template]
    if disguise:
        for k in random.integers(0, len(made), 3).tolist():
            letter, digit = _HIDDEN[int(random.integers(len(_HIDDEN)))]
            made[k] = made[k].replace(letter, digit, 1)
        k = int(random.integers(len(made)))
        made[k] = made[k][:1] + "\u200b" + made[k][1:]
    return " ".join(made)


def _planted(tweets: tuple[str, ...], words: list[str], part: float, disguise: bool) -> Iterator[Figure]:
    """Templates are tweets of eight words or more themselves, another in each run."""
    long = [tweet.split() for tweet in tweets if len(tweet.split()) >= 8]
    found = recall = precision = others = 0.0
    for seed in range(RUNS):
        random = np.random.default_rng([seed, int(part * 100), disguise])
        template = long[int(random.integers(len(long)))]
        planted = round(SHARE * COUNT)
        messages = [vary(template, words, part, random, disguise) for _ in range(planted)]
        messages += [tweets[k] for k in random.choice(len(tweets), COUNT - planted, replace=False).tolist()]
        best = (0.0, 0.0)
        for one in (groups := text.campaigns([message.encode() for message in messages])):
            ours = sum(member < planted for member in one.members)
            best = max(best, (ours / planted, ours / one.messages))
        hit = best[0] >= 0.5 and best[1] >= 0.8
        found += hit
        others += len(groups) - hit
        recall += best[0]
        precision += best[1]
    how = f"{part:.0%} of words varied" + (", disguised" if disguise else "")
    yield Figure(f"campaign of {SHARE:.0%} of {COUNT} tweets found, {how}, {RUNS} runs", found / RUNS, 0.95)
    yield Figure("  of its messages", recall / RUNS)
    yield Figure("  of the group its messages", precision / RUNS)
    yield Figure("  other groups of a run (retweets are some)", others / RUNS)


def _natural(tweets: tuple[str, ...]) -> Iterator[Figure]:
    found = text.campaigns([tweet.encode() for tweet in tweets])
    yield Figure(
        f"groups in all {len(tweets)} tweets: the share of their messages", sum(one.share for one in found)
    )
    for one in found:
        yield Figure(f"  {one.template[:70]}", float(one.messages))


def _hostile(words: list[str]) -> Iterator[Figure]:
    random = np.random.default_rng(1)
    few = np.array(words[:60])
    pick = np.array(words)
    cases = {
        "different": [" ".join(random.choice(pick, 12)).encode() for _ in range(100_000)],
        "identical": [b"the very same message for each and everyone of us"] * 100_000,
        "of sixty words": [" ".join(random.choice(few, 12)).encode() for _ in range(100_000)],
        "one word apart": [f"all the same words but for one which is w{k}x".encode() for k in range(100_000)],
    }
    for name, messages in cases.items():
        begun = time.process_time()
        found = text.campaigns(messages)
        seconds = time.process_time() - begun
        yield Figure(f"seconds for 100,000 messages {name} ({len(found)} groups)", seconds, 10.0, True)
