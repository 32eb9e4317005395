"""The command line, a noun per module; `monitor/cli.py` puts them together."""
