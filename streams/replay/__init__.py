"""An archived stretch goes through the pipeline again, in a run of its own, with the same model or another one."""
