"""Annotations with the labels of another detector."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from checks.text.annotations import SCRIPTS, Annotations
from checks.text.detectors.protocol import NGRAMS, Detector, label_all, load
from checks.text.profiles import profiles

if TYPE_CHECKING:
    from checks.text.plan import TextPlan

_LATIN = SCRIPTS.index("Latin")


def detector_of(name: str, languages: tuple[str, ...]) -> Detector:
    """The detector of a plan, restricted to its languages unless they are all that there are profiles of."""
    everything = set(profiles().languages) <= set(languages)
    return load(name, None if everything else languages)


def version_of(name: str, languages: tuple[str, ...]) -> dict[str, str]:
    """What a plan records of its detector: {"detector": "lingua 2.1.1"}, nothing for the n-grams.

    Raises what `load` raises.
    """
    if name == NGRAMS:
        return {}
    detector = detector_of(name, languages)
    return {"detector": f"{detector.name} {detector.version}"}


def relabelled(texts: pa.LargeBinaryArray, notes: Annotations, plan: TextPlan) -> Annotations:
    """The annotations of `texts` with the language of each message as the plan's detector says.

    A code that is none of the plan's languages is "und-Latn" where most letters are Latin, else "und". Of a message
    with two languages only these two can be the label, and the other is `second`: the label of a third is dropped.
    """
    spoken = np.flatnonzero(notes.language >= 0)
    messages = [text.decode("utf-8", "replace") for text in texts.take(pa.array(spoken)).to_pylist()]
    said = label_all(detector_of(plan.detector, plan.languages), messages)
    place = {language: index for index, language in enumerate(plan.languages)}
    language, second = notes.language.copy(), notes.second.copy()
    for row, code in zip(spoken.tolist(), said, strict=True):
        unknown = "und-Latn" if notes.script[row] == _LATIN and code != "und" else "und"
        label = place.get(code, place[unknown])
        if not notes.mixed[row]:
            language[row] = label
        elif label == second[row]:
            language[row], second[row] = second[row], language[row]
    return replace(notes, language=language, second=second)
