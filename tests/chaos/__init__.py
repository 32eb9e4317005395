"""The service under fire: what is promised about it, tried on real processes, databases and sockets.

`python -m tests.chaos` runs the parts one after the other and prints one table. A part is a module here with
`run(form) -> Iterator[Row]` (see `table`), named with its time limits in `__main__.PARTS`.
"""
