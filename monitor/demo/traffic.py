"""Who writes when, and what the model made of it: everything of a record but its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

from monitor.demo.phrases import LANGUAGES
from monitor.demo.truth import HOUR_US

CLIENTS: tuple[str, ...] = ("ios", "android", "web", "partner-api")

# A release in the third week: inside the reference, so that both builds are known.
BUILDS: tuple[str, ...] = ("7.3.0", "7.4.1")
RELEASE_HOUR = (2 * 7 + 1) * 24 + 9

# Share of the base records that somebody wrote in anger.
RUDE_SHARE = 0.115


@dataclass(frozen=True)
class Country:
    """Where messages come from. Its offset is fixed: a clock change would move the rhythm."""

    code: str
    share: float
    utc_offset_hours: int
    languages: tuple[tuple[str, float], ...]
    clients: tuple[float, ...]  # shares of CLIENTS
    switching: tuple[str, str] | None = None  # a pair of languages that people here mix in one message
    switching_share: float = 0.0


COUNTRIES: tuple[Country, ...] = (
    Country("US", 0.15, -6, (("en", 0.93), ("es", 0.07)), (0.44, 0.27, 0.19, 0.10), ("es", "en"), 0.05),
    Country("GB", 0.07, 0, (("en", 1.0),), (0.40, 0.28, 0.22, 0.10)),
    Country("IN", 0.13, 5, (("hi", 0.6), ("en", 0.4)), (0.10, 0.66, 0.14, 0.10), ("hi", "en"), 0.12),
    Country("ES", 0.07, 1, (("es", 1.0),), (0.26, 0.42, 0.22, 0.10)),
    Country("MX", 0.07, -6, (("es", 1.0),), (0.20, 0.50, 0.20, 0.10), ("es", "en"), 0.04),
    Country("DE", 0.11, 1, (("de", 1.0),), (0.28, 0.38, 0.24, 0.10)),
    Country("FR", 0.08, 1, (("fr", 1.0),), (0.28, 0.40, 0.22, 0.10)),
    Country("BR", 0.08, -3, (("pt", 1.0),), (0.16, 0.58, 0.16, 0.10)),
    Country("TR", 0.08, 3, (("tr", 1.0),), (0.22, 0.52, 0.16, 0.10)),
    Country("KZ", 0.06, 5, (("ru", 1.0),), (0.20, 0.48, 0.22, 0.10)),
    Country("EG", 0.05, 2, (("ar", 1.0),), (0.16, 0.58, 0.16, 0.10)),
    Country("JP", 0.05, 9, (("ja", 1.0),), (0.50, 0.24, 0.16, 0.10)),
)

# Messages by local hour and by weekday, relative to the mean: asleep at four, busy at lunch and after dinner.
_HOURS = (
    0.62, 0.52, 0.46, 0.43, 0.43, 0.46, 0.58, 0.78, 0.98, 1.10, 1.17, 1.24,
    1.30, 1.26, 1.20, 1.16, 1.16, 1.22, 1.32, 1.44, 1.52, 1.46, 1.24, 0.90,
)  # fmt: skip
_WEEKDAYS = (0.97, 0.94, 0.94, 0.97, 1.05, 1.12, 1.01)


@dataclass
class Stream:
    """n records as columns, by hour and then by arrival. The planting of incidents changes them in place.

    number int64 (of the record, from 0), hour int64 (since the start of the stream), sent_us int64,
    country, language and second (of a mixed message, else -1) int64 indices, client int64 index, sender
    int64, rude bool; the rest is what the columns of those names hold.
    """

    number: npt.NDArray[np.int64]
    hour: npt.NDArray[np.int64]
    sent_us: npt.NDArray[np.int64]
    country: npt.NDArray[np.int64]
    language: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    client: npt.NDArray[np.int64]
    sender: npt.NDArray[np.int64]
    rude: npt.NDArray[np.bool_]
    account_age_days: npt.NDArray[np.float64]
    session_seconds: npt.NDArray[np.float64]
    toxicity_prefilter: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]
    latency_ms: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.hour)

    def keep(self, mask: npt.NDArray[np.bool_]) -> Stream:
        """The records where `mask` holds."""
        return Stream(**{name: column[mask] for name, column in vars(self).items()})


def draw(generator: np.random.Generator, start_us: int, hours: int, records_per_hour: float) -> Stream:
    """Records of `hours` hours from `start_us`, a Monday at midnight UTC."""
    import numpy as np

    counts = generator.poisson(_rates(generator, hours, records_per_hour))  # [hour, country]
    hour = np.repeat(np.arange(hours), counts.sum(axis=1))
    country = np.repeat(np.tile(np.arange(len(COUNTRIES)), hours), counts.ravel())
    n = len(hour)
    sent_us = start_us + hour * HOUR_US + generator.integers(0, HOUR_US, size=n)
    arrival_us = sent_us + (generator.exponential(4_000_000, size=n)).astype(np.int64)
    order = np.lexsort((arrival_us, hour))
    hour, country, sent_us = hour[order], country[order], sent_us[order]

    language, second = _languages(generator, country)
    clients = np.array([item.clients for item in COUNTRIES])
    rude = generator.random(n) < RUDE_SHARE
    return Stream(
        number=np.arange(n),
        hour=hour,
        sent_us=sent_us,
        country=country,
        language=language,
        second=second,
        client=_pick(generator, clients[country]),
        # Some write every week, most once.
        sender=np.minimum(generator.zipf(1.35, size=n), 4000),
        rude=rude,
        account_age_days=np.minimum(np.round(generator.lognormal(np.log(300), 1.2, size=n)), 4999.0),
        session_seconds=np.round(generator.lognormal(np.log(95), 0.9, size=n), 1),
        toxicity_prefilter=np.round(_beta(generator, rude, (4.0, 3.0), (1.5, 9.0)), 4),
        score=np.round(_beta(generator, rude, (5.0, 1.7), (1.3, 7.5)), 4),
        latency_ms=_latency(generator, hour),
    )


def _rates(generator: np.random.Generator, hours: int, records_per_hour: float) -> Any:
    """float64[hour, country]: expected records."""
    import numpy as np

    offsets = np.array([country.utc_offset_hours for country in COUNTRIES])
    shares = np.array([country.share for country in COUNTRIES])
    local = np.arange(hours)[:, None] + offsets  # the stream starts on a Monday at midnight UTC
    rhythm = np.array(_HOURS)[local % 24] * np.array(_WEEKDAYS)[local // 24 % 7]
    rates = records_per_hour * shares / shares.sum() * rhythm
    # Weather, holidays elsewhere, a television evening: days and hours differ a little for no reason we know.
    days = np.repeat(generator.normal(0, 0.02, size=-(-hours // 24)), 24)[:hours]
    rates = rates * np.exp(days + generator.normal(0, 0.02, size=hours))[:, None]
    return rates * (records_per_hour * hours / rates.sum())


def _languages(generator: np.random.Generator, country: npt.NDArray[np.int64]) -> tuple[Any, Any]:
    """Language of each record, and the second language of those that mix two."""
    import numpy as np

    shares = np.zeros((len(COUNTRIES), len(LANGUAGES)))
    mixing = np.array([item.switching_share for item in COUNTRIES])
    pairs = np.full((len(COUNTRIES), 2), -1)
    for row, item in enumerate(COUNTRIES):
        for name, share in item.languages:
            shares[row, LANGUAGES.index(name)] = share
        if item.switching:
            pairs[row] = [LANGUAGES.index(name) for name in item.switching]
    language = _pick(generator, shares[country])
    mixed = generator.random(len(country)) < mixing[country]
    language = np.where(mixed, pairs[country, 0], language)
    return language, np.where(mixed, pairs[country, 1], -1)


def _pick(generator: np.random.Generator, shares: Any) -> Any:
    """An index per row of `shares`, whose rows sum to 1."""
    import numpy as np

    draws = generator.random(len(shares))[:, None]
    return np.minimum((draws > shares.cumsum(axis=1)).sum(axis=1), shares.shape[1] - 1)


def _beta(
    generator: np.random.Generator,
    rude: npt.NDArray[np.bool_],
    if_rude: tuple[float, float],
    otherwise: tuple[float, float],
) -> Any:
    import numpy as np

    return np.where(
        rude, generator.beta(*if_rude, size=len(rude)), generator.beta(*otherwise, size=len(rude))
    )


def _latency(generator: np.random.Generator, hour: npt.NDArray[np.int64]) -> Any:
    """Milliseconds; a little slower where there is more to do."""
    import numpy as np

    busy = 1 + 0.06 * np.cos((hour % 24 - 16) / 24 * 2 * np.pi)
    return np.round(generator.lognormal(np.log(48), 0.5, size=len(hour)) * busy, 1)
