"""What a judged window says of each family, with the names and the examples that go into its episode."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from checks import explain
from checks.baseline import Baseline
from checks.breaks import Break
from checks.decision import Finding, Judgement, Named
from checks.plan import Plan
from checks.profile import Profile
from checks.scores import Scores
from checks.series import Series
from monitor.alerts.attributes import Attributes, Example, Moved, Share
from monitor.alerts.episodes import FamilyFinding
from monitor.store import samples
from monitor.store.engine import Store
from monitor.store.samples import Sample
from monitor.watched import Watched

MAX_NAMED = 12
MAX_EXAMPLES = 5
# Terms and segments are told from so many windows up to the judged one: one alone holds too few of a rare thing.
_LOOK_BACK = 12
_LEAST_DOCUMENTS = 8
# Labels for messages of two languages: of any two, and of two that the reference never mixed.
_ANY_PAIR, _NEW_PAIR = "any pair", "new pair"
_PLACEHOLDER = re.compile(r"⟨\w+⟩")


@dataclass(frozen=True)
class Window:
    """Everything about the judged window that naming needs."""

    start_us: int
    profile: Profile
    scores: Scores


class Findings:
    """Names what moved and shows it, from the profile and the sample of a window."""

    def __init__(
        self,
        store: Store,
        watched: Watched,
        plan: Plan,
        baseline: Baseline,
        reference: Profile,
        profiles: Callable[[int, int], Profile],
    ) -> None:
        self._profiles = profiles  # the merged profile of the windows in [from, to)
        self._store = store
        self._watched = watched
        self._plan = plan
        self._baseline = baseline
        self._reference = reference

    def of(self, window: Window, judgement: Judgement) -> list[FamilyFinding]:
        """One finding per family of the judgement; only firing ones are named and shown."""
        return [self._family(window, finding) for finding in judgement.findings]

    def _family(self, window: Window, finding: Finding) -> FamilyFinding:
        since_us = finding.since_us if finding.since_us is not None else window.start_us
        if not finding.firing:
            return FamilyFinding(finding.family, False, finding.clean, since_us)
        terms = self._terms(window, finding)
        # Volumes are compared with what one window expects; everything else gains from more records.
        changed = window.profile
        if finding.family != "volume":
            changed = self._profiles(self._first_us(window.start_us, since_us), window.start_us + 1)
        shares = explain.segments(changed, self._reference, self._plan, self._baseline, finding)
        attributes = Attributes(
            moved=tuple(self._moved(window, named) for named in finding.named[:MAX_NAMED]),
            segments=tuple(Share(share.segment, min(share.share, 1.0), share.surprise) for share in shares),
            sentences=explain.sentences(
                finding, shares, self._baseline, self._watched.contract.timezone, terms
            ),
            hard=tuple(f"{break_name(broken)}: {broken.message}" for broken in finding.hard),
        )
        examples = tuple(islice(self._examples(window, finding, terms), MAX_EXAMPLES))
        return FamilyFinding(finding.family, True, finding.clean, since_us, attributes, examples)

    def _moved(self, window: Window, named: Named) -> Moved:
        series, scores = self._baseline.series[named.series], window.scores
        return Moved(
            series=series.name,
            metric=series.metric,
            column=series.column,
            segment=series.segment,
            term=series.term,
            weight=named.weight,
            value=named.value,
            expected=named.expected,
            expected_low=float(scores.expected_low[0, named.series]),
            expected_high=float(scores.expected_high[0, named.series]),
            effect=named.effect,
            z=named.z,
        )

    # ----- examples -----------------------------------------------------------------------------------------

    def _terms(self, window: Window, finding: Finding) -> tuple[str, ...]:
        """The words that tell of a change of the vocabulary, the surest first."""
        if finding.family != "vocabulary" or not self._plan.text:
            return ()
        from checks.text import novel_terms

        plan = next(iter(self._plan.text.values()))
        since_us = finding.since_us if finding.since_us is not None else window.start_us
        kept = [sample for sample in self._samples(window.start_us, since_us) if sample.text is not None]
        found = novel_terms(
            # What redaction put in place of a person is no word of the message.
            [_PLACEHOLDER.sub(" ", sample.text or "").encode("utf-8", "surrogatepass") for sample in kept],
            plan,
            weights=[1 / sample.inclusion_probability for sample in kept],
            minimum_documents=_LEAST_DOCUMENTS,
            limit=3,
        )
        return tuple(term.term for term in found)

    def _samples(self, start_us: int, since_us: int) -> list[Sample]:
        with self._store.read() as conn:
            spans = self._watched.grid.starts(self._first_us(start_us, since_us), start_us + 1)
            return [sample for start in spans for sample in samples.of_window(conn, self._watched.id, start)]

    def _first_us(self, start_us: int, since_us: int) -> int:
        """The start of the change, but not so long ago that most of what it is told from is over."""
        length = self._watched.grid.window_end(start_us) - start_us
        return max(since_us, start_us - (_LOOK_BACK - 1) * length)

    def _examples(self, window: Window, finding: Finding, terms: Sequence[str]) -> Iterator[Example]:
        rows = self._samples(window.start_us, window.start_us)
        pairs = {pair for facts in self._plan.text_facts.values() for pair in facts.pairs}
        seen: set[str] = set()
        # Of shares that move against each other the one that rose can be shown.
        risen = [self._baseline.series[named.series] for named in finding.named if named.effect > 0]
        labels = [label for label in (*terms, *(_label(series) for series in risen)) if label]
        # One label must not take every place.
        each = -(-MAX_EXAMPLES // len(set(labels))) if labels else 0
        for label in dict.fromkeys(labels):
            fitting = (row for row in rows if _shows(row, label, terms, pairs))
            yield from islice(self._shown(fitting, label, seen), each)
        for broken in finding.hard:
            for row in rows[:MAX_EXAMPLES]:
                if broken.column in row.features and row.event_id not in seen:
                    seen.add(row.event_id)
                    yield Example(
                        row.event_id, broken.column, f"{broken.column} = {row.features[broken.column]}"
                    )

    def _shown(self, rows: Iterable[Sample], label: str, seen: set[str]) -> Iterator[Example]:
        """An example of every row whose text shows the label, and that was not `seen` for another one."""
        for row in rows:
            if row.event_id in seen:
                continue
            concrete = _pair(row) if label in (_ANY_PAIR, _NEW_PAIR) else label
            excerpt = self._excerpt(row, concrete)
            if excerpt is not None:
                seen.add(row.event_id)
                yield Example(row.event_id, concrete, excerpt)

    def _excerpt(self, row: Sample, label: str) -> str | None:
        if row.text is None or not self._plan.text:
            return None
        from checks.text import excerpt, reveal

        plan = next(iter(self._plan.text.values()))
        text = row.text.encode("utf-8", "surrogatepass")
        shown = excerpt(text, plan, label)
        if shown is None and label == row.prediction:
            shown = reveal(row.text)[:120]
        return shown


def _label(series: Series) -> str | None:
    """What an example of this series would show; None for series that no single record shows."""
    if series.metric in ("encoding_rate", "evasion_rate", "pair_rate", "language_share", "class_share"):
        return series.term
    return {"mixed_rate": _ANY_PAIR, "new_pair_rate": _NEW_PAIR}.get(series.metric)


def _shows(row: Sample, label: str, terms: Sequence[str], known_pairs: Collection[str]) -> bool:
    """Whether the record's flags say that it shows the label (terms are looked for in the text itself)."""
    if label in terms:
        return row.text is not None and label.casefold() in row.text.casefold()
    flags = row.flags
    if label in (_ANY_PAIR, _NEW_PAIR):
        return bool(flags.get("second")) and (label == _ANY_PAIR or _pair(row) not in known_pairs)
    if "+" in label:
        return _pair(row) == label
    return label in (
        *flags.get("encoding", ()),
        *flags.get("evasion", ()),
        flags.get("language"),
        row.prediction,
    )


def _pair(row: Sample) -> str:
    return "+".join(sorted((str(row.flags.get("language")), str(row.flags.get("second")))))


def break_name(broken: Break) -> str:
    """`metric(column)`; a break of the whole window, such as no records at all, has no column."""
    return f"{broken.metric}({broken.column})" if broken.column else broken.metric
