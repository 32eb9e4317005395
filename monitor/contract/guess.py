"""Guesses about columns by their names and by what is in them: a time, an id, a text, a prediction …"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_MOST_VALUES = 50
_NAMES: dict[str, str] = {
    "time": r"(^|_)(time|timestamp|ts|date|datetime|created|sent|occurred|logged|at|when)(_|$)",
    "id": r"(^|_)(id|uuid|guid|key)$",
    "text": r"(^|_)(text|message|body|comment|content|review|query|prompt|description|title|utterance)(_|$)",
    "score": r"(^|_)(score|prob|probability|confidence|proba|likelihood)(_|$)",
    "prediction": (
        r"(^|_)(prediction|predicted|pred|label|decision|class|verdict|intent|sentiment|outcome)(_|$)"
    ),
    "latency": r"(^|_)(latency|duration|elapsed|took|response_time)(_|$)|_ms$",
    "version": r"(^|_)(version|build|revision|release|model_version)(_|$)",
    "unit": r"(^|_)(user|sender|author|account|customer|session|device)(_id|_name)?$",
    "segment": (
        r"(^|_)(country|region|market|locale|channel|platform|source|client|product|brand|category|tenant)(_|$)"
    ),
    "status": r"(^|_)(status|status_code|http_status)$",
}


@dataclass(frozen=True)
class Found:
    """What the look showed of one column."""

    name: str
    cells: tuple[Any, ...]

    def named(self, what: str) -> bool:
        return re.search(_NAMES[what], re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.name).lower()) is not None

    @cached_property
    def words(self) -> list[str]:
        """The cells that have a value, as words."""
        from checks.batch import SENTINELS

        made = [
            cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell
            for cell in self.cells
            if cell is not None
        ]
        words = [word if isinstance(word, str) else str(word) for word in made]
        return [word for word in words if word.strip() not in SENTINELS]

    @cached_property
    def numbers(self) -> list[float]:
        found = []
        for word in self.words:
            try:
                found.append(float(word))
            except ValueError:
                continue
        return found

    @property
    def is_number(self) -> bool:
        return bool(self.words) and len(self.numbers) >= 0.95 * len(self.words)

    @property
    def null_share(self) -> float:
        return 1 - len(self.words) / max(1, len(self.cells))

    @cached_property
    def distinct(self) -> Counter[str]:
        return Counter(self.words)

    @property
    def unique_share(self) -> float:
        return len(self.distinct) / max(1, len(self.words))

    @cached_property
    def spaces(self) -> float:
        return sum(word.count(" ") for word in self.words) / max(1, len(self.words))

    @property
    def is_text(self) -> bool:
        return not self.is_number and self.unique_share > 0.3 and self.spaces >= 2

    @property
    def is_key(self) -> bool:
        """Words without spaces that are unique: by name, or plain ASCII (not all languages put spaces)."""
        unique = bool(self.words) and self.unique_share > 0.95 and self.spaces < 0.1
        return unique and (self.named("id") or all(word.isascii() for word in self.words))

    @property
    def is_category(self) -> bool:
        return 2 <= len(self.distinct) <= _MOST_VALUES


@dataclass(frozen=True)
class Times:
    """The time column and what its values say."""

    name: str
    us: npt.NDArray[np.int64]
    with_zone: bool

    @property
    def days(self) -> list[date]:
        """First and last day, UTC."""
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return [(epoch + timedelta(microseconds=int(us))).date() for us in (self.us.min(), self.us.max())]


def columns(tables: Sequence[pa.Table]) -> list[Found]:
    names = list(dict.fromkeys(name for table in tables for name in table.schema.names))
    return [
        Found(
            name,
            tuple(
                cell
                for table in tables
                if name in table.schema.names
                for cell in table.column(name).to_pylist()
            ),
        )
        for name in names
    ]


def time_column(found: Sequence[Found], tables: Sequence[pa.Table]) -> Times | None:
    """The column that reads as times most surely: by its values first, then by its name."""
    import numpy as np
    import pyarrow as pa

    from monitor.sources import times
    from monitor.sources.moments import EARLIEST_US

    best: tuple[tuple[bool, bool, float], Times] | None = None
    for column in found:
        if column.is_number and not column.named("time"):
            continue  # any number could be a time
        arrays = [
            table.column(column.name).combine_chunks()
            for table in tables
            if column.name in table.schema.names
        ]
        parsed = [
            times.parse(array.chunk(0) if isinstance(array, pa.ChunkedArray) else array, ZoneInfo("UTC"))
            for array in arrays
        ]
        us = np.concatenate([values[~missing & ~unreadable] for values, missing, unreadable in parsed])
        us = us[us >= EARLIEST_US]
        share = len(us) / max(1, len(column.cells))
        if share < 0.9:
            continue
        shifted = [
            word for word in column.words[:100] if re.search(r"(Z|[+-]\d{2}:?\d{2}|UTC|GMT)\s*$", word[10:])
        ]
        numeric = column.is_number
        with_zone = numeric or bool(shifted) or any(getattr(array.type, "tz", None) for array in arrays)
        by_the_second = len(np.unique(us % 86_400_000_000)) > 1
        rank = (by_the_second, column.named("time"), share)
        if best is None or rank > best[0]:
            best = rank, Times(column.name, us, with_zone)
    return best[1] if best else None


def identity_column(found: Sequence[Found]) -> Found | None:
    """The column of event ids: nearly unique, one word each."""
    unique = [c for c in found if c.null_share < 0.01 and c.unique_share > 0.95 and c.spaces < 0.1]
    named = [column for column in unique if column.named("id")]
    whole = [
        c
        for c in unique
        if c.unique_share == 1 and (not c.is_number or all(v.is_integer() for v in c.numbers))
    ]
    return next(iter([*named, *whole]), None)


def roles_of(found: Sequence[Found]) -> dict[str, str]:
    """A role for each column that can have one; the others are named in comments."""
    roles: dict[str, str] = {}
    texts = [column for column in found if column.is_text]
    if texts:
        longest = max(texts, key=lambda column: (column.named("text"), sum(map(len, column.words))))
        roles[longest.name] = "input"
    rest = [column for column in found if not column.is_text]
    categories = [
        column
        for column in rest
        if column.is_category and not (column.is_number and len(column.distinct) > 10)
    ]
    prediction = _prediction(categories, rest)
    if prediction:
        roles[prediction.name] = "prediction"
    score = _score(rest, prediction)
    if score:
        roles[score.name] = "score"
    for role in ("latency", "version", "status", "unit"):
        named = [column for column in rest if column.name not in roles and column.named(role)]
        fitting = [
            column for column in named if column.is_number == (role in ("latency",)) or role == "status"
        ]
        if fitting:
            roles[fitting[0].name] = role
    segment = _segment([column for column in categories if column.name not in roles], prediction)
    if segment:
        roles[segment.name] = "segment"
    for column in rest:
        if (
            column.name not in roles
            and (column.is_number or len(column.distinct) <= 4 * _MOST_VALUES)
            and column.words
        ):
            roles[column.name] = "feature"
    return roles


def _prediction(categories: Sequence[Found], found: Sequence[Found]) -> Found | None:
    """A category with a score beside it (`label`, `label_confidence`), else one that is called like it."""
    scores = {column.name for column in found if column.named("score")}
    beside = [
        column
        for column in categories
        if any(re.fullmatch(rf"{re.escape(column.name)}_[^_]+", name) for name in scores)
    ]
    return next(iter([*beside, *(column for column in categories if column.named("prediction"))]), None)


def _score(found: Sequence[Found], prediction: Found | None) -> Found | None:
    in_range = [
        c
        for c in found
        if c.is_number and c.named("score") and c.words and min(c.numbers) >= 0 and max(c.numbers) <= 1
    ]
    own = [column for column in in_range if prediction and column.name.startswith(f"{prediction.name}_")]
    return next(iter([*own, *in_range]), None)


def _segment(categories: Sequence[Found], prediction: Found | None) -> Found | None:
    """A category with few values that is nearly always there."""
    fitting = [c for c in categories if c.null_share < 0.05 and not c.is_number]
    named = [column for column in fitting if column.named("segment")]
    return next(iter([*named, *sorted(fitting, key=lambda column: len(column.distinct))]), None)
