"""Replays that operators start in the console: one after the other, each a process of its own that gives way."""
