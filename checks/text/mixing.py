"""Measures of how languages are mixed, from the tags of `switching`.

Per-message measures take arrays over messages; window measures give one number, None where they are
undefined. Switches
and spans are counted within messages: messages of a window stand in no order, and between two of them nobody
switches.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.integer]


def cmi(language_tokens: Counts, dominant_tokens: Counts) -> npt.NDArray[np.float64]:
    """Code-mixing index of each message, 0..100: 100 · (1 − max t / N), 0 where N = 0 (Das and Gambäck
    2014)."""
    total = np.maximum(language_tokens, 1)
    return np.where(language_tokens > 0, 100.0 * (1.0 - dominant_tokens / total), 0.0)


def c_u(language_tokens: Counts, dominant_tokens: Counts, switches: Counts) -> npt.NDArray[np.float64]:
    """Index with switch points, 0..100: 100 · (N − max t + P) / 2N, 0 where N = 0 (Gambäck and Das 2016)."""
    total = np.maximum(language_tokens, 1)
    mixed = 100.0 * (language_tokens - dominant_tokens + switches) / (2.0 * total)
    return np.where(language_tokens > 0, mixed, 0.0)


def c_corpus(language_tokens: Counts, dominant_tokens: Counts, switches: Counts) -> float | None:
    """Index of a window: 100/U · (½ Σ (1 − (max t − P)/N) + 5/6 · S) over its U messages, S of them with a
    switch.

    The original adds a term for the change of the main language from one utterance to the next (Gambäck and
    Das 2016);
    it is left out, because sampled messages have no order. Messages without language tokens count as not
    mixed.
    """
    if len(language_tokens) == 0:
        return None
    spoken = language_tokens > 0
    n, t, p = language_tokens[spoken], dominant_tokens[spoken], switches[spoken]
    return float(100.0 / len(spoken) * (0.5 * np.sum(1.0 - (t - p) / n) + 5.0 / 6.0 * np.sum(p > 0)))


def i_index(language_tokens: Counts, switches: Counts) -> float | None:
    """Probability that the next word is a switch: Σ P / Σ (N − 1) over messages with N ≥ 2 (Guzmán et al.
    2017)."""
    chances = int(np.maximum(language_tokens.astype(np.int64) - 1, 0).sum())
    return float(switches.sum() / chances) if chances else None


def m_index(tokens: Counts) -> float | None:
    """Evenness of languages, 0..1: (1 − Σ p²) / ((k − 1) Σ p²) (Barnett et al. 2000).

    `tokens` holds a count for each of the k languages of a *fixed* set, zeros included, or the index would
    jump when a
    rare language turns up. 0 for a single language, None without tokens.
    """
    total = int(tokens.sum())
    if total == 0:
        return None
    if len(tokens) < 2:
        return 0.0
    squares = float(np.sum((tokens / total) ** 2))
    return (1.0 - squares) / ((len(tokens) - 1) * squares)


def language_entropy(tokens: Counts) -> float | None:
    """Entropy of the languages in bits, 0..log2(k); None without tokens."""
    return _entropy(tokens)


def spans(
    token_offsets: npt.NDArray[np.int64], token_language: npt.NDArray[np.int16]
) -> npt.NDArray[np.int64]:
    """Lengths of the runs of one language within each message, in order; words without a language are passed
    over."""
    message = np.repeat(np.arange(len(token_offsets) - 1), np.diff(token_offsets))
    spoken = token_language >= 0
    message, language = message[spoken], token_language[spoken]
    if len(language) == 0:
        return np.zeros(0, np.int64)
    begins = np.flatnonzero((np.diff(message) != 0) | (np.diff(language) != 0)) + 1
    return np.diff(np.concatenate([[0], begins, [len(language)]])).astype(np.int64)


def burstiness(lengths: Counts) -> float | None:
    """(σ − m) / (σ + m) of span lengths with the population σ, −1..1; None for fewer than two spans (Goh,
    Barabási 2008)."""
    if len(lengths) < 2:
        return None
    deviation, mean = float(np.std(lengths)), float(np.mean(lengths))
    return (deviation - mean) / (deviation + mean)


def span_entropy(lengths: Counts) -> float | None:
    """Entropy of the distribution of span lengths in bits; 0 if all are equally long, None without spans."""
    return _entropy(np.bincount(lengths)) if len(lengths) else None


def memory(lengths: Counts) -> float | None:
    """Correlation of each span's length with the next, −1..1; None for fewer than three spans or constant
    lengths."""
    if len(lengths) < 3:
        return None
    first, then = lengths[:-1].astype(np.float64), lengths[1:].astype(np.float64)
    scale = float(np.std(first) * np.std(then))
    if scale == 0.0:
        return None
    return float(np.mean((first - first.mean()) * (then - then.mean())) / scale)


def _entropy(counts: Counts) -> float | None:
    total = int(counts.sum())
    if total == 0:
        return None
    shares = counts[counts > 0] / total
    return max(0.0, -math.fsum(float(share) * math.log2(float(share)) for share in shares))
