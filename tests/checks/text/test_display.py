"""What is hidden is shown, and what is honest is left as it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from checks.text import reveal
from tests.checks.text.samples import SENTENCES


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u200bb", "a⟦U+200B⟧b"),
        ("a\u202eb", "a⟦U+202E⟧b"),
        ("nul\x00", "nul⟦U+0000⟧"),
        ("\ufeffx", "⟦U+FEFF⟧x"),
        ("\ud800", "⟦U+D800⟧"),
        ("\ue000\ufffe", "⟦U+E000⟧⟦U+FFFE⟧"),
        ("\U000e0041", "⟦U+E0041⟧"),
        ("x\U000e0101", "x⟦U+E0101⟧"),
        ("\u3164", "⟦U+3164⟧"),
        ("a\ufe0f", "a⟦U+FE0F⟧"),
        ("❤\ufe0f\ufe0f 1\ufe0f\u20e3", "❤\ufe0f⟦U+FE0F⟧ 1\ufe0f\u20e3"),
        ("葛\U000e0100", "葛\U000e0100"),
        ("a\u200db", "a⟦U+200D⟧b"),
        ("frее", "fr⟦е U+0435⟧⟦е U+0435⟧"),
        ("прuвет", "пр⟦u U+0075⟧вет"),
        ("two\nlines\tand <b>", "two\nlines\tand <b>"),
        ("👩‍💻 می‌خواهم", "👩‍💻 می‌خواهم"),
        ("", ""),
    ],
)
def test_reveals(text: str, shown: str) -> None:
    assert reveal(text) == shown


@pytest.mark.parametrize("text", SENTENCES.values())
def test_leaves_good_text_alone(text: str) -> None:
    assert reveal(text) == text


def test_needs_no_heavy_module() -> None:
    script = (
        "import sys; from checks.text import reveal; reveal('a\\u200bb'); "
        "print(sorted({'numpy', 'numba', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
