"""What a contract says of its data, held against the data: a bounded look that reads little and writes nothing.

finding  what was found, where in the contract, and how bad it is
glance   the first and the last records of a source, and the names of its columns
columns  columns that the contract names and the data do not have
records  times, ids and cells of the records that were looked at, and the reference among them
named    profiles, labelled messages and deployments that the contract names
check    all of it, part by part
"""

from __future__ import annotations

from monitor.datacheck.check import Checked, check
from monitor.datacheck.finding import Finding

__all__ = ["Checked", "Finding", "check"]
