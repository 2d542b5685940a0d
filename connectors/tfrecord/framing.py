"""The frames of a TFRecord file: length, its checksum, the data, its checksum; all little endian."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from connectors.tfrecord.checksum import masked_crc32c
from models.errors import RecordError

#: No record of a triplet comes near it; a longer one is not read, so that a garbled length allocates nothing.
MAX_RECORD_BYTES = 64 << 20

_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")
_HEAD_BYTES = _LENGTH.size + _CHECKSUM.size


def framed(data: bytes) -> bytes:
    """A record as it stands in the file."""
    length = _LENGTH.pack(len(data))
    return b"".join(
        (length, _CHECKSUM.pack(masked_crc32c(length)), data, _CHECKSUM.pack(masked_crc32c(data))),
    )


def read_frames(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """The records of a file from its beginning, each checked.

    Parameters
    ----------
    name
        Of the file, for the sentence about what is wrong with it.

    Raises
    ------
    RecordError
        ``shard_truncated`` or ``shard_damaged``, with the record's number (from 0) and the byte it begins at.
    """
    number = offset = 0
    while head := stream.read(_HEAD_BYTES):
        where = f"record {number}, which begins at byte {offset}"
        if len(head) < _HEAD_BYTES:
            raise _truncated(name, where)
        (length,) = _LENGTH.unpack_from(head)
        if _CHECKSUM.unpack_from(head, _LENGTH.size)[0] != masked_crc32c(head[: _LENGTH.size]):
            raise _damaged(name, where, "the length does not fit its checksum")
        if length > MAX_RECORD_BYTES:
            raise _damaged(name, where, f"it has {length} bytes, more than any triplet")
        body = stream.read(length + _CHECKSUM.size)
        if len(body) < length + _CHECKSUM.size:
            raise _truncated(name, where)
        data = body[:length]
        if _CHECKSUM.unpack_from(body, length)[0] != masked_crc32c(data):
            raise _damaged(name, where, "the data do not fit their checksum")
        yield data
        number, offset = number + 1, offset + _HEAD_BYTES + len(body)


def _truncated(name: str, where: str) -> RecordError:
    return RecordError(f"{name} ends in the middle of {where}; copy or export it again", reason="shard_truncated")


def _damaged(name: str, where: str, what: str) -> RecordError:
    return RecordError(f"{name} is damaged in {where}: {what}; copy or export it again", reason="shard_damaged")
