"""Send records to driftglass from where the model runs; `from monitor.client import Client`.

Needs the standard library and httpx, and nothing else of driftglass: the two files of this folder may be copied.

client     what is called; never in the way of the caller
encoding   records as lines of JSON, whatever is in them
sending    batches over HTTP, again and again until they are taken
"""

from __future__ import annotations

from monitor.client.client import Client

__all__ = ["Client"]
