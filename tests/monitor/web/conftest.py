from tests.monitor.served import client, filled, keys, light

__all__ = ["client", "filled", "keys", "light"]
