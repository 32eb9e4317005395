"""The seven incidents: when they happen, and what they do to the records of their hours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

from checks.series import Family
from monitor.demo.messages import broken, mixed
from monitor.demo.phrases import LANGUAGES, phrasebook
from monitor.demo.traffic import CLIENTS, Stream
from monitor.demo.truth import HOUR_US, Incident

MOJIBAKE_CLIENT = "partner-api"
PAIR = ("de", "tr")

# Invented: no language has them.
SLANG: tuple[str, ...] = ("glimzo", "frobly", "skazzle", "vunkish", "plonzy", "drimmel", "quozzi", "blarpy")

LOOK_ALIKES = str.maketrans("aeopcxyiAEOPCXBHKMT", "аеорсхуіАЕОРСХВНКМТ")

MIN_HOURS, MAX_HOURS, QUIET_HOURS = 12, 16, 8
FIRST_HOUR, LAST_HOUR = 6, 12


@dataclass(frozen=True)
class Kind:
    """A kind of incident: who may answer for it, and how it is planted into the rows of its hours.

    `plant` changes stream and texts in place and returns the term that a finding should name, "" if there
    is none.
    """

    name: str
    description: str
    families: tuple[Family, ...]
    plant: Callable[[Stream, list[str], Any, np.random.Generator], str]


def schedule(generator: np.random.Generator, week_start_us: int) -> tuple[tuple[Kind, int, int], ...]:
    """(kind, start, end) in microseconds UTC, one a day of the week from `week_start_us`, a midnight.

    Each starts between 06:00 and 12:00, lasts 12 to 16 hours, and leaves 8 hours of peace before the next;
    all end within the week.
    """
    planned = []
    free_from = 0
    for day, kind in enumerate(generator.permutation(len(KINDS))):
        earliest = max(day * 24 + FIRST_HOUR, free_from)
        start = int(generator.integers(earliest, day * 24 + LAST_HOUR + 1))
        longest = min(MAX_HOURS, len(KINDS) * 24 - start)
        end = start + int(generator.integers(MIN_HOURS, longest + 1))
        free_from = end + QUIET_HOURS
        planned.append((KINDS[kind], week_start_us + start * HOUR_US, week_start_us + end * HOUR_US))
    return tuple(planned)


def plant(
    stream: Stream,
    texts: list[str],
    planned: tuple[tuple[Kind, int, int], ...],
    generator: np.random.Generator,
) -> tuple[Stream, list[str], tuple[Incident, ...]]:
    """The stream with its incidents, and their ground truth. Records outside their hours stay as they are."""
    import numpy as np

    incidents = []
    keep = np.ones(len(stream), dtype=np.bool_)
    for kind, start_us, end_us in planned:
        rows = np.flatnonzero((stream.sent_us >= start_us) & (stream.sent_us < end_us))
        if kind.name == "volume":
            keep[rows] = generator.random(len(rows)) >= 0.40
        term = kind.plant(stream, texts, rows, generator)
        incidents.append(Incident(kind.name, kind.description, term, kind.families, start_us, end_us))
    return stream.keep(keep), [texts[row] for row in np.flatnonzero(keep)], tuple(incidents)


def _some(rows: Any, share: float, of: Any, generator: np.random.Generator) -> Any:
    """`share` of all `rows`, drawn from those where `of` holds."""
    candidates = rows[of]
    wanted = share * len(rows) / max(len(candidates), 1)
    return candidates[generator.random(len(candidates)) < wanted]


def _mojibake(stream: Stream, texts: list[str], rows: Any, generator: np.random.Generator) -> str:
    import numpy as np

    damaged = np.array([not texts[row].isascii() for row in rows], dtype=np.bool_)
    from_client = stream.client[rows] == CLIENTS.index(MOJIBAKE_CLIENT)
    for row in _some(rows, 0.03, damaged & from_client, generator):
        texts[row] = broken(texts[row])
    return MOJIBAKE_CLIENT


def _homoglyphs(stream: Stream, texts: list[str], rows: Any, generator: np.random.Generator) -> str:
    import numpy as np

    disguised = [_disguise(texts[row]) for row in rows]
    possible = np.array([new != texts[row] for row, new in zip(rows, disguised, strict=True)], dtype=np.bool_)
    chosen = set(_some(rows, 0.02, possible, generator).tolist())
    for row, new in zip(rows.tolist(), disguised, strict=True):
        if row in chosen:
            texts[row] = new
    return ""


def _disguise(text: str) -> str:
    """The longest words with Cyrillic look-alikes for some of their letters, others left Latin."""
    words = text.split(" ")
    latin = [
        index for index, word in enumerate(words) if len(word) >= 4 and word.isascii() and word.isalpha()
    ]
    for index in sorted(latin, key=lambda index: -len(words[index]))[:3]:
        changed = words[index].translate(LOOK_ALIKES)
        # A word of look-alikes only would be a whole Cyrillic word: keep a Latin letter in it.
        if changed != words[index] and any(letter.isascii() for letter in changed):
            words[index] = changed
    return " ".join(words)


def _pair(stream: Stream, texts: list[str], rows: Any, generator: np.random.Generator) -> str:
    import numpy as np

    spoken = np.isin(stream.language[rows], [LANGUAGES.index(language) for language in PAIR])
    chosen = _some(rows, 0.04, spoken & ~stream.rude[rows], generator)
    books = [phrasebook(language) for language in PAIR]
    for row, text in zip(chosen, mixed(books[0], books[1], len(chosen), generator), strict=True):
        texts[row] = text
    return "+".join(PAIR)


def _slang(stream: Stream, texts: list[str], rows: Any, generator: np.random.Generator) -> str:
    import numpy as np

    term = SLANG[int(generator.integers(len(SLANG)))]
    chosen = _some(rows, 0.08, np.ones(len(rows), dtype=np.bool_), generator)
    for row, shape in zip(chosen, generator.integers(0, 3, size=len(chosen)), strict=True):
        texts[row] = (f"{texts[row]} {term}", f"{term}! {texts[row]}", f"{texts[row]} {term} {term}")[shape]
    return term


def _freeze(stream: Stream, texts: list[str], rows: Any, generator: np.random.Generator) -> str:
    # The last value before it froze: what a cache that is no longer filled keeps saying.
    stream.toxicity_prefilter[rows] = stream.toxicity_prefilter[rows[0]]
    return "toxicity_prefilter"


def _positives(stream: Stream, texts: list[str], rows: Any, generator: np.random.Generator) -> str:
    import numpy as np

    chosen = _some(rows, 0.08, stream.score[rows] < 0.5, generator)
    stream.score[chosen] = np.round(0.5 + 0.5 * generator.beta(2.0, 2.5, size=len(chosen)), 4)
    return "toxic"


def _nothing(stream: Stream, texts: list[str], rows: Any, generator: np.random.Generator) -> str:
    """Lost records are left out by `plant`."""
    return ""


KINDS: tuple[Kind, ...] = (
    Kind(
        "mojibake",
        f"{MOJIBAKE_CLIENT} reads UTF-8 as Windows-1252: 3 % of messages are mojibake",
        # Mangled words are unknown, in no language, and longer than they were.
        ("encoding", "vocabulary", "language", "inputs"),
        _mojibake,
    ),
    Kind(
        "homoglyphs",
        "2 % of messages hide words from filters with Cyrillic look-alikes",
        ("evasion", "vocabulary", "language"),
        _homoglyphs,
    ),
    Kind(
        "language-pair",
        "4 % of messages mix German and Turkish, which nobody here did before",
        ("language",),
        _pair,
    ),
    Kind("slang", "an invented word appears in 8 % of messages", ("vocabulary",), _slang),
    Kind("frozen-feature", "toxicity_prefilter repeats one value", ("quality", "inputs"), _freeze),
    Kind(
        "positive-share", "the model calls 8 points more of the messages toxic", ("predictions",), _positives
    ),
    Kind("volume", "40 % of the messages do not arrive", ("volume",), _nothing),
)
