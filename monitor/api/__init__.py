"""The HTTP API and the pages: `create_app` puts them together."""

from monitor.api.application import create_app

__all__ = ["create_app"]
