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
_DAY_US = 24 * HOUR_US


def breaks(columns: Sequence[Column], recent: Recent, obs: Observations, window_us: int) -> tuple[Break, ...]:
    """One break for each objective whose budget burns: a page where it is gone in days, a ticket where it is overspent.

    `obs` is the judged window, `recent` what came before it, `window_us` the length of a window.
    """
    found = []
    for column in columns:
        if column.slo_objective is None:
            continue
        metric = "slo_error_rate" if column.errors else "slo_miss_rate"
        place = next(
            s
            for s, series in enumerate(obs.series)
            if (series.metric, series.column, series.segment) == (metric, column.name, ALL)
        )
        before = recent.rates(place, int(obs.start_us[0]) - LOOK_BACK_US, int(obs.start_us[0]))
        missed = [*(int(bad) for bad, _ in before), int(obs.x[0, place])]
        asked = [*(int(total) for _, total in before), int(obs.n[0, place])]
        burn = burning(missed, asked, window_us, column.slo_objective)
        if burn is not None:
            found.append(_break(column, burn, missed[-1] / max(asked[-1], 1), window_us))
    return tuple(found)


def _break(column: Column, burn: Burn, share: float, window_us: int) -> Break:
    objective, rule = column.slo_objective or 0.0, burn.rule
    errors = ", ".join(column.errors)
    what = f"were errors ({errors})" if errors else f"took {column.slo_ms:g} ms or longer"
    long, short = (_span(windows * window_us) for windows in burn.windows)
    return Break(
        "service",
        "burn_rate",
        column.name,
        ALL,
        burn.long,
        rule.rate,
        f"{column.name}: the error budget burns {_times(burn.long)} times as fast as the objective of {objective:.6g} "
        f"allows over {long} (limit {rule.rate:g}), and {_times(burn.short)} times over the last {short}: "
        f"{percent(share)} of this window's requests {what}",
        rule.severity,
    )


def _times(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"


def _span(us: int) -> str:
    if us > 2 * _DAY_US and us % _DAY_US == 0:
        return f"{us // _DAY_US} days"
    return f"{us // HOUR_US} h" if us >= HOUR_US else f"{us // 60_000_000} min"
