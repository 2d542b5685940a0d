"""Places in an object store as operators write them: ``s3://BUCKET/PREFIX``."""

import re
from dataclasses import dataclass
from typing import Self

from models.errors import FatalError

_SCHEME = "s3://"
# The store says more exactly what it takes; what is caught here would be taken for another bucket or another object.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """A bucket, and how the keys in it begin.

    Attributes
    ----------
    prefix
        Without slashes at its ends; empty for the whole bucket.
    """

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``s3://BUCKET`` or ``s3://BUCKET/PREFIX``.

        Raises
        ------
        FatalError
            ``object_store_address`` with one sentence.
        """
        bucket, _, prefix = text.removeprefix(_SCHEME).partition("/")
        prefix = prefix.strip("/")
        if not _BUCKET.fullmatch(bucket):
            raise FatalError(
                f"{text} names no bucket; write s3://BUCKET/PREFIX, the bucket in 3 to 63 small letters, digits, dots "
                "and hyphens",
                reason="object_store_address",
            )
        if any(part in {"", ".", ".."} for part in prefix.split("/") if prefix):
            raise FatalError(
                f"{text} has an empty part, . or .. between its slashes; write s3://BUCKET/PREFIX",
                reason="object_store_address",
            )
        return cls(bucket, prefix)

    def key(self, name: str) -> str:
        """The key of an object below it."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def __str__(self) -> str:
        return address_of(self.bucket, self.prefix).rstrip("/")


def address_of(bucket: str, key: str) -> str:
    """The address of an object."""
    return f"{_SCHEME}{bucket}/{key}"


def is_address(text: str) -> bool:
    """Whether it means a place in an object store, and not a path."""
    return text.startswith(_SCHEME)
