"""One outside system per module or package: snapshots, folders, state, decisions, receivers, Kafka, stores, tapes."""
