"""Who may see and do what in the console, and what keeps others out."""
