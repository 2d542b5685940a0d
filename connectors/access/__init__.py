"""Who may use the console: users, their sessions, and tokens for programs, in a database of the state directory."""
