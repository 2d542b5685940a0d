"""What lies under ``--state DIR``: SQLite, Parquet, and the queries of the reading commands."""
