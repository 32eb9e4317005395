"""Small sources for tests: a contract over files written on the spot."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor import contract
from monitor.sources import FileFact, Page
from monitor.sources.files import Files

TEMPLATE = """
model: words
source: {{path: "{path}", id: id, time: at}}
columns:
  text: {{role: input}}
  size: {{role: feature, kind: number}}
  kind: {{role: feature, kind: category}}
"""

WANTED = {"id": "key", "at": "key", "text": "text", "size": "number", "kind": "category"}


@dataclass
class Folder:
    """A folder of files that is read as a source again and again, as the service does."""

    path: Path
    pattern: str
    now: Callable[[], float] = time.time
    known: list[FileFact] = field(default_factory=list)

    def read(self) -> list[Page]:
        """The pages of what is new; what they say of files is remembered."""
        source = contract.FilesSource(path=self.pattern, id="id", time="at")
        pages = list(Files(source, self.path, WANTED, self.now).read(None, self.known))
        self.known += [page.file for page in pages if page.file is not None]
        return pages

    def write(self, name: str, content: bytes | str) -> None:
        (self.path / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def append(self, name: str, content: bytes | str) -> None:
        with (self.path / name).open("ab") as file:
            file.write(content.encode() if isinstance(content, str) else content)


def cells(pages: Sequence[Page], name: str) -> list[Any]:
    """The cells of a column over all pages, as they came."""
    return [
        cell
        for page in pages
        if name in page.table.schema.names
        for cell in page.table.column(name).to_pylist()
    ]


def rows(pages: Sequence[Page]) -> list[int]:
    return [row for page in pages for row in page.rows.tolist()]


def rejects(pages: Sequence[Page]) -> list[tuple[str, str]]:
    """(place, reason) of everything that was set aside."""
    return [(reject.place, reject.reason) for page in pages for reject in page.rejects]
