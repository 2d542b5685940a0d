"""Triplets as TFRecords: framing, records, shards, and the schema beside them."""
