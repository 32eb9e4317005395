"""Code-switching: the language of each word, and whether a message is mixed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from checks import text
from checks.text.decoding import buffers
from checks.text.reading import batches
from tests.bench.text.common import NO_LANGUAGE, Figure, message_of, read_rows, to_array


def figures(data: Path, __: int) -> Iterator[Figure]:
    romanised = {"hi": "und-Latn", "bn": "und-Latn", "ar-Latn": "und-Latn"}
    folder = data / "codeswitch"
    spanish = list(read_rows(folder / "es-en_lince_dev.jsonl"))
    accuracy, f1, _ = _tags(spanish, text.learn(_array(spanish)), {})
    yield Figure("es-en, learnt prior: token accuracy", accuracy, 0.92)
    yield Figure("es-en, learnt prior: F1 of mixed", f1, 0.72)
    accuracy, f1, _ = _tags(spanish, text.learn(_array(spanish), lexicon=True), {})
    yield Figure("es-en, learnt prior and lexicon: token accuracy", accuracy, 0.955)
    yield Figure("es-en, learnt prior and lexicon: F1 of mixed", f1, 0.80)
    for name, known, alias, bar in (
        ("tr-de_sagt_dev", ("tr", "de"), {}, 0.906),
        ("id-jv-en_train", ("id", "en"), {"jv": "id"}, 0.895),
        ("hi-en_sarcasm", ("en",), romanised, 0.72),
        ("bn-en_icon_dev", ("en",), romanised, 0.72),
        ("ardz-fr_arabizi_dev", ("fr",), romanised, 0.72),
    ):
        rows = list(read_rows(folder / f"{name}.jsonl"))
        accuracy, _, _ = _tags(rows, text.learn(_array(rows), known), alias)
        yield Figure(f"{name}, {'+'.join(known)} declared: token accuracy", accuracy, bar)
        if alias == romanised:
            accuracy, _, _ = _tags(rows, text.learn(_array(rows)), alias)
            yield Figure(f"{name}, nothing declared: token accuracy", accuracy)
    for name, tag, foreign, count, least in (
        ("hi-en_sarcasm", "hi", "en", 1_000, 0.84),
        ("hi-en_sarcasm", "hi", "en", 200, None),
        ("bn-en_icon_dev", "bn", "en", 1_000, None),
        ("ardz-fr_arabizi_dev", "ar-Latn", "fr", 200, None),
    ):
        rows = list(read_rows(folder / f"{name}.jsonl"))
        for lexicon in (False, True):
            accuracy, f1, running = _from_tokens(rows, tag, foreign, count, lexicon)
            what = f"{name}, {count} tagged words{', lexicon' if lexicon else ''}"
            yield Figure(f"{what}: token accuracy", accuracy, least)
            yield Figure(f"{what}: without mentions, hashtags and addresses", running)
            yield Figure(f"{what}: F1 of mixed", f1)


def _array(rows: Sequence[dict[str, Any]]) -> Any:
    return to_array([message_of(row) for row in rows])


def _from_tokens(
    rows: Sequence[dict[str, Any]], tag: str, known: str, count: int, lexicon: bool
) -> tuple[float, float, float]:
    """Scores of `_tags` on the rest, by a profile of `count` tagged words of random messages; the mean of three."""
    name = f"{tag.removesuffix('-Latn')}-Latn"
    scores = []
    for seed in range(3):
        words: list[str] = []
        rest = []
        for k in np.random.default_rng(seed).permutation(len(rows)):
            if len(words) < count:
                words += [
                    w for w, said in zip(rows[k]["tokens"], rows[k]["tags"], strict=True) if said == tag
                ]
            else:
                rest.append(rows[k])
        own = text.learn_profile(name, words[:count])
        plan = text.learn(_array(rest), (known,), own_profiles=[own], lexicon=lexicon)
        scores.append(_tags(rest, plan, {tag: name}))
    accuracy, f1, running = np.mean(scores, axis=0).tolist()
    return accuracy, f1, running


def _tags(
    rows: Sequence[dict[str, Any]], plan: text.TextPlan, alias: dict[str, str]
) -> tuple[float, float, float]:
    """Accuracy over gold language tokens, F1 of "is it mixed?", and accuracy over those that are running words.

    Tokens that we leave untagged are wrong. Some sets give a language to mentions, hashtags and addresses, to which we
    give none: they are no running words.
    """
    array = _array(rows)
    found = text.annotate(array, plan)
    right = total = right_words = words = 0
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
                hit = bool(len(hits)) and plan.languages[hits[0]] == alias.get(tag, tag)
                right += hit
                running = not token.startswith(("@", "#", "http://", "https://", "www."))
                words, right_words = words + running, right_words + (hit and running)
            mixed = bool(found.mixed[message])
            both, ours, gold = both + (mixed and len(said) > 1), ours + mixed, gold + (len(said) > 1)
            message += 1
    return right / total, 2 * both / max(ours + gold, 1), right_words / words
