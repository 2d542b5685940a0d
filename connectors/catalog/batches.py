"""Sources of any length, a bounded number at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of at most so many; a slow source is read outside of any transaction."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
