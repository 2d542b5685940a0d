"""Tape cartridges and drives as the tests need them: a real file system that behaves, and lies, as LTFS does."""
