"""What the archive knows of snapshots and their copies, and what follows from it; no files, no network, no clock."""
