"""How well a model does: realised on labels that arrived, estimated where none has, and bounded on a labelled sample.

Drift alone is a ticket; these are what says whether it matters.
"""
