"""Languages that a window speaks and the reference hardly did.

The prior of a plan makes what it has not seen unlikely, and languages that were not declared impossible: that keeps
labels steady, and would hide a new language. So a sample is read a second time with no language likelier than another.
That reading errs more; the reference was read in the same way, and only what rises above its errors is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.text.annotations import SCRIPTS
from checks.text.decoding import as_binary, buffers
from checks.text.plan import UND, UND_LATIN, TextPlan
from checks.text.prior import LEAST_LOG_PRIOR, Prior, flat, heard, learn_prior
from checks.text.reading import Read, batches

FALSE_ALARMS = 0.01  # of windows like the reference name a newcomer
LEAST_RATIO, LEAST_RISE = (
    2.0,
    0.005,
)  # of the share of messages: less is sure in a large sample, and says nothing


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A language that came up.

    share, low, high  of the messages of three words or more, with its 95 % interval (Wilson)
    reference_share   of the reference's, read in the same way: mostly errors
    documents         messages of the window in which it was found
    """

    language: str
    share: float
    low: float
    high: float
    reference_share: float
    documents: int


def newcomers(
    window: Sequence[bytes],
    plan: TextPlan,
    *,
    weights: Sequence[float] | None = None,
    minimum_documents: int = 10,
) -> list[Newcomer]:
    """The languages that the window speaks and the plan has no place for, the commonest first.

    Asked of languages that are not the plan's, or were hardly seen when it was learnt. One is told if its share of
    messages is at least twice the reference's and half a per cent more, and if the binomial tail, given how many
    messages of window and reference have it, leaves at most 1 % of windows like the reference with a newcomer
    (Bonferroni). What was taken for languages of Latin letters and is of none of them is told as "und-Latn".

    `weights`: 1 / inclusion probability of each message; tests and intervals are of the effective sample (Kish).
    Empty for no messages and for a plan that has learnt nothing. ValueError where weights are not as many as messages.
    """
    if weights is not None and len(weights) != len(window):
        raise ValueError(f"{len(weights)} weights for {len(window)} messages")
    if not window or plan.flat_total == 0:
        return []
    prior = flat(plan.flat_languages, plan.flat_sources)
    read = list(batches(buffers(as_binary(pa.array(window, pa.large_binary())))))
    speaks, told = heard(read, prior)
    if not told.any():
        return []
    weight = np.ones(len(window)) if weights is None else np.asarray(weights, np.float64)
    test = _Test(speaks[told], weight[told], prior, plan)
    known = {
        code for code, value in zip(plan.languages, plan.log_prior, strict=True) if value > LEAST_LOG_PRIOR
    }
    asked = [code for code in prior.languages if code not in known and code != UND]
    rising = [code for code in asked if test.newcomer(code, [code], len(asked))]
    strange = _strange(rising, read, speaks, prior, frozenset(known))
    groups = {code: [code] for code in rising if code not in strange}
    if strange:
        groups[UND_LATIN] = sorted({*strange, UND_LATIN})
    found = [test.newcomer(code, group, len(asked)) for code, group in groups.items()]
    return sorted(
        (newcomer for newcomer in found if newcomer and newcomer.documents >= minimum_documents),
        key=lambda newcomer: (-newcomer.share, newcomer.language),
    )


def _strange(
    rising: Sequence[str],
    read: Sequence[Read],
    speaks: npt.NDArray[np.bool_],
    prior: Prior,
    known: frozenset[str],
) -> list[str]:
    """Those of the languages whose messages, read by what they say of themselves, are of no profile's language."""
    latin = prior.table.script_of[SCRIPTS.index("Latin")]
    columns = {code: prior.columns[code] for code in rising if latin[prior.columns[code]]}
    if not columns:
        return []
    theirs = speaks[:, list(columns.values())].any(axis=1)
    kept = np.split(theirs, np.cumsum([len(batch.points) for batch in read])[:-1])
    learnt = learn_prior(read, kept, prior.languages, prior.words_by, certain=known)
    if learnt.words_by.residual == prior.words_by.residual:
        return []
    again = heard(read, learnt)[0][:, learnt.columns[UND_LATIN]]
    return [code for code, c in columns.items() if 2 * again[speaks[:, c]].sum() > speaks[:, c].sum()]


class _Test:
    """The messages of a window against the reference."""

    def __init__(
        self,
        speaks: npt.NDArray[np.bool_],
        weight: npt.NDArray[np.float64],
        prior: Prior,
        plan: TextPlan,
    ) -> None:
        self._speaks, self._columns, self._plan = speaks, prior.columns, plan
        self._weight = weight / weight.sum()
        self._effective = 1.0 / float((self._weight**2).sum())

    def newcomer(self, name: str, group: Sequence[str], asked: int) -> Newcomer | None:
        """The languages of a group as one; None where they may have come up by chance. `asked`: languages tested."""
        from scipy.special import betainc

        having = self._speaks[:, [self._columns[code] for code in group]].any(axis=1)
        share, n = float(self._weight[having].sum()), self._effective
        before = sum(self._plan.flat_counts.get(code, 0) for code in group)
        expected = before / self._plan.flat_total
        if share < max(LEAST_RATIO * expected, expected + LEAST_RISE):
            return None
        # Of all messages that have it, so many are the window's: binomial, if nothing changed.
        now = share * n
        tail = float(betainc(now, before + 1.0, n / (n + self._plan.flat_total)))
        if tail > FALSE_ALARMS / asked:
            return None
        low, high = _wilson(share, n)
        return Newcomer(name, share, low, high, expected, int(having.sum()))


def _wilson(share: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share of `n` messages (Wilson 1927)."""
    z2 = 1.959964**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = 1.959964 * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
