"""The worker: runs agents on its share of the partitions, on Faust."""
