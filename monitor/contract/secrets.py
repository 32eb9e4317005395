"""Secrets: resolved where they are used, never kept."""

from __future__ import annotations

import os
from pathlib import Path

from monitor.errors import UsageError


def resolve_secret(reference: str, base_path: Path | None = None) -> str:
    """The value behind `env:NAME` or `file:path` (white space stripped); anything else as it is.

    A relative `file:` path starts at `base_path`. Raises UsageError when the variable or the file is missing;
    the message names the reference and never the value.
    """
    kind, _, place = reference.partition(":")
    if kind == "env":
        value = os.environ.get(place)
        if not value:
            raise UsageError(
                f"{reference}: the environment variable {place} is not set; export it before the start"
            )
        return value
    if kind == "file":
        path = (base_path or Path()) / place
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{reference}: cannot be read ({type(error).__name__}); check the path and its rights"
            ) from error
        if not value:
            raise UsageError(f"{reference}: the file is empty; write the secret into it")
        return value
    return reference
