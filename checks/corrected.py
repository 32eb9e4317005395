"""The share of mixed messages without the detector's own errors, from a profile whose plan is calibrated.

It stands beside `mixed_rate`: that one is counted, watched and judged; this one says how many mixed messages there are.
"""

from __future__ import annotations

from checks.plan import Plan
from checks.profile import Profile
from checks.series import ALL, Series
from checks.text.calibration import Estimate

METRIC = "mixed_share_corrected"


def mixed_shares(profile: Profile, plan: Plan) -> list[tuple[Series, int, Estimate | None]]:
    """(series, messages of two words or more that have a language, their share with its 95 % interval).

    One for every text column whose plan has a calibration; None where there is no such message.
    """
    found: list[tuple[Series, int, Estimate | None]] = []
    for name, text in plan.text.items():
        if text.calibration is None:
            continue
        levels = profile.take(plan, name, "mixed_level")
        messages = int(levels.sum())
        estimate = text.calibration.correct(levels) if messages else None
        found.append((Series(METRIC, name, ALL, "", "rate", "language"), messages, estimate))
    return found
