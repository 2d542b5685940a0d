"""What is known about beams: plain objects without files, clock, network or logging."""
