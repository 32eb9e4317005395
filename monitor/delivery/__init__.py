"""Notifications on their way out: claimed from the outbox, signed, sent in order, tried again."""
