"""The states of the stages as files of the archive."""
