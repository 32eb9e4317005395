"""The service under fire: what is promised about it, tried on real processes, databases and sockets.

`python -m tests.chaos` runs the parts and prints one table. A part is a module here with `run(form) -> Iterator[Row]`
(see `table`), named with its time limits in `__main__.PARTS`; `running` makes a process of each.

    stage      small models whose hours come as fast as one likes
    fleet      real replicas of `driftglass serve` and light processes (`light`) on one database, and their `receiver`
    scenes     copies of the same two databases, for what is tried at many places
    checker    the judge: plain SQL and the receiver's log, nothing of ours
"""
