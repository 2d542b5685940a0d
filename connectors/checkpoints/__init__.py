"""Checkpoints of partitions: states and the offset behind them, written together, fenced against former owners."""
