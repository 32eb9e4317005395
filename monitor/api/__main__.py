"""Write the description of the API: `python -m monitor.api docs/api/openapi.json`."""

import sys
from pathlib import Path

from monitor.api.application import assemble
from monitor.api.openapi import text

if len(sys.argv) != 2:
    sys.exit("usage: python -m monitor.api FILE")
Path(sys.argv[1]).write_text(text(assemble()), encoding="utf-8")
