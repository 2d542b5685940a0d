"""Real servers on loopback, for the tests and for trying things out; no part of the installed program."""
