"""What a judged window says of each family, with the names and the examples that go into its episode."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice, zip_longest
from typing import TYPE_CHECKING

from checks import explain
from checks.baseline import Baseline
from checks.breaks import Break
from checks.decision import Finding, Judgement, Named
from checks.plan import Plan
from checks.profile import Profile
from checks.scores import Scores
from checks.series import Series
from monitor import campaigns, deployments, newcomers, privacy
from monitor.alerts.attributes import Attributes, Bin, Damage, Example, Mix, Moved, Share, Term
from monitor.alerts.episodes import FamilyFinding
from monitor.alerts.state import Severity
from monitor.damage import PLACEHOLDER, proposed
from monitor.damage import explain as explain_damage
from monitor.store import samples
from monitor.store.engine import Store
from monitor.store.samples import Sample
from monitor.watched import Watched

if TYPE_CHECKING:
    from checks.text import TextPlan

MAX_NAMED = 12
MAX_EXAMPLES = 5
MAX_BINNED, MAX_BINS = 3, 6  # series whose bins are told, and of each
# Terms and segments are told from so many windows up to the judged one: one alone holds too few of a rare thing.
_LOOK_BACK = 12
_LEAST_DOCUMENTS = 8
# Labels for messages of two languages: of any two, and of two that the reference never mixed.
_ANY_PAIR, _NEW_PAIR = "any pair", "new pair"
# How the sample keeps what no database takes as text.
_STORED_AS = {
    "invalid_bytes": re.compile(r"\\x[89a-f][0-9a-f]"),
    "surrogate": re.compile(r"\\xed\\x[ab][0-9a-f]\\x[89ab][0-9a-f]"),
    "control": re.compile("\N{SYMBOL FOR NULL}"),
}
_MOST_COMPARED = 500  # records of which the best examples are chosen


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
        reference: Callable[[], Profile],
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
        damage = self._damage(window, finding)
        shares, mixes, bins = self._made_of(window, finding, since_us)
        lead = self._baseline.series[finding.named[0].series].name if finding.named else ""
        campaign, newcomers = self._campaign(window, finding), self._newcomers(window, finding)
        attributes = Attributes(
            moved=tuple(self._moved(window, named) for named in finding.named[:MAX_NAMED]),
            segments=tuple(Share(share.segment, min(share.share, 1.0), share.surprise) for share in shares),
            sentences=(
                *explain.sentences(
                    finding,
                    shares,
                    self._baseline,
                    self._watched.contract.timezone,
                    tuple(term.term for term in terms),
                    "; ".join(filter(None, (_told(damage), campaign, newcomers))),
                    bins=[one for name, one in bins if name == lead],
                    mixes=mixes,
                ),
                *self._deployed(since_us),
            ),
            hard=tuple(f"{break_name(broken)}: {broken.message}" for broken in finding.hard),
            damage=damage,
            mixes=tuple(Mix(**asdict(mix)) for mix in mixes),
            bins=tuple(Bin(name, one.label, one.before, one.now, one.share) for name, one in bins),
            terms=terms,
            campaign=campaign,
            newcomers=newcomers,
        )
        words = tuple(term.term for term in terms)
        examples = tuple(islice(self._examples(window, finding, words), MAX_EXAMPLES))
        return FamilyFinding(
            finding.family,
            True,
            finding.clean,
            since_us,
            attributes,
            examples,
            severity=self._severity(finding),
        )

    def _made_of(
        self, window: Window, finding: Finding, since_us: int
    ) -> tuple[Sequence[explain.Share], Sequence[explain.Mix], list[tuple[str, explain.Bin]]]:
        """The segments, mixes and bins of what moved; none of a broken rule alone, for which nothing is merged."""
        if not finding.named:
            return (), (), []
        # Volumes are compared with what one window expects; everything else gains from more records.
        changed = window.profile
        if finding.family != "volume":
            changed = self._profiles(self._first_us(window.start_us, since_us), window.start_us + 1)
        followed = (changed, self._reference(), self._plan, self._baseline, finding)
        return explain.segments(*followed), explain.mixes(*followed), self._bins(changed, finding)

    def _severity(self, finding: Finding) -> Severity | None:
        """Where an objective is declared it says what is worth a call: a budget that burns slowly is a ticket, and so
        is a drift that leaves the budget alone. None: as the family's."""
        if finding.family != "service":
            return None
        columns = [self._plan.column(self._baseline.series[one.series].column) for one in finding.named]
        calling = any(one.severity == "page" for one in finding.hard)
        return None if calling or any(one.slo_objective is None for one in columns) else "ticket"

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

    def _deployed(self, since_us: int) -> list[str]:
        """A sentence on the deployment that the change began after, if there is one near."""
        known = deployments.known(self._watched.contract, self._watched.base_path)
        told = deployments.told(known, since_us, self._watched.grid.window_end(since_us))
        return [] if told is None else [told]

    def _bins(self, changed: Profile, finding: Finding) -> list[tuple[str, explain.Bin]]:
        """Where the values of the first named series went, with the name of the series; one series of a column."""
        found: list[tuple[str, explain.Bin]] = []
        columns = set()
        for named in finding.named[:MAX_BINNED]:
            series = self._baseline.series[named.series]
            if (series.column, series.term) not in columns:
                bins = explain.contributions(changed, self._reference(), self._plan, series)
                found += [(series.name, one) for one in bins[:MAX_BINS]]
                columns.add((series.column, series.term))
        return found

    # ----- examples -----------------------------------------------------------------------------------------

    def _terms(self, window: Window, finding: Finding) -> tuple[Term, ...]:
        """The words that tell of a change of the vocabulary, the surest first."""
        if finding.family != "vocabulary" or not self._plan.text:
            return ()
        from checks.text import novel_terms

        plan = next(iter(self._plan.text.values()))
        since_us = finding.since_us if finding.since_us is not None else window.start_us
        kept = [sample for sample in self._samples(window.start_us, since_us) if sample.text is not None]
        found = novel_terms(
            [_words_of(sample) for sample in kept],
            plan,
            weights=[1 / sample.inclusion_probability for sample in kept],
            units=self._units(kept),
            windows=[self._watched.grid.window_start(sample.event_us) for sample in kept],
            minimum_documents=_LEAST_DOCUMENTS,
            limit=3,
        )
        return tuple(Term(one.term, one.documents, one.expected_documents, one.z) for one in found)

    def _campaign(self, window: Window, finding: Finding) -> str:
        """What is to say of a campaign among the texts since the change began."""
        moved = {self._baseline.series[named.series].metric for named in finding.named}
        if not self._plan.text or not (finding.family in campaigns.FAMILIES or moved & campaigns.METRICS):
            return ""
        kept = self._samples(
            window.start_us, finding.since_us if finding.since_us is not None else window.start_us
        )
        with self._store.read() as conn:
            reference = samples.smallest_ranks(
                conn,
                self._watched.id,
                self._baseline.facts.from_us,
                self._baseline.facts.to_us,
                campaigns.REFERENCE_ROWS,
            )
        return campaigns.told(kept, reference, self._units(kept), self._watched.contract.privacy)

    def _newcomers(self, window: Window, finding: Finding) -> str:
        """What is to say of new languages among the texts since the change began."""
        if finding.family != "language" or not self._plan.text:
            return ""
        since_us = finding.since_us if finding.since_us is not None else window.start_us
        return newcomers.told(self._samples(window.start_us, since_us), next(iter(self._plan.text.values())))

    def _units(self, kept: Sequence[Sample]) -> list[str | None] | None:
        """The pseudonym of who sent each record, where the contract has a unit and a key to hide it with."""
        names = self._watched.contract.names("unit")
        if not names or not self._watched.contract.privacy.key:
            return None
        return [sample.features.get(names[0]) for sample in kept]

    def _damage(self, window: Window, finding: Finding) -> Damage | None:
        """What is known of the mojibake since the change began, where mojibake is what rose."""
        risen = [self._baseline.series[named.series] for named in finding.named if named.effect > 0]
        columns = [s.column for s in risen if s.metric == "encoding_rate" and s.term == "mojibake"]
        if not columns:
            return None
        since_us = finding.since_us if finding.since_us is not None else window.start_us
        changed = self._profiles(self._first_us(window.start_us, since_us), window.start_us + 1)
        kept: list[Sample] = []
        if columns[0] == self._watched.contract.names("input")[0]:  # the column whose text and flags are kept
            kept = self._samples(window.start_us, since_us)
        return explain_damage(changed, self._plan, columns[0], kept)

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
            fitting = [row for row in rows if _shows(row, label, terms, pairs) and row.event_id not in seen]
            yield from islice(self._shown(self._best(fitting, label), label, seen), each)
        for broken in finding.hard:
            for row in rows[:MAX_EXAMPLES]:
                if broken.column in row.features and row.event_id not in seen:
                    seen.add(row.event_id)
                    yield Example(
                        row.event_id, broken.column, f"{broken.column} = {row.features[broken.column]}"
                    )

    def _best(self, rows: Sequence[Sample], label: str) -> list[Sample]:
        """The rows that show a label best, then the others by chance; one of equal texts."""
        looked = [row for row in rows if row.text is not None][:_MOST_COMPARED]
        if not looked or not self._plan.text:
            return []
        if label in (_ANY_PAIR, _NEW_PAIR):
            pairs = Counter(_pair(row) for row in looked).most_common()
            alike = [self._best([row for row in looked if _pair(row) == pair], pair) for pair, _ in pairs]
            # One of each pair before a second of any.
            return [row for turn in zip_longest(*alike) for row in turn if row is not None]
        from checks.text.evidence import best

        texts = [_raw(row.text or "") for row in looked]
        first = [looked[place] for place in best(texts, self._text_plan(), label, MAX_EXAMPLES)]
        return first or looked  # what storing has changed, such as invalid bytes, no detector finds again

    def _shown(self, rows: Iterable[Sample], label: str, seen: set[str]) -> Iterator[Example]:
        """An example of every row whose text shows the label, and that was not `seen` for another one."""
        for row in rows:
            if row.event_id in seen or row.text is None:
                continue
            concrete = _pair(row) if label in (_ANY_PAIR, _NEW_PAIR) else label
            # Where the contract lets text be kept as it came, what leaves with an alert is redacted all the same.
            text = privacy.redact([row.text], self._watched.contract.privacy.redact)[0]
            excerpt = self._excerpt(text, concrete, row.prediction)
            if excerpt is not None:
                seen.add(row.event_id)
                yield Example(row.event_id, concrete, excerpt, self._repair(text, concrete))

    def _excerpt(self, text: str, label: str, prediction: str | None) -> str | None:
        from checks.text import excerpt, reveal
        from checks.text.evidence import around

        shown = excerpt(_raw(text), self._text_plan(), label)
        if shown is None and label in _STORED_AS and (found := _STORED_AS[label].search(text)):
            return around(text, found.start())
        if shown is None and label == prediction:
            return reveal(text)[:120]
        return shown

    def _repair(self, text: str, label: str) -> str | None:
        """What ftfy would make of the text, around the first character that it changes."""
        from checks.text.evidence import around

        fixed = proposed(text, label, self._watched.contract.privacy)
        if fixed is None or fixed == text:
            return None
        same = next((at for at, (a, b) in enumerate(zip(text, fixed, strict=False)) if a != b), len(fixed))
        return around(fixed, same)

    def _text_plan(self) -> TextPlan:
        return next(iter(self._plan.text.values()))


def _told(damage: Damage | None) -> str:
    """What the sentences say of mojibake."""
    if damage is None:
        return ""
    rate = None
    if damage.rate is not None and damage.low is not None and damage.high is not None:
        rate = damage.rate, damage.low, damage.high
    codecs = [(codec.name, codec.share) for codec in damage.codecs]
    return explain.mojibake(codecs, damage.legacy, damage.looked_at, damage.confirmed, damage.outside, rate)


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _words_of(sample: Sample) -> bytes:
    """The text of a record without what redaction put in place of a person: that is no word of the message."""
    return _raw(PLACEHOLDER.sub(" ", sample.text or ""))


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
