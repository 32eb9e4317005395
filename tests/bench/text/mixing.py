"""Code-switching: the language of each word, and whether a message is mixed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from checks import text
from checks.text.decoding import buffers
from checks.text.reading import batches
from tests.bench.text.common import NO_LANGUAGE, Figure, message_of, read_rows, to_array


def figures(data: Path, _: int) -> Iterator[Figure]:
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
    rows = list(read_rows(file))
    array = to_array([message_of(row) for row in rows])
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
