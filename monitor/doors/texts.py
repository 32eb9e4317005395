"""`driftglass inspect` and `learn-profile`: the texts of a file, without a contract or a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def inspect(
    file: Annotated[
        str,
        typer.Argument(
            help="CSV, JSON Lines or Parquet, a glob, a URL; any other file is read line by line."
        ),
    ],
    column: Annotated[
        str | None, typer.Option("--column", "-c", help="The text; default: the column that looks like text.")
    ] = None,
    languages: Annotated[
        str | None, typer.Option(metavar="CODES", help="Tell only these apart, such as en,es.")
    ] = None,
    detector: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What tells the language of whole messages: langdetect, lingua, py3langid, pycld2 or "
            "package.module:function.",
        ),
    ] = "ngrams",
    lexicon: Annotated[
        bool, typer.Option("--lexicon", help="Weigh words by how common they are in each language.")
    ] = False,
    mixed_labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Messages with a column `mixed`, yes or no: corrects the share of mixed messages.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many messages from the beginning.")
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="table|json|csv|parquet",
            help="table: a report. json: the summary. csv, parquet: a row per message.",
        ),
    ] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; default standard output.")
    ] = None,
    no_redact: Annotated[
        bool,
        typer.Option(
            "--no-redact", help="Show examples with e-mail addresses, phone numbers and names of users."
        ),
    ] = False,
) -> None:
    """Look at the texts of a file: languages, code-switching, encoding damage, evasion, words."""
    from monitor.inspection.command import codes_of
    from monitor.inspection.command import inspect as inspect_texts
    from monitor.inspection.reading import Options

    options = Options(codes_of(languages), limit, detector, lexicon, mixed_labels, redacted=not no_redact)
    inspect_texts(file, column, options, form=form, output=output)


def learn_profile(
    name: Annotated[str, typer.Argument(help="Like a language code: hi-Latn, en-x-support.")],
    file: Annotated[
        str,
        typer.Argument(help="Messages or words of that language alone; what `inspect` reads."),
    ],
    column: Annotated[
        str | None, typer.Option("--column", "-c", help="The text; default: the column that looks like text.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it; default profiles/NAME.json.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a profile that is there.")] = False,
) -> None:
    """Learn what a language, a dialect or a jargon looks like, to tell it apart from then on."""
    from monitor.inspection.own_profiles import write_profile

    write_profile(name, file, column, output or Path("profiles") / f"{name}.json", force=force)
