"""Whether an archive can work: looked at before anything runs, and beside what runs, which is not disturbed."""
