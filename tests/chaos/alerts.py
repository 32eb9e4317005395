"""Alerts, acts and notifications in simulated time: every promise checked at every step."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.chaos.table import Form, Row
from tests.monitor.alerts.world import HOUR, Broken, World


def run(form: Form) -> Iterator[Row]:
    """One seeded world, a million steps in the long form."""
    steps = form.pick(50_000, 1_000_000)
    world = World(form.seed)
    form.say(f"{steps:,} steps")
    began = time.process_time()
    try:
        world.run(steps)
        broken = "none broken"
    except Broken as error:
        broken = str(error)
    told = sum(
        world.counts[news] for news in ("opened", "escalated", "worse", "reminder", "flapping", "resolved")
    )
    yield Row(
        f"promises of alerts over {world.now // (24 * HOUR):,} simulated days",
        figure=f"{broken}; {world.counts['Opened']:,} episodes, {told:,} messages, {steps:,} steps, "
        f"{time.process_time() - began:.0f} s",
        bar="none broken",
        ok=broken == "none broken",
    )
