"""Alarms: kept beside a watch, decided by operators, made into messages."""
