"""Orchestration: settings, runners, metrics and the command line."""
