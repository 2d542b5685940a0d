"""Telling: alarms and incidents on their way to people, by receivers, messengers and Alertmanager."""
