"""The command `driftglass learn-profile`."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa

from checks.text.own_profiles import checked_name, learn_profile
from monitor.errors import UsageError
from monitor.inspection.reading import SetAside, texts_of
from monitor.store.canonical import json_text


def write_profile(name: str, path: str, column: str | None, output: Path, *, force: bool) -> None:
    """Learn the profile of a file's texts and write it; says on standard error what to put into the contract.

    Raises UsageError for a name that is none, too little text, or an output that is there already.
    """
    aside = SetAside()
    try:
        checked_name(name)
        if output.exists() and not force:
            raise UsageError(f"{output} is there already; give another --output, or --force to overwrite it")
        pages = [texts.messages for texts in texts_of(path, column, aside)]
        profile = learn_profile(name, pa.chunked_array(pages, pa.large_binary()))
    except ValueError as error:
        raise UsageError(str(error)) from error
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json_text(profile.to_dict()) + "\n", encoding="utf-8")
    if aside.count:
        print(f"set aside {aside.count} lines or files; {aside.first[0]}", file=sys.stderr)  # noqa: T201 - the command line
    print(  # noqa: T201 - the command line
        f"wrote {output}: {profile.totals[3]:,} words in {profile.script} script; name it in the contract, "
        f"relative to the contract's folder: profiles: [{output}] where the contract stands here",
        file=sys.stderr,
    )
