"""The statistics of driftglass: counting, comparing, deciding. Arrow and numpy in, frozen dataclasses out."""
