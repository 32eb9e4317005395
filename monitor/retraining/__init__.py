"""From an episode to a request to retrain, and what becomes of that request."""
