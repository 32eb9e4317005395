"""The bits of a character's and of a token's properties: what every kernel of this room agrees on.

A cached kernel holds these numbers as constants, so `kernels.kernel` makes this file part of every cache's
stamp.
"""

from __future__ import annotations

# Character properties, uint32 per code point. The low five bits are an index into annotations.SCRIPTS.
SCRIPT_MASK = 0x1F
LETTER = 1 << 5
MARK = 1 << 6
DIGIT = 1 << 7
UPPER = 1 << 8
SPACE = 1 << 9
EMOJI = 1 << 10
SPACELESS = 1 << 11  # of a script written without spaces between words: Han, kana, Thai, Lao, Khmer, Burmese
CONTROL = 1 << 12  # C0, DEL and C1, without tab, line feed and carriage return
NONCHARACTER = 1 << 13
PRIVATE = 1 << 14
ZERO_WIDTH = 1 << 15
JOINER = 1 << 16  # ZWNJ and ZWJ
BIDI = 1 << 17  # embeddings, overrides, isolates and their ends
TAG = 1 << 18
VARIATION = 1 << 19
STYLED = 1 << 20  # a Latin letter in fancy dress: mathematical, enclosed, full-width
CONFUSABLE = 1 << 21  # of another script, and looks like a Latin letter
NEEDS_JOINER = 1 << 22  # of a script whose spelling uses joiners
NOT_NFC = 1 << 23  # never occurs in NFC
NFC_MAYBE = 1 << 24  # may compose with what stands before it
STACKING = 1 << 25  # a non-spacing mark
RIGHT_TO_LEFT = 1 << 26
SKIN_TONE = 1 << 27
REGIONAL = 1 << 28
SUSPECT = 1 << 29  # what damage is told by: ? % & \ U+FFFD U+FEFF
LEET = 1 << 30  # an ASCII digit or sign that stands for a letter in leetspeak
ODD = 1 << 31  # a Latin letter with marks that no alphabet holds

# Token properties, uint16 per token.
TOKEN_SPACELESS = 1  # a bigram of a script without spaces
TOKEN_CAPITAL = 2  # begins with an upper-case letter
TOKEN_MIXED = 4  # Latin and look-alikes of another script in one word
TOKEN_BROKEN = 8  # holds mojibake or a replacement character: says nothing of language or vocabulary
TOKEN_FOREIGN = 16  # written wholly in letters that look like Latin ones
