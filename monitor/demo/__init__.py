"""The demo: a stream of messages written for this project, incidents planted in it, and what was found.

`generate.generate` writes the stream and its ground truth; `release` lets its hours arrive one by one;
`scoreboard.scoreboard` says which incident was found when, and which episodes nobody planted.
"""

from __future__ import annotations
