"""Objectives of the service: breaks where an error budget burns too fast, over the last windows of the model."""

from __future__ import annotations

from collections.abc import Sequence

from checks.batch import Column
from checks.breaks import Break
from checks.explain import percent
from checks.performance.burn import HOUR_US, RULES, Burn, burning
from checks.series import ALL, Observations
from monitor.recent import Recent

LOOK_BACK_US = max(rule.long_us for rule in RULES)


def breaks(columns: Sequence[Column], recent: Recent, obs: Observations, window_us: int) -> tuple[Break, ...]:
    """One break for each objective whose budget burns so fast that somebody must be called.

    `obs` is the judged window, `recent` what came before it, `window_us` the length of a window. A slow burn is left to
    the statistics of `slo_miss_rate`.
    """
    found = []
    for column in columns:
        if column.slo_objective is None:
            continue
        place = next(
            s
            for s, series in enumerate(obs.series)
            if (series.metric, series.column, series.segment) == ("slo_miss_rate", column.name, ALL)
        )
        before = recent.rates(place, int(obs.start_us[0]) - LOOK_BACK_US, int(obs.start_us[0]))
        missed = [*(int(bad) for bad, _ in before), int(obs.x[0, place])]
        asked = [*(int(total) for _, total in before), int(obs.n[0, place])]
        burn = burning(missed, asked, window_us, column.slo_objective)
        if burn is not None and burn.rule.severity == "page":
            found.append(_break(column, burn, missed[-1] / max(asked[-1], 1)))
    return tuple(found)


def _break(column: Column, burn: Burn, share: float) -> Break:
    objective = column.slo_objective or 0.0
    return Break(
        "service",
        "burn_rate",
        column.name,
        ALL,
        burn.long,
        burn.rule.rate,
        f"{column.name}: the error budget burns {burn.long:.0f} times as fast as the objective of {objective:.4g} "
        f"allows over {burn.rule.long_us // HOUR_US} h (limit {burn.rule.rate:g}), and still does: {percent(share)} of "
        f"this window's requests took {column.slo_ms:g} ms or longer",
    )
