"""What the detectors say of each message: the arrays that counting, sampling and evidence read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Order is part of the plan: append only, never reorder.
ENCODING_CLASSES: tuple[str, ...] = (
    "invalid_bytes",
    "replacement",  # U+FFFD, and its re-read forms
    "mojibake",
    "question_loss",
    "control",  # C0, C1, NUL, DEL
    "surrogate",
    "noncharacter",
    "private_use",
    "escape_leftover",  # &amp; %20 \\u00e9
    "inner_bom",
    "broken_emoji",
    "not_nfc",
)
EVASION_CLASSES: tuple[str, ...] = (
    "mixed_script",
    "whole_word_homoglyph",
    "zero_width",
    "bidi_control",
    "tag_characters",
    "variation_selectors",
    "stacked_marks",
    "styled_letters",
    "leetspeak",
    "spaced_letters",
    "elongation",
)
SCRIPTS: tuple[str, ...] = (
    "none",
    "Latin",
    "Cyrillic",
    "Greek",
    "Arabic",
    "Hebrew",
    "Devanagari",
    "Bengali",
    "Gurmukhi",
    "Gujarati",
    "Tamil",
    "Telugu",
    "Kannada",
    "Malayalam",
    "Thai",
    "Han",
    "Hiragana",
    "Katakana",
    "Hangul",
    "Armenian",
    "Georgian",
    "Ethiopic",
    "other",
)


@dataclass(frozen=True)
class Annotations:
    """Per message (length n), and per token (length T, grouped by message through `token_offsets`).

    chars              int32[n]  code points (0 for null)
    script             uint8[n]  index into SCRIPTS: the script of most letters
    language           int16[n]  index into the text plan's `languages`; und and und-Latn are among them; -1 no text
    second             int16[n]  the other language of a mixed message, -1 if none
    margin             float32[n]  score gap between the best two document languages, >= 0
    mixed              bool[n]   at least two languages with at least one token each
    language_tokens    int32[n]  N: tokens tagged with a language
    dominant_tokens    int32[n]  max t: tokens of the commonest language
    switches           int32[n]  P: switch points between consecutive language tokens
    encoding           uint32[n] bit i set: the message has ENCODING_CLASSES[i]
    encoding_counts    int32[n, len(ENCODING_CLASSES)] occurrences
    codec              int8[n]   index into mojibake.CODECS: what a message with mojibake is consistent with having been
                                 read as; -1 where it has none, or none of them explains it
    evasion            uint32[n] bit i set: the message has EVASION_CLASSES[i]
    evasion_counts     int32[n, len(EVASION_CLASSES)] occurrences
    words              int32[n]  word tokens
    unknown_words      int32[n]  word tokens that are not in the plan's reference vocabulary
    content_hash       int64[n]  hash of the normalised text, for duplicates
    token_offsets      int64[n + 1]
    token_hash         int64[T]  hash of the lower-cased word token (only words: no URLs, mentions, numbers, emoji);
                                 a language written without spaces gives character bigrams here
    token_language     int16[T]  index into the plan's `languages`, -1 if the token has none
    """

    chars: npt.NDArray[np.int32]
    script: npt.NDArray[np.uint8]
    language: npt.NDArray[np.int16]
    second: npt.NDArray[np.int16]
    margin: npt.NDArray[np.float32]
    mixed: npt.NDArray[np.bool_]
    language_tokens: npt.NDArray[np.int32]
    dominant_tokens: npt.NDArray[np.int32]
    switches: npt.NDArray[np.int32]
    encoding: npt.NDArray[np.uint32]
    encoding_counts: npt.NDArray[np.int32]
    codec: npt.NDArray[np.int8]
    evasion: npt.NDArray[np.uint32]
    evasion_counts: npt.NDArray[np.int32]
    words: npt.NDArray[np.int32]
    unknown_words: npt.NDArray[np.int32]
    content_hash: npt.NDArray[np.int64]
    token_offsets: npt.NDArray[np.int64]
    token_hash: npt.NDArray[np.int64]
    token_language: npt.NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.chars)
