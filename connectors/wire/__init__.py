"""The bytes of every message on Kafka, to and from the types of ``models.messages``."""
