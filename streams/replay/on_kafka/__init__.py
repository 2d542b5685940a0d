"""A replay through Kafka: topics of its own, workers as processes, and the results of one process."""
