from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.store import models
from monitor.store.engine import Store
from monitor.store.types import storable


@pytest.mark.parametrize(
    ("text", "stored"),
    [("plain", "plain"), ("नमस्ते 👋", "नमस्ते 👋"), ("a\x00b", "a␀b"), ("\ud83d!", "\\ud83d!"), ("", "")],
)
def test_what_postgresql_refuses_becomes_visible(text: str, stored: str) -> None:
    assert storable(text) == stored


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_what_comes_out_can_be_stored_and_stays_as_it_is(text: str) -> None:
    once = storable(text)
    once.encode()
    assert "\x00" not in once
    assert storable(once) == once


def test_both_databases_give_the_same_text_back(store: Store) -> None:
    with store.write() as conn:
        models.create(conn, "nul \x00 and half a smile \ud83d", 1)
    with store.read() as conn:
        # Looked up by what it was called: the value of a comparison goes the same way as a stored one.
        assert models.get(conn, "nul \x00 and half a smile \ud83d").name == "nul ␀ and half a smile \\ud83d"
