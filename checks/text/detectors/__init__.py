"""Other detectors of a message's language, for those who rely on one already.

Only the label of the whole message comes from them; tags of words, mixing and everything else stay those of the n-gram
detector. They read one message at a time and cost what they cost: about 3 ms a message for langdetect, 1 to 2 ms for
lingua (and a gigabyte of memory), 0.15 ms for py3langid, 0.01 ms for pycld2, beside 0.005 ms for everything that is
counted without them.

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
