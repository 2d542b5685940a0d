"""Kafka: how to reach it, its topics, writing and reading."""
