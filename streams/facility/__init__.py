"""What connector, workers and commands of a facility on Kafka share."""
