"""What a service promises: a share of its requests that is fast enough, or that is no error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from monitor.contract import values as v
from monitor.contract.explain import suggestion
from monitor.contract.marks import Path, Problem

# HTTP's own word for "it is the service's fault".
SERVER_ERRORS = ("5xx",)


class Slo(BaseModel):
    """An objective: a percentile in milliseconds of a latency, or the errors of a status, and the share without them.

    errors: values that are errors; "5xx" stands for 500 to 599, and is meant where none are written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)

    p50: Annotated[float, Field(gt=0)] | None = None
    p90: Annotated[float, Field(gt=0)] | None = None
    p95: Annotated[float, Field(gt=0)] | None = None
    p99: Annotated[float, Field(gt=0)] | None = None
    errors: Annotated[tuple[v.Word, ...], Field(min_length=1)] | None = None
    objective: Annotated[float, Field(gt=0, lt=1)] | None = None

    def limits(self) -> list[tuple[float, float]]:
        """(share, milliseconds) of every percentile that is written; a valid latency has exactly one."""
        written = ((0.50, self.p50), (0.90, self.p90), (0.95, self.p95), (0.99, self.p99))
        return [(self.objective or share, ms) for share, ms in written if ms is not None]


def problems(slo: Slo, role: str, values: Collection[str] | None, at: Path) -> Iterator[Problem]:
    """What is wrong with the objective of a column of `role` that may declare its `values`."""
    if role == "latency":
        if slo.errors is not None:
            yield Problem((*at, "errors"), "a latency has no errors; write a percentile, such as {p99: 200}")
        elif len(slo.limits()) != 1:
            yield Problem(at, "needs one percentile in milliseconds, such as {p99: 200}")
        return
    if role != "status":
        yield Problem(at, f"a {role} has no objective; use role: latency or status")
        return
    for name in ("p50", "p90", "p95", "p99"):
        if getattr(slo, name) is not None:
            cure = "list its errors, such as {errors: [5xx], objective: 0.999}"
            yield Problem((*at, name), f"a status has no percentile; {cure}")
    if slo.objective is None:
        yield Problem(at, "needs the share of requests without an error, such as objective: 0.999")
    counted: Counter[str] = Counter()
    for index, word in enumerate(slo.errors or ()):
        if counted[word]:
            yield Problem((*at, "errors", index), f'"{word}" is listed twice; keep one')
        elif values is not None and word not in values and not word.endswith("xx"):
            cure = suggestion(word, list(values)) or "; add it to values"
            yield Problem((*at, "errors", index), f'"{word}" is not one of the values{cure}')
        counted[word] += 1
