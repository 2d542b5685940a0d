"""Pages of alerts and of their shots, made by a process of its own, which is kept for a while."""
