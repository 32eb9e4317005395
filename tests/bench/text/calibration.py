"""The share of mixed messages after calibration: one half of the messages labelled, windows drawn from the other."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from checks import text
from checks.text import lexicon
from checks.text.calibration import calibrate, could_mix, counts_of, mixed_level
from tests.bench.text.common import NO_LANGUAGE, Figure, message_of, read_rows, to_array

SHARES = (0.05, 0.1, 0.2, 0.4, 0.6)
WINDOW = 1_000  # messages
DRAWS = 40  # of a window, per share and half
SPLITS = 5  # by the hash of the id; of each, either half is labelled once


def figures(data: Path, _: int) -> Iterator[Figure]:
    rows = list(read_rows(data / "codeswitch" / "es-en_lince_dev.jsonl"))
    array = to_array([message_of(row) for row in rows])
    truth = np.array([len(set(row["tags"]) - NO_LANGUAGE) > 1 for row in rows])
    for with_lexicon in (False, True) if lexicon.is_installed() else (False,):
        errors, held, raw = [], [], []
        for split in range(SPLITS):
            first = np.array([sha256(f"{row['id']}/{split}".encode()).digest()[0] % 2 == 0 for row in rows])
            for labelled in (first, ~first):
                plan = text.learn(array.filter(labelled), lexicon=with_lexicon)
                notes = text.annotate(array, plan)
                # As the product does: on both sides only messages with two words of a language.
                able = could_mix(notes)
                one = _drawn(mixed_level(notes)[able], truth[able], labelled[able])
                errors.append(one[0])
                held.append(one[1])
                raw.append(one[2])
        name = f"es-en, mixed share at 5–60 %, {'with' if with_lexicon else 'no'} lexicon"
        size = np.abs(np.array(errors))
        yield Figure(f"{name}: worst error as counted, first split", float(np.abs(raw[:2]).max()))
        yield Figure(
            f"{name}: worst error calibrated, first split", float(size[:2].max()), 0.03, at_most=True
        )
        yield Figure(f"{name}: root mean square, {2 * SPLITS} halves", float(np.sqrt((size**2).mean())))
        yield Figure(f"{name}: worst of the {2 * SPLITS} halves", float(size.max()))
        # The other half is no infinite stream: its own chance, which the interval cannot know of, is in here too.
        yield Figure(f"{name}: intervals that hold it", float(np.mean(held)))


def _drawn(
    levels: npt.NDArray[np.int64], truth: npt.NDArray[np.bool_], labelled: npt.NDArray[np.bool_]
) -> tuple[list[float], list[float], list[float]]:
    """Per share: error of the mean estimate, share of intervals that hold the truth, error of the mean as counted."""
    calibration = calibrate(truth[labelled], levels[labelled])
    mixed, pure = np.flatnonzero(~labelled & truth), np.flatnonzero(~labelled & ~truth)
    errors, covered, uncorrected = [], [], []
    for share in SHARES:
        rng = np.random.default_rng(round(1_000 * share))
        of_mixed = round(WINDOW * share)
        found, held, counted = [], 0, []
        for _ in range(DRAWS):
            window = np.concatenate([rng.choice(mixed, of_mixed), rng.choice(pure, WINDOW - of_mixed)])
            said = counts_of(levels[window])
            estimate = calibration.correct(said)
            found.append(estimate.value)
            held += estimate.low <= share <= estimate.high
            counted.append(1.0 - said[0] / WINDOW)
        errors.append(float(np.mean(found)) - share)
        covered.append(held / DRAWS)
        uncorrected.append(float(np.mean(counted)) - share)
    return errors, covered, uncorrected
