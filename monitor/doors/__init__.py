"""The command line, a noun per module; `monitor/cli.py` puts them together.

Importing them loads nothing heavy: what a command works with is imported when it runs. They share `options`, `opening`
(of stores) and `typed` (times and words).
"""
