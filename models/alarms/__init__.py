"""Alarms, incidents, and what is written down about them: pure, without clock or files."""
