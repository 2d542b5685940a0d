"""Which partition a key belongs to."""

from kafka.partitioner.default import murmur2

_POSITIVE = 0x7FFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a topic that ``BlockProducer`` and all workers choose for a key, as Java clients do, too.

    Parameters
    ----------
    partitions
        How many the topic has.
    """
    return int(murmur2(key) & _POSITIVE) % partitions
