"""Alerts: what they are, and how consecutive odd shots become one."""
