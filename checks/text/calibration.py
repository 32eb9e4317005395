"""The share of mixed messages without the detector's own errors, from a small sample that people labelled.

A detector that misses some mixed messages and calls some pure ones mixed counts a share that is wrong, by more the
rarer mixing is. How often it does either is known from labelled messages, and can be taken out again (Rogan and Gladen
1978). Detectors that say *how much* a message is mixed carry more than yes or no: then the share is that mixture of
the two labelled distributions which fits the levels of the window best, by maximum likelihood. With two levels it is
Rogan and Gladen's estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from checks.text.annotations import Annotations

LEVELS = 4  # of `mixed_level`
LEAST_LABELLED = 20  # mixed, and as many pure: fewer say nothing
_Z = 1.959964  # 95 %

Counts = npt.NDArray[np.integer]


class CalibrationError(ValueError):
    """The labelled sample cannot correct anything; the message says why."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share and its 95 % interval, all 0..1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """What a detector says of messages that are known to be mixed, and to be pure.

    mixed, pure   counts of labelled messages by what the detector said of them: level 0 is "not mixed"
    """

    mixed: tuple[int, ...]
    pure: tuple[int, ...]

    @property
    def sensitivity(self) -> float:
        """Share of the mixed messages that the detector calls mixed."""
        return 1.0 - self.mixed[0] / sum(self.mixed)

    @property
    def specificity(self) -> float:
        """Share of the pure messages that the detector does not call mixed."""
        return self.pure[0] / sum(self.pure)

    def to_dict(self) -> dict[str, list[int]]:
        """JSON-safe."""
        return {"mixed": list(self.mixed), "pure": list(self.pure)}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Calibration:
        """What `to_dict` wrote. Raises KeyError, ValueError for a body that is none."""
        return cls(tuple(map(int, body["mixed"])), tuple(map(int, body["pure"])))

    def correct(self, said: Counts) -> Estimate:
        """The share of mixed messages in a window, by how many the detector put on each level.

        `said`: int[levels], as many levels as there were in the sample (`counts_of`). The interval carries the
        chance in the window and in both halves of the sample (delta method; before it half a success and half a
        failure more in each, after Lang and Reiczigel 2014), clipped to 0..1. Without messages it is 0..1.
        """
        if len(said) != len(self.mixed):
            raise ValueError(f"{len(said)} levels, but the sample has {len(self.mixed)}")
        n = float(said.sum())
        if n == 0:
            return Estimate(0.5, 0.0, 1.0)
        mixed, pure = _distribution(self.mixed), _distribution(self.pure)
        share = _likeliest(np.asarray(said, np.float64) / n, mixed, pure)
        # Influence of a message of each level on the estimate, at a share that is not quite at the edge.
        inner = (share * n + 1.0) / (n + 2.0)
        together = inner * mixed + (1.0 - inner) * pure
        slope = (mixed - pure) / together
        information = float(together @ slope**2)
        variance = (
            _variance(together, slope) / n
            + inner**2 * _variance(mixed, slope) / sum(self.mixed)
            + (1.0 - inner) ** 2 * _variance(pure, slope) / sum(self.pure)
        ) / information**2
        reach = _Z * float(np.sqrt(variance))
        return Estimate(share, max(0.0, min(share, inner - reach)), min(1.0, max(share, inner + reach)))

    def correct_share(self, share: float, n: int) -> Estimate:
        """Like `correct`, from the share that the detector called mixed among n messages (Rogan and Gladen 1978)."""
        said = round(share * n)
        two = Calibration((self.mixed[0], sum(self.mixed[1:])), (self.pure[0], sum(self.pure[1:])))
        return two.correct(np.array([n - said, said]))


def calibrate(
    truth: npt.NDArray[np.bool_], said: npt.NDArray[np.integer] | npt.NDArray[np.bool_]
) -> Calibration:
    """A calibration from labelled messages. `truth` bool[n]: mixed or not; `said` bool[n], or int[n] levels from 0.

    Raises CalibrationError for fewer than 20 messages of either kind, and for a detector that is no better than
    chance on them (sensitivity + specificity ≤ 1): nothing can be learnt from what it says.
    """
    if len(truth) != len(said):
        raise ValueError(f"{len(truth)} labels for {len(said)} messages")
    levels = 2 if said.dtype == np.bool_ else max(LEVELS, int(said.max(initial=0)) + 1)
    counts = [np.bincount(said[truth == kind].astype(np.int64), minlength=levels) for kind in (True, False)]
    for name, count in zip(("mixed", "not mixed"), counts, strict=True):
        if count.sum() < LEAST_LABELLED:
            raise CalibrationError(
                f"{count.sum()} messages are labelled {name}; label at least {LEAST_LABELLED} of each kind"
            )
    found = Calibration(*(tuple(count.tolist()) for count in counts))
    if found.sensitivity + found.specificity <= 1.0:
        raise CalibrationError(
            f"the detector calls {found.sensitivity:.0%} of the mixed and {1 - found.specificity:.0%} of the other "
            "labelled messages mixed: no better than chance, so no share can be corrected by it; check the labels"
        )
    return found


def mixed_level(notes: Annotations) -> npt.NDArray[np.int64]:
    """int64[n], 0 … 3: 0 not mixed, else how many words are in the lesser language, 3 for three or more."""
    lesser = notes.language_tokens - notes.dominant_tokens
    return np.where(notes.mixed, np.clip(lesser, 1, LEVELS - 1), 0).astype(np.int64)


def could_mix(notes: Annotations) -> npt.NDArray[np.bool_]:
    """bool[n]: messages with two words or more that have a language. Only they are counted and calibrated: a window of
    "ok" and "thanks" would be purer than the labelled sample for no other reason than its length."""
    return notes.language_tokens >= 2


def counts_of(levels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64[LEVELS]: messages per level."""
    return np.bincount(levels, minlength=LEVELS).astype(np.int64)


def calibrate_by(notes: Annotations, truth: npt.NDArray[np.bool_]) -> Calibration:
    """A calibration from the annotations of labelled messages; those that cannot mix are left out.

    `truth` bool[n]: mixed or not. Raises CalibrationError as `calibrate` does, and says how many were left out.
    """
    counted = could_mix(notes)
    try:
        return calibrate(truth[counted], mixed_level(notes)[counted])
    except CalibrationError as error:
        left = int((~counted).sum())
        if not left:
            raise
        raise CalibrationError(f"{error} ({left} without two words of a language do not count)") from None


def _distribution(counts: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Shares per level; one message more, spread over the levels, so that none is impossible."""
    values = np.asarray(counts, np.float64) + 1.0 / len(counts)
    return np.asarray(values / values.sum(), np.float64)


def _likeliest(
    seen: npt.NDArray[np.float64], mixed: npt.NDArray[np.float64], pure: npt.NDArray[np.float64]
) -> float:
    """The share 0..1 of `mixed` in the mixture that fits `seen` best: its log-likelihood is concave, so bisect."""

    def slope(share: float) -> float:
        return float(seen @ ((mixed - pure) / (share * mixed + (1.0 - share) * pure)))

    if slope(0.0) <= 0.0:
        return 0.0
    if slope(1.0) >= 0.0:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2.0
        low, high = (middle, high) if slope(middle) > 0.0 else (low, middle)
    return (low + high) / 2.0


def _variance(weights: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> float:
    return float(weights @ values**2 - (weights @ values) ** 2)
