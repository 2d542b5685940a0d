"""What moves snapshots into the archive, looks after them there, and brings them back."""
