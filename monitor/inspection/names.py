"""What the codes of languages stand for, in English."""

from __future__ import annotations

_LINES = """
af Afrikaans, ar Arabic, bg Bulgarian, bn Bengali, ca Catalan, cs Czech, cy Welsh, da Danish, de German, el Greek,
en English, es Spanish, et Estonian, fa Persian, fi Finnish, fr French, gu Gujarati, he Hebrew, hi Hindi, hr Croatian,
hu Hungarian, id Indonesian, it Italian, ja Japanese, kn Kannada, ko Korean, lt Lithuanian, lv Latvian, mk Macedonian,
ml Malayalam, mr Marathi, ne Nepali, nl Dutch, no Norwegian, pa Punjabi, pl Polish, pt Portuguese, ro Romanian,
ru Russian, sk Slovak, sl Slovenian, so Somali, sq Albanian, sv Swedish, sw Swahili, ta Tamil, te Telugu, th Thai,
tl Tagalog, tr Turkish, uk Ukrainian, ur Urdu, vi Vietnamese, zh-cn Chinese, zh-tw Chinese (Taiwan),
und cannot be told, und-Latn romanised or unknown
"""
LANGUAGES: dict[str, str] = {
    code: name
    for code, _, name in (entry.strip().partition(" ") for entry in _LINES.replace("\n", " ").split(","))
}
