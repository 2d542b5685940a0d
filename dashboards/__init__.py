"""What people look at: tables on a terminal, later the console and Grafana."""
