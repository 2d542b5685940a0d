"""Alerts on their way to receivers: messages, signatures, HTTP, and messengers through Apprise."""
