"""The words of the messages: phrases put together, with the slips and habits of people who type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

from monitor.demo.phrases import LANGUAGES, Phrasebook, phrasebook
from monitor.demo.traffic import Stream

EMOJI: tuple[str, ...] = (
    "🙂", "😂", "👍", "🙏", "❤️", "😡", "😊", "😢", "📦", "🎉", "👍🏽", "🔥", "🤔", "😅", "💔", "🚚",
    "👩‍💻", "🇧🇷",
)  # fmt: skip

COMMENT_SHARE = 0.38
TYPO_SHARE = 0.03
MOJIBAKE_SHARE = 0.0005

_LETTERS = re.compile(r"[^\W\d_]{5,}")
_END = ".!?。।؟"


def write(stream: Stream, generator: np.random.Generator) -> list[str]:
    """The text of every record of `stream`."""
    import numpy as np

    texts = [""] * len(stream)
    for index, language in enumerate(LANGUAGES):
        book = phrasebook(language)
        rows = np.flatnonzero((stream.language == index) & (stream.second < 0))
        for row, text in zip(rows, _plain(book, stream.rude[rows], generator), strict=True):
            texts[row] = text
        for other in np.unique(stream.second[(stream.language == index) & (stream.second >= 0)]):
            rows = np.flatnonzero((stream.language == index) & (stream.second == other))
            for row, text in zip(
                rows, mixed(book, phrasebook(LANGUAGES[other]), len(rows), generator), strict=True
            ):
                texts[row] = text
    _slip(texts, generator)
    return texts


def mixed(first: Phrasebook, second: Phrasebook, n: int, generator: np.random.Generator) -> Iterator[str]:
    """n messages that begin in one language and end in the other, several words of each."""
    one = _filled(first, _long(first), n, generator)
    two = _filled(second, _long(second), n, generator)
    for a, b, turned in zip(one, two, generator.random(n) < 0.5, strict=True):
        head, tail = (b, _continued(first, a)) if turned else (a, _continued(second, b))
        yield f"{head.rstrip(_END)}, {tail}"


def broken(text: str) -> str:
    """UTF-8 read as Windows-1252, or as Latin-1 where that has no letter for a byte."""
    raw = text.encode("utf-8")
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _long(book: Phrasebook) -> Sequence[str]:
    return [phrase for phrase in book.sentences if len(phrase.split()) >= 5]


def _ranks(generator: np.random.Generator, choices: int, n: int) -> Any:
    """n indices below `choices`, the first the commonest: a Zipf law, flattened at the top."""
    import numpy as np

    weights = (np.arange(choices) + 3.0) ** -0.9
    return np.searchsorted((weights / weights.sum()).cumsum()[:-1], generator.random(n))


def _filled(book: Phrasebook, phrases: Sequence[str], n: int, generator: np.random.Generator) -> list[str]:
    """n of the phrases, their slots filled."""
    slots = {
        "{item}": [book.items[i] for i in _ranks(generator, len(book.items), n)],
        "{city}": [book.cities[i] for i in _ranks(generator, len(book.cities), n)],
        "{name}": [book.names[i] for i in _ranks(generator, len(book.names), n)],
        "{day}": [book.days[i] for i in generator.integers(0, len(book.days), size=n)],
        "{n}": [str(number) for number in generator.integers(10_000, 100_000, size=n)],
    }
    filled = []
    for row, index in enumerate(_ranks(generator, len(phrases), n)):
        phrase = phrases[index]
        if "{" in phrase:
            for slot, words in slots.items():
                phrase = phrase.replace(slot, words[row])
            # A phrase may begin with a slot.
            phrase = phrase[0].upper() + phrase[1:] if book.language != "tr" else _turkish_capital(phrase)
        filled.append(phrase)
    return filled


def _turkish_capital(phrase: str) -> str:
    return ("İ" if phrase[0] == "i" else phrase[0].upper()) + phrase[1:]


def _plain(book: Phrasebook, rude: Any, generator: np.random.Generator) -> Iterator[str]:
    """A message for each entry of `rude`: a comment, a request with its courtesies, or an outburst."""
    import numpy as np

    n = len(rude)
    comment = generator.random(n) < COMMENT_SHARE
    core = np.where(comment, _column(_filled(book, book.comments, n, generator)), "")
    core = np.where(comment, core, _column(_filled(book, book.sentences, n, generator)))
    outburst = _column(_filled(book, book.rude, n, generator))
    second = _column(_filled(book, book.sentences, n, generator))
    greeting = _column(_filled(book, book.greetings, n, generator))
    closing = _column(_filled(book, book.closings, n, generator))
    chance = generator.random((4, n))
    decorations = _decorations(book, n, generator)
    finish = generator.random(n)
    for row in range(n):
        parts: list[str] = []
        if rude[row]:
            parts = [outburst[row]] if chance[0, row] < 0.6 else [core[row], outburst[row]]
        elif comment[row]:
            parts = [core[row]]
        else:
            if chance[1, row] < 0.4:
                parts.append(greeting[row])
            parts.append(_continued(book, core[row]) if parts and parts[0].endswith(",") else core[row])
            if chance[2, row] < 0.25 and second[row] != core[row]:
                parts.append(second[row])
            if chance[3, row] < 0.4:
                parts.append(closing[row])
        text = _as_typed(book, book.glue.join(parts), finish[row])
        yield f"{text} {decorations[row]}" if decorations[row] else text


def _continued(book: Phrasebook, sentence: str) -> str:
    """The sentence as it goes on after a comma: in small letters, unless a name or an initial begins it."""
    first = sentence.split(" ", 1)[0].strip(",")
    if not book.cased or first in book.names or not first[1:].islower():
        return sentence
    return ("i" if sentence[0] == "İ" else sentence[0].lower()) + sentence[1:]


def _column(texts: list[str]) -> Any:
    """A numpy column of Python strings, so that rows can be chosen by mask."""
    import numpy as np

    return np.array(texts, dtype=object)


def _as_typed(book: Phrasebook, text: str, chance: float) -> str:
    """Careful people, people in a hurry, and people who shout."""
    if chance < 0.30 and text[-1] in ".。।":
        text = text[:-1]
    if not book.cased:
        return text
    if chance < 0.18:
        return (text.replace("İ", "i").replace("I", "ı") if book.language == "tr" else text).lower()
    if chance > 0.98:
        return (text.replace("i", "İ") if book.language == "tr" else text).upper()
    return text


def _decorations(book: Phrasebook, n: int, generator: np.random.Generator) -> list[str]:
    """What one message in ten carries: emoji, a link to an order, a mention."""
    found = [""] * n
    chance = generator.random(n)
    emoji, repeats = _ranks(generator, len(EMOJI), n), generator.integers(1, 4, size=n)
    names = generator.integers(0, 4000, size=n)
    for row in (chance < 0.105).nonzero()[0]:
        if chance[row] < 0.08:
            found[row] = EMOJI[emoji[row]] * (repeats[row] if chance[row] < 0.03 else 1)
        elif chance[row] < 0.09:
            found[row] = f"https://example.com/orders/{names[row] + 52000}"
        else:
            found[row] = f"@user{names[row]}"
    return found


def _slip(texts: list[str], generator: np.random.Generator) -> None:
    """Typos in some messages, and the few that a broken client mangles every day."""
    chance, place = generator.random(len(texts)), generator.random((len(texts), 2))
    for row in (chance < TYPO_SHARE).nonzero()[0]:
        texts[row] = _typo(texts[row], *place[row])
    for row in (chance > 1 - MOJIBAKE_SHARE).nonzero()[0]:
        texts[row] = broken(texts[row])


def _typo(text: str, which: float, where: float) -> str:
    """Two letters swapped, or one lost, in a word of an alphabet; other scripts have other slips."""
    words = [match for match in _LETTERS.finditer(text) if _alphabetic(match.group())]
    if not words:
        return text
    word = words[int(which * len(words))]
    at = word.start() + 1 + int(where * (len(word.group()) - 2))
    if which < 0.5:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at + 1 :]


def _alphabetic(word: str) -> bool:
    """Latin, Greek, Cyrillic and Arabic letters: one letter, one key."""
    return all(ord(letter) < 0x0700 for letter in word)
