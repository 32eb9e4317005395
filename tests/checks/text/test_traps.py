"""Good text that looks a little like mojibake is left alone."""

from __future__ import annotations

from checks.text.annotations import ENCODING_CLASSES
from tests.checks.text.samples import read
from tests.checks.text.traps import TRAPS


def test_hardly_a_trap_is_flagged() -> None:
    traps = [trap for kind in TRAPS.values() for trap in kind]
    assert len(traps) >= 60
    flagged = read(*traps).encoding_counts[:, ENCODING_CLASSES.index("mojibake")] > 0
    assert [trap for trap, hit in zip(traps, flagged, strict=True) if hit] == []
