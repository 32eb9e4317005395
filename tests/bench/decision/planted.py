"""A made-up model whose records come day by day, with one planted change: what `explanation` looks for.

Ten columns: two segments, numbers that hang together (items and amount) and apart (age), categories, answers with a
score that follows them, and messages of three languages. Days waver a little and follow the week.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.batch import Batch, Column
from checks.seasons import DAY_US, WEEK_US
from monitor.demo.messages import broken
from monitor.demo.phrases import Phrasebook, phrasebook
from tests.checks.records import make_batch

Floats = npt.NDArray[np.float64]
Values = npt.NDArray[np.object_] | Floats | list[str]
Shares = dict[str, float]

ORIGIN_US = 2_600 * WEEK_US + 4 * DAY_US  # a Monday
RECORDS = 1_600  # of a day

COUNTRIES: Shares = {"US": 0.4, "IN": 0.3, "DE": 0.2, "BR": 0.1}
CLIENTS: Shares = {"web": 0.5, "app": 0.3, "partner": 0.2}
CHANNELS: Shares = {"search": 0.4, "mail": 0.25, "direct": 0.2, "social": 0.1, "print": 0.05}
PLANS: Shares = {"free": 0.5, "basic": 0.25, "plus": 0.15, "pro": 0.07, "team": 0.03}
ANSWERS: Shares = {"ok": 0.75, "review": 0.15, "block": 0.1}
LANGUAGES: Shares = {"en": 0.6, "es": 0.25, "de": 0.15}
CATEGORIES = {"channel": CHANNELS, "plan": PLANS}
NUMBERS = ("amount", "age", "items", "score")
OF_A_SEGMENT = "age"  # the number that moves in one segment alone
NEW_WORDS = ("glimzo", "vextrail", "parnock", "quillo", "tramzy", "dubrell", "soffex", "morvane")

# What a message becomes, by the class that tells it.
DAMAGE: dict[str, Callable[[str], str]] = {
    "mojibake": broken,
    "zero_width": lambda text: text.replace("e", "e\u200b", 1),
    "escape_leftover": lambda text: text + " &amp;#39;",
}

COLUMNS = (
    Column("country", "segment", "category"),
    Column("client", "segment", "category"),
    Column("channel", "feature", "category"),
    Column("plan", "feature", "category"),
    Column("items", "feature", "number"),
    Column("amount", "feature", "number"),
    Column("age", "feature", "number"),
    Column("answer", "prediction", "category"),
    Column("score", "score", "number"),
    Column("text", "input", "text"),
)
SEGMENTS = ("country", "client")

# One to two times these, the effect floors of `checks.floors`.
_MEAN_FLOOR, _SHARE_FLOOR, _DAMAGE_FLOOR = 0.1, 0.02, 0.001

KINDS = (
    "a number",
    "a value of a category",
    "a segment that grew",
    "the answers of a segment",
    "a number of a segment",
    "damage or evasion",
    "a new word",
    "a language",
)


@dataclass(frozen=True)
class Change:
    """What was planted: its kind, size in effect floors, and the name that an explanation must give."""

    kind: str
    floors: float
    cause: str  # a column, "column=value", a class of damage, a word or a language

    @property
    def everywhere(self) -> bool:
        """Whether all segments changed alike, so that none is to blame."""
        return "segment" not in self.kind


def change_of(kind: str, draw: np.random.Generator) -> Change:
    """A change of this kind, its cause and size drawn at random."""
    floors = float(draw.uniform(1, 2))
    if kind == "a number":
        return Change(kind, floors, str(draw.choice(NUMBERS)))
    if kind == "a value of a category":
        column = str(draw.choice(list(CATEGORIES)))
        return Change(kind, floors, f"{column}={draw.choice(list(CATEGORIES[column]))}")
    if kind in ("a segment that grew", "a number of a segment"):
        column = str(draw.choice(SEGMENTS))
        names = COUNTRIES if column == "country" else CLIENTS
        return Change(kind, floors, f"{column}={draw.choice(list(names))}")
    if kind == "the answers of a segment":
        return Change(kind, floors, f"country={draw.choice(['US', 'IN', 'DE'])}")
    if kind == "a new word":
        return Change(kind, floors, str(draw.choice(NEW_WORDS)))
    return Change(kind, floors, str(draw.choice(list(DAMAGE if kind == "damage or evasion" else LANGUAGES))))


class World:
    """Draws days of records; the same generator must draw a stream's days in order."""

    def __init__(self, draw: np.random.Generator) -> None:
        self._draw = draw
        self._books = {language: phrasebook(language) for language in LANGUAGES}

    def days(self, first: int, count: int, change: Change | None = None) -> Iterator[tuple[int, Batch]]:
        """The start and the records of `count` days from day `first` on."""
        for day in range(first, first + count):
            start_us = ORIGIN_US + day * DAY_US
            yield start_us, self._day(start_us, day, change)

    def _day(self, start_us: int, day: int, change: Change | None) -> Batch:
        draw = self._draw
        weekend = day % 7 >= 5
        n = int(draw.poisson(RECORDS * (0.75 if weekend else 1.1) * np.exp(0.05 * draw.standard_normal())))
        values: dict[str, Values] = {}
        for name, shares in (("country", COUNTRIES), ("client", CLIENTS), *CATEGORIES.items()):
            values[name] = self._chosen(name, self._wavering(shares), n, change)
        items = np.asarray(1.0 + draw.poisson(2.0 if weekend else 2.2, n), np.float64)
        values["items"] = items
        values["amount"] = items * draw.lognormal(2.0, 0.6, n)
        values["age"] = np.clip(38 + 12 * draw.standard_normal(n), 16, 95)
        values["answer"] = self._answers(np.asarray(values["country"]), n, change)
        lift = np.where(np.asarray(values["answer"]) == "ok", 0.0, 2.0)
        values["score"] = 1 / (1 + np.exp(2 - lift - draw.standard_normal(n)))
        if change is not None and change.kind in ("a number", "a number of a segment"):
            self._lift(values, change)
        values["text"] = self._texts(n, change)
        ids = [f"{day}-{i}" for i in range(n)]
        return make_batch(COLUMNS, values, ids=ids, us=start_us + np.sort(draw.integers(0, DAY_US, n)))

    def _wavering(self, shares: Shares) -> Shares:
        odds = np.array(list(shares.values())) * np.exp(0.04 * self._draw.standard_normal(len(shares)))
        return dict(zip(shares, (odds / odds.sum()).tolist(), strict=True))

    def _chosen(self, name: str, shares: Shares, n: int, change: Change | None) -> npt.NDArray[np.object_]:
        column, _, value = ("", "", "") if change is None else change.cause.partition("=")
        if column == name and change is not None and change.kind in KINDS[1:3]:
            shares = _more(shares, value, change.floors * _SHARE_FLOOR)
        return self._draw.choice(np.array(list(shares), object), n, p=list(shares.values()))

    def _answers(
        self, country: npt.NDArray[np.object_], n: int, change: Change | None
    ) -> npt.NDArray[np.object_]:
        shares = self._wavering(ANSWERS)
        answer = self._draw.choice(np.array(list(shares), object), n, p=list(shares.values()))
        if change is not None and change.kind == "the answers of a segment":
            more = _more(shares, "block", change.floors * _SHARE_FLOOR)
            there = country == change.cause.partition("=")[2]
            names = np.array(list(more), object)
            answer[there] = self._draw.choice(names, int(there.sum()), p=list(more.values()))
        return answer

    def _lift(self, values: dict[str, Values], change: Change) -> None:
        """Every value of a number, or those of one segment, so that the mean of all moves by so many floors."""
        dimension, _, value = change.cause.partition("=")
        column = OF_A_SEGMENT if value else change.cause
        number = np.asarray(values[column], np.float64)
        there = np.asarray(values[dimension]) == value if value else np.ones(len(number), np.bool_)
        values[column] = number + change.floors * _MEAN_FLOOR * number.std() / max(there.mean(), 1e-9) * there

    def _texts(self, n: int, change: Change | None) -> list[str]:
        draw = self._draw
        shares = self._wavering(LANGUAGES)
        if change is not None and change.kind == "a language":
            shares = _more(shares, change.cause, change.floors * _SHARE_FLOOR)
        language = draw.choice(list(shares), n, p=list(shares.values()))
        texts = [self._message(self._books[str(one)]) for one in language]
        chance = draw.random(n)
        if change is not None and change.kind == "a new word":
            for row in np.flatnonzero(chance < change.floors * _SHARE_FLOOR):
                texts[row] += f" {change.cause}"
        if change is not None and change.kind == "damage or evasion":
            damage = DAMAGE[change.cause]
            fitting = [row for row in range(n) if damage(texts[row]) != texts[row]]
            for row in draw.permutation(fitting)[: draw.binomial(n, change.floors * _DAMAGE_FLOOR)]:
                texts[row] = damage(texts[row])
        return texts

    def _message(self, book: Phrasebook) -> str:
        draw = self._draw
        said = book.sentences[int(len(book.sentences) * draw.random() ** 1.5)]
        if draw.random() < 0.4:
            said += " " + book.comments[int(len(book.comments) * draw.random() ** 1.5)]
        if "{" in said:
            said = said.replace("{n}", str(draw.integers(10_000, 100_000)))
            for slot in ("item", "city", "name", "day"):
                words = getattr(book, {"city": "cities"}.get(slot, f"{slot}s"))
                said = said.replace(f"{{{slot}}}", words[int(len(words) * draw.random())])
        return said


def _more(shares: Shares, value: str, by: float) -> Shares:
    """The shares with `by` more of one value, taken from the others as they are."""
    left = 1 - shares[value]
    return {
        name: share + by if name == value else share * (left - by) / left for name, share in shares.items()
    }
