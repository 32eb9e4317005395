"""Reading the texts of a file, page by page and twice: to learn a plan, then to inspect by it."""

from __future__ import annotations

import difflib
import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.text.calibration import CalibrationError
from checks.text.detectors import NGRAMS, DetectorFailed, DetectorMissing, is_known, missing
from checks.text.inspection import table_of, to_binary
from checks.text.learning import calibrated, learn
from checks.text.lexicon import LexiconMissing
from checks.text.reading import annotate
from checks.text.summary import Gatherer, Summary
from monitor import mixed_labels
from monitor.contract import FilesSource, guess
from monitor.errors import SourceError, UsageError
from monitor.inspection.second_opinion import SecondOpinion, ranks_of
from monitor.privacy import redact
from monitor.progress import Progress, silent
from monitor.sources import PAGE_ROWS, Reject, lines
from monitor.sources.files import Files

if TYPE_CHECKING:
    from checks.text.confirmation import Confirmation
    from checks.text.plan import TextPlan
    from monitor.mixed_labels import MixedLabels

# The plan is learnt from so many messages of a longer file, drawn at random; each is cut to so many bytes.
LEARNT = 100_000
MAX_TEXT_BYTES = 2_048
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")
_SHOWN_REJECTS = 5
_PLAIN_NAMES = ("text", "message", "body", "content")  # the surest first


@dataclass(frozen=True)
class Texts:
    """Some messages in a row: of which file, and int64[n] where each stands in it."""

    origin: str
    rows: npt.NDArray[np.int64]
    messages: pa.LargeBinaryArray


@dataclass
class SetAside:
    """Lines and files that could not be read: how many, and the first few of them in words."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, what: str) -> None:
        self.count += 1
        if len(self.first) < _SHOWN_REJECTS:
            self.first.append(what)


@dataclass(frozen=True)
class Options:
    """How the texts of a file are read.

    languages     told apart, None for all;  limit  messages from the beginning, None for all
    detector      of the language of whole messages;  lexicon  whether words are weighed by how common they are
    mixed_labels  a file of labelled messages that calibrates the mixed share
    redacted      whether examples are shown without what says who people are
    """

    languages: Sequence[str] | None = None
    limit: int | None = None
    detector: str = NGRAMS
    lexicon: bool = False
    mixed_labels: str | None = None
    redacted: bool = True


_PLAIN = Options()


@dataclass(frozen=True)
class Inspected:
    """`column` is None for plain text; `learnt_from` messages the plan is from; `confirmation` is ftfy's, if asked."""

    path: str
    column: str | None
    summary: Summary
    aside: SetAside
    learnt_from: int
    confirmation: Confirmation | None


def inspect_file(
    path: str,
    column: str | None,
    options: Options = _PLAIN,
    each: Callable[[Texts, pa.Table], None] | None = None,
    progress: Progress = silent,
) -> Inspected:
    """Inspect the texts of a file, a glob or a URL; `each` is given every page with its rows of `table_of`.

    Memory is bounded, however long the file is. Without `column` the one that looks like text is taken; a file that
    is no table is read line by line. Raises UsageError for a column that is not there or holds no text, and for
    options that cannot be carried out.
    """
    limit = options.limit
    _check(options)
    chosen = _column(path, column)
    labels = _labels(options, chosen)
    learnt = _Sample()
    for texts in _limited(_pages(path, chosen, SetAside()), limit):
        learnt.add(texts.messages)
        progress("reading", learnt.seen, None)
    progress("learning what to expect", 0, None)  # and compiling, the first time
    plan = _learnt(learnt.messages(), options, labels)
    hide = _redacted if options.redacted else None
    gatherer = Gatherer(plan, options.languages, learnt_here=True, redact=hide)
    aside, second = SetAside(), SecondOpinion()
    for texts in _limited(_pages(path, chosen, aside), limit):
        try:
            notes = annotate(texts.messages, plan)
        except DetectorFailed as error:
            raise UsageError(f"--detector: {error}") from error
        gatherer.add(texts.messages, notes)
        second.add(texts.messages, notes)
        if each is not None:
            each(texts, table_of(notes, plan))
        progress("inspecting", gatherer.messages, learnt.seen)
    if not gatherer.messages:
        raise UsageError(
            f"{path}: there is no message to read" + "".join(f"; {one}" for one in aside.first[:1])
        )
    summary = gatherer.summary()
    return Inspected(path, chosen, summary, aside, min(learnt.seen, LEARNT), second.confirmation())


def texts_of(path: str, column: str | None, aside: SetAside) -> Iterator[Texts]:
    """The texts of a file, a glob or a URL, page by page; without `column` those of the one that looks like text."""
    return _pages(path, _column(path, column), aside)


def _check(options: Options) -> None:
    """Before a long file is read: whether it can be read as asked."""
    if not is_known(options.detector):
        names = "ngrams, langdetect, lingua, py3langid, pycld2 or package.module:function"
        raise UsageError(f"--detector: no detector {options.detector}; use {names}")
    if (cure := missing(options.detector)) is not None:
        raise UsageError(f"--detector: {cure}")


def _labels(options: Options, column: str | None) -> MixedLabels | None:
    if options.mixed_labels is None:
        return None
    try:
        return mixed_labels.read(options.mixed_labels, Path(), column)
    except mixed_labels.LabelsProblem as error:
        raise UsageError(f"--mixed-labels: {error}") from error


def _learnt(messages: pa.LargeBinaryArray, options: Options, labels: MixedLabels | None) -> TextPlan:
    languages = None if options.languages is None else tuple(options.languages)
    try:
        plan = learn(messages, languages, lexicon=options.lexicon, detector=options.detector)
        return plan if labels is None else calibrated(plan, labels.messages, labels.mixed)
    except (DetectorMissing, DetectorFailed) as error:
        raise UsageError(f"--detector: {error}") from error
    except LexiconMissing as error:
        raise UsageError(f"--lexicon: {error}") from error
    except CalibrationError as error:
        raise UsageError(f"--mixed-labels: {options.mixed_labels}: {error}") from error
    except ValueError as error:
        raise UsageError(f"--languages: {error}") from error


def _redacted(text: bytes) -> bytes:
    """The text without what says who people are; bytes that are no UTF-8 stay as they are."""
    return redact([text.decode("utf-8", "surrogateescape")])[0].encode("utf-8", "surrogateescape")


class _Sample:
    """At most LEARNT messages, each as likely as any other: those whose position has the smallest hash."""

    def __init__(self) -> None:
        self.seen = 0
        self._parts: list[pa.LargeBinaryArray] = []
        self._ranks: list[npt.NDArray[np.uint64]] = []
        self._limit = np.uint64(0xFFFFFFFFFFFFFFFF)

    def add(self, messages: pa.LargeBinaryArray) -> None:
        ranks = ranks_of(self.seen, len(messages))
        self.seen += len(messages)
        low = np.flatnonzero(ranks <= self._limit)
        self._parts.append(_cut(messages.take(pa.array(low))))
        self._ranks.append(ranks[low])
        if sum(map(len, self._ranks)) > 2 * LEARNT:
            self._compact()

    def _compact(self) -> None:
        ranks = np.concatenate(self._ranks)
        if len(ranks) <= LEARNT:
            return
        low = np.sort(np.argpartition(ranks, LEARNT - 1)[:LEARNT])
        self._parts = [pa.concat_arrays(self._parts).take(pa.array(low))]
        self._ranks = [ranks[low]]
        self._limit = ranks[low].max()

    def messages(self) -> pa.LargeBinaryArray:
        if not self._parts:
            return pa.array([], pa.large_binary())
        self._compact()
        return pa.concat_arrays(self._parts)


def _cut(messages: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    import pyarrow.compute as pc

    longest = pc.max(pc.binary_length(messages)).as_py() or 0
    return pc.binary_slice(messages, 0, MAX_TEXT_BYTES) if longest > MAX_TEXT_BYTES else messages


def _limited(pages: Iterator[Texts], limit: int | None) -> Iterator[Texts]:
    for texts in pages:
        if limit is not None and len(texts.rows) >= limit:
            yield Texts(texts.origin, texts.rows[:limit], texts.messages.slice(0, limit))
            return
        yield texts
        limit = None if limit is None else limit - len(texts.rows)


# ----- the column -----------------------------------------------------------------------------------------------


def _is_table(path: str) -> bool:
    return path.lower().removesuffix(".gz").endswith(_TABLES)


def _column(path: str, column: str | None) -> str | None:
    """The column to read: the one that was asked for, or that looks like text; None for plain text."""
    if not _is_table(path):
        if column is None:
            return None
        raise UsageError(
            f"{path}: its name does not say that it has columns (.csv, .tsv, .jsonl, .parquet); "
            "leave --column out to read it line by line"
        )
    _exists(path)
    found = guess.columns(_files(path, {}).look()[0])
    names = [one.name for one in found]
    if column in names:
        return column
    if column is not None:
        close = difflib.get_close_matches(column, names, n=1) or [
            name for name in names if name.lower() == column.lower()
        ]
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(f"{path} has no column {column}; {hint}There are: {', '.join(names) or 'none'}")
    texts = _texts(found)
    if len(texts) != 1:
        which = ", ".join(one.name for one in texts or found) or "none"
        raise UsageError(f"{path}: say which column holds the text, with --column; there are: {which}")
    return texts[0].name


def _texts(found: Sequence[guess.Found]) -> Sequence[guess.Found]:
    """The columns that may be the text: by name, else by what is in them; one of a plain name before the others."""
    named = [one for one in found if one.named("text")]
    # message_id is named like a text and is none; a column that is alone is what there is to read.
    texts = [one for one in named if not one.is_key] or named or [one for one in found if one.is_text]
    plain = [one for name in _PLAIN_NAMES for one in texts if one.name.lower() == name]
    return plain[:1] or texts


def _exists(path: str) -> None:
    if "://" not in path and not any(sign in path for sign in "*?[") and not Path(path).exists():
        raise UsageError(f"{path}: no such file")


# ----- the pages ------------------------------------------------------------------------------------------------


def _files(path: str, wanted: dict[str, str]) -> Files:
    # Nothing is written to these files any more: a last line without its end is a line.
    return Files(FilesSource(path=path, time="-"), Path(), wanted, now=lambda: float("inf"))


def _pages(path: str, column: str | None, aside: SetAside) -> Iterator[Texts]:
    if column is None:
        yield from _lines(path)
        return
    for page in _files(path, {column: "text"}).read(None, ()):
        for reject in page.rejects:
            aside.add(_in_words(page.origin, reject))
        if page.file is not None and page.file.state == "failed":
            aside.add(str(page.file.error))
        if not len(page.rows):
            continue
        if column not in page.table.schema.names:
            aside.add(f"{page.origin} has no column {column}")
            continue
        try:
            messages = to_binary(page.table.column(column))
        except TypeError as error:
            kind = page.table.schema.field(column).type
            raise UsageError(f"{page.origin}: column {column} holds {kind}, not text") from error
        yield Texts(page.origin, page.rows, messages)


def _in_words(origin: str, reject: Reject) -> str:
    return f"{origin} {reject.place}: {reject.detail}"


def _lines(path: str) -> Iterator[Texts]:
    """Every line of plain text is a message."""
    _exists(path)
    try:
        with _opened(path) as stream:
            first, made = 1, list[bytes]()
            for line in _each_line(stream):
                made.append(line)
                if len(made) == PAGE_ROWS:
                    yield _text(path, first, made)
                    first, made = first + len(made), []
            if made:
                yield _text(path, first, made)
    except (OSError, EOFError) as error:
        raise SourceError(f"{path}: cannot be read: {error}") from error


def _opened(path: str) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path, "rb") if path.endswith(".gz") else Path(path).open("rb")


def _each_line(stream: lines.Readable) -> Iterator[bytes]:
    for block in lines.blocks(stream):
        found = block.data.split(b"\n")
        for line in islice(found, len(found) - (not found[-1])):
            yield line.removesuffix(b"\r")


def _text(path: str, first: int, made: list[bytes]) -> Texts:
    return Texts(path, np.arange(first, first + len(made)), pa.array(made, pa.large_binary()))
