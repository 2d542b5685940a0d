"""Drills: what a facility does when something breaks, tried on a real cluster and compared with an undisturbed run."""
