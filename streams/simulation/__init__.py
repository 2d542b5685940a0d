"""A simulated laser as files: some minutes of it at once, or in real time as its recorders close them."""
