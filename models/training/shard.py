"""A shard of triplets, as training is told of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """A TFRecord file.

    Attributes
    ----------
    path
        Where it lies.
    records
        How many it has: TensorFlow takes a file that is cut off between two records for a shorter one.
    sha256
        Of the file.
    """

    path: str
    records: int
    sha256: str
