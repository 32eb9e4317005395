"""Compiling every kernel before it is needed."""

from __future__ import annotations

import pyarrow as pa

from checks.text.campaign import campaigns
from checks.text.learning import learn
from checks.text.reading import annotate
from checks.text.terms import novel_terms


def warm_up() -> None:
    """Compile every kernel, or load it from the cache: a minute the first time after an installation, then a
    second."""
    texts = pa.array(
        [b"Warm up.", "Ein W\u00f6rtchen, \u4e24\u4e2a\u5b57 \U0001f600".encode(), None], pa.large_binary()
    )
    plan = learn(texts)
    annotate(texts, plan)
    alike = [b"A small \xf0\x9f\x98\x80 #campaign of ten messages that are all alike."] * 10
    novel_terms(alike, plan)
    campaigns(alike)
