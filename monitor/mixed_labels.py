"""Messages that people labelled as mixing two languages, or not: a file with the text and yes or no.

They tell how the detector errs (`checks.text.calibration`). Where a file cannot be taken as it is, nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.contract import FilesSource
from monitor.errors import DependencyUnavailable, SourceError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from monitor.sources import Page

LABEL = "mixed"
TEXTS = ("text", "message")  # what the column of the messages is called, if not as the watched one is
_YES = frozenset({"yes", "y", "true", "1"})
_NO = frozenset({"no", "n", "false", "0"})


class LabelsProblem(ValueError):
    """The file cannot be taken; the message says which, where in it, and what to do."""


@dataclass(frozen=True)
class MixedLabels:
    """`messages`, and bool[n] whether each truly mixes two languages."""

    messages: pa.LargeBinaryArray
    mixed: npt.NDArray[np.bool_]


def read(path: str, base_path: Path, column: str | None) -> MixedLabels:
    """The labelled messages of a CSV, JSON Lines or Parquet file; a relative path starts at `base_path`.

    The messages are in the column `column`, else in `text` or `message`; `mixed` says yes, y, true or 1, or no, n,
    false or 0. Raises LabelsProblem.
    """
    import numpy as np
    import pyarrow as pa

    from monitor.sources.files import Files

    if "://" not in path and not (base_path / path).exists():
        raise LabelsProblem(f"{base_path / path}: no such file")
    # Nothing is written to the file any more: a last line without its end is a line.
    files = Files(FilesSource(path=path, time="-"), base_path, {}, now=lambda: float("inf"))
    messages: list[bytes | None] = []
    mixed: list[bool] = []
    try:
        for page in files.read(None, ()):
            if page.file is not None and page.file.state == "failed":
                raise LabelsProblem(f"{page.origin}: {page.file.error}")
            for text, label in _rows(page, column):
                messages.append(text)
                mixed.append(label)
    except (SourceError, DependencyUnavailable) as error:
        raise LabelsProblem(str(error)) from error
    return MixedLabels(pa.array(messages, pa.large_binary()), np.array(mixed, np.bool_))


def _rows(page: Page, column: str | None) -> Iterator[tuple[bytes | None, bool]]:
    if page.rejects:
        raise LabelsProblem(f"{page.origin} {page.rejects[0].place}: {page.rejects[0].detail}")
    names = page.table.schema.names
    if not names:
        return
    text = next((name for name in (column, *TEXTS) if name in names), None)
    if text is None:
        wanted = " or ".join(dict.fromkeys(name for name in (column, *TEXTS) if name))
        raise LabelsProblem(f"{page.origin}: name the column with the messages {wanted}; {_there_are(names)}")
    if LABEL not in names:
        raise LabelsProblem(f"{page.origin}: add a column {LABEL} with yes or no; {_there_are(names)}")
    messages = page.table.column(text).to_pylist()
    labels = page.table.column(LABEL).to_pylist()
    for row, message, label in zip(page.rows.tolist(), messages, labels, strict=True):
        place = f"{page.origin} {page.unit} {row}"
        if not (message is None or isinstance(message, str | bytes)):
            raise LabelsProblem(f"{place}: {text} holds {type(message).__name__}, not text")
        raw = message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message
        yield raw, _is_yes(label, place)


def _is_yes(label: object, place: str) -> bool:
    """What a cell says, in whatever type it came."""
    said = (
        label.decode("utf-8", "replace") if isinstance(label, bytes) else "" if label is None else str(label)
    )
    word = said.strip().casefold().removesuffix(".0")  # a number that pandas wrote with its point
    if word not in _YES | _NO:
        what = f'is "{said[:40]}"' if word else "is empty"
        raise LabelsProblem(f"{place}: {LABEL} {what}; write yes or no (also y, true, 1, n, false, 0)")
    return word in _YES


def _there_are(names: Sequence[str]) -> str:
    return f"there are: {', '.join(names)}"
