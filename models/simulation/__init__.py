"""A laser in memory: images, energies and spectra of any minute of any stage, with labelled faults."""
