"""A watch behind a facility's recorder: it computes the hourly states once more, and compares what comes out."""
