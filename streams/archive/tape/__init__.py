"""The keeper of the tapes: bundles, cartridges, and what it needs a person for."""
