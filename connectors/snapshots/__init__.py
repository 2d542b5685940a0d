"""The HDF5 snapshots that the laser's recorders drop."""
