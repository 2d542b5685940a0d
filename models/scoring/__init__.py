"""How unusual a reading is, from the device's own recent normal ones."""
