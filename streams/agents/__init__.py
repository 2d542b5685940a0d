"""The agents: what each does with the messages of one partition; no Kafka, no clock, no event loop."""
