"""The runner on Kafka: the connector that feeds it, and the workers that share its partitions."""
