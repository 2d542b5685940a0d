"""LTFS cartridges: what is mounted, what is written to them, and how it is read back."""
