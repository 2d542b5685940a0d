"""What people look at: tables on a terminal, pages of the console and of reports, Grafana, rules for Prometheus."""
