"""Image, energy and spectrum of one stage at one shot, joined by event time."""
