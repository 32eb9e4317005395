"""A reference judged by itself: what fires on what is called normal?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from checks import decision
from monitor.errors import UsageError
from monitor.evaluate import Evaluator
from monitor.progress import Progress, silent
from monitor.watched import Watched


@dataclass(frozen=True)
class ReferenceReport:
    """The facts of a reference, and (window, family, why) of everything in it that would have fired."""

    facts: dict[str, Any]
    windows: int
    fired: list[tuple[int, str, str]]


def judge_reference(watched: Watched, evaluator: Evaluator, progress: Progress = silent) -> ReferenceReport:
    """Judge every block of the reference by the others. UsageError if it has fewer than three blocks."""
    reference = evaluator.reference()
    if reference is None:
        raise UsageError(
            f"{watched.name}: there is no baseline yet; run `driftglass run` first, and again once the "
            "reference has closed"
        )
    facts, contract = reference.baseline.facts, watched.contract
    obs = evaluator.observations(facts.from_us, facts.to_us)
    try:
        judged = decision.leave_one_block_out(obs, contract.calendar(), contract.budget(), progress=progress)
    except ValueError as error:
        raise UsageError(f"{watched.name}: {error}; name a longer reference in the contract") from error
    fired = [
        (start_us, str(finding.family), _why(finding, reference.baseline.series))
        for start_us, judgement in zip(obs.start_us.tolist(), judged, strict=True)
        for finding in judgement.findings
        if finding.firing
    ]
    return ReferenceReport(facts.to_dict(), len(obs.start_us), fired)


def _why(finding: decision.Finding, series: Any) -> str:
    if finding.hard:
        return finding.hard[0].message
    return series[finding.named[0].series].name if finding.named else ""
