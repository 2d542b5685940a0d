"""Petawatch's own commands as processes: what drills break, and what a replay works with."""
