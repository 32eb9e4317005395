"""Other detectors of a message's language, for those who rely on one already.

Only the label of the whole message comes from them; tags of words, mixing and everything else stay those of the n-gram
detector. They read one message at a time and cost what they cost. Where everything that is counted without them takes
0.01 ms a message on a busy core, langdetect took 5 ms (500 times as long), lingua 2.5 ms (230 times, and 1.3 GB of
memory) and py3langid 0.18 ms (17 times): medians of five rounds in one run, messages of 45 characters in 29 languages;
pycld2 was not measured.

protocol    what a detector is, and what its labels become
langdetect, lingua, py3langid, pycld2   one package each
own         a function of the user's
"""

from __future__ import annotations

from checks.text.detectors.protocol import (
    NGRAMS,
    Detector,
    DetectorFailed,
    DetectorMissing,
    is_known,
    load,
    missing,
)

__all__ = ["NGRAMS", "Detector", "DetectorFailed", "DetectorMissing", "is_known", "load", "missing"]
