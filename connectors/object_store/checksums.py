"""SHA-256 as the protocol of object stores has it: in base64, computed by the store itself, and compared."""

import base64
import hashlib
from collections.abc import Mapping, Sequence

from connectors.object_store.settings import ObjectStoreSettings
from models.errors import FatalError

#: What is sent has this SHA-256, and what an answer says of what arrived.
CHECKSUM = "x-amz-checksum-sha256"
#: Asks for it.
WITH_CHECKSUM = {"x-amz-checksum-mode": "ENABLED"}


def checksum_of(digest: bytes) -> str:
    """A digest as the protocol writes it."""
    return base64.b64encode(digest).decode()


def checksum_of_parts(checksums: Sequence[str]) -> str:
    """What a store gives for an object in parts: the checksum of the parts' digests, and how many there are."""
    digest = hashlib.sha256(b"".join(map(base64.b64decode, checksums))).digest()
    return f"{checksum_of(digest)}-{len(checksums)}"


def is_of_parts(checksum: str) -> bool:
    """Whether it is one of an object in parts: not that of the content."""
    return "-" in checksum


def content_sha256(checksum: str) -> str:
    """The SHA-256 (hex) of an object's content; empty when the store has not computed it: none, or of parts."""
    return "" if not checksum or is_of_parts(checksum) else base64.b64decode(checksum).hex()


def need_computed(
    settings: ObjectStoreSettings, place: str, answer: Mapping[str, str], wanted: str, *, of: str = ""
) -> None:
    """Make sure that the store has computed the SHA-256 of what it was sent; one that ignores it would say nothing.

    Parameters
    ----------
    place
        ``s3://...`` that was written.
    answer
        The headers of its answer.
    wanted
        The checksum that was sent.
    of
        Which ones it should compute, for the sentence.

    Raises
    ------
    FatalError
        ``object_store_refused``.
    """
    if answer.get(CHECKSUM) != wanted:
        raise FatalError(
            f"the object store at {settings.endpoint} does not check SHA-256{of}, so {place} is not known to be whole; "
            "name a store that does",
            reason="object_store_refused",
        )
