"""Pulse energies: the guarded smoothing of a meter's readings, and the stage that scores them."""
