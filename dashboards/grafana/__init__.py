"""Grafana's dashboards as code: ``python -m dashboards.grafana`` writes the JSON that Grafana is provisioned with.

Needs a development dependency; nothing that runs imports it.
"""
