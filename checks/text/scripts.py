"""Scripts whose spelling uses zero-width joiners, by the first word of their letters' Unicode names."""

from __future__ import annotations

JOINING_SCRIPTS: frozenset[str] = frozenset(
    (
        *("ARABIC", "SYRIAC", "NKO", "MANDAIC", "HANIFI", "MONGOLIAN", "TIBETAN"),
        *(
            "DEVANAGARI",
            "BENGALI",
            "GURMUKHI",
            "GUJARATI",
            "ORIYA",
            "TAMIL",
            "TELUGU",
            "KANNADA",
            "MALAYALAM",
        ),
        *("SINHALA", "THAI", "LAO", "KHMER", "MYANMAR", "BALINESE", "JAVANESE", "TAI"),
    )
)
