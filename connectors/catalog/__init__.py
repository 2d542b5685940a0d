"""The catalog: which files there are, where their copies lie, what is odd in them; in SQLite or MongoDB."""
