"""How large a change must be before anybody is told, whatever its probability.

| kind or metric                            | floor                                                     |
|-------------------------------------------|-----------------------------------------------------------|
| volume                                    | 20 % of the expected records                              |
| mean                                      | 0.1 standard deviations of the reference's values         |
| distribution                              | 0.003 nats of JSD above what is normal at that size       |
| distribution of words                     | 0.001 nats, likewise                                      |
| encoding, evasion rate                    | 5 messages, 4 × the expected and 0.1 points               |
| pair, new pair, unseen rate               | 5 messages, 2 × the expected and 0.5 points               |
| mixed, duplicate text rate                | 5 messages and 1 point                                    |
| share of a language, class, value or segment, unknown word rate | 5 messages and 2 points                    |
| any other rate (nulls, failures, misses)  | 5 messages, 1.5 × the expected and 0.5 points             |

0.003 nats is what 3.5 points moved from one of ten equal bins to another give; PSI is about eight times JSD.
A word that goes from one in a hundred words to two is 0.0008 nats: words share the mass with a hundred others.
The floor of a *sparse* class is a ratio: 0.1 % of messages broken is nothing at a base of 1 % and an incident
at a base of zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checks.series import Series


@dataclass(frozen=True, slots=True)
class Floor:
    """`size` in the unit of the kind's effect; upwards also `ratio` × the expected and `events` messages."""

    size: float
    ratio: float = 0.0
    events: float = 0.0


_VOLUME = Floor(0.20)
_MEAN = Floor(0.10)
_DISTRIBUTION = Floor(0.003)
_WORDS = Floor(0.001)
_SHARE = Floor(0.02, events=5)
_DEFECT = Floor(0.005, ratio=1.5, events=5)
_RATES = {
    "encoding_rate": Floor(0.001, ratio=4.0, events=5),
    "evasion_rate": Floor(0.001, ratio=4.0, events=5),
    "pair_rate": Floor(0.005, ratio=2.0, events=5),
    "new_pair_rate": Floor(0.005, ratio=2.0, events=5),
    "unseen_rate": Floor(0.005, ratio=2.0, events=5),
    "mixed_rate": Floor(0.01, events=5),
    "duplicate_text_rate": Floor(0.01, events=5),
    "language_share": _SHARE,
    "class_share": _SHARE,
    "segment_share": _SHARE,
    "value_share": _SHARE,
    "unknown_word_rate": _SHARE,
}

# Rates whose fall is news too. A fall of the others is good news, or shows as the rise of another share.
TWO_SIDED_RATES = frozenset({"language_share", "class_share", "segment_share", "value_share"})


def floor_of(series: Series) -> Floor:
    """The floor of a series; a rate that the table does not name is a defect rate."""
    if series.kind == "volume":
        return _VOLUME
    if series.kind == "mean":
        return _MEAN
    if series.kind == "distribution":
        return _WORDS if series.term == "words" else _DISTRIBUTION
    return _RATES.get(series.metric, _DEFECT)


def falls_matter(series: Series) -> bool:
    """Whether a value below the expected one can be an alarm. A distance has one side only."""
    if series.kind == "distribution":
        return False
    return series.kind != "rate" or series.metric in TWO_SIDED_RATES


def table(series: tuple[Series, ...]) -> npt.NDArray[np.float64]:
    """float64[S, 3]: size, ratio, events of every series."""
    floors = [floor_of(one) for one in series]
    return np.array([[f.size, f.ratio, f.events] for f in floors], dtype=np.float64).reshape(-1, 3)
