"""What people and the life cycle of alarms have decided: one SQLite file in the state directory."""
