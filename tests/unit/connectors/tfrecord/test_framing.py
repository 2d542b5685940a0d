"""Frames and their checksums, against the published algorithm and against every kind of damage."""

import io
import os
import struct

import crc32c
import pytest

from connectors.tfrecord.checksum import masked_crc32c
from connectors.tfrecord.framing import MAX_RECORD_BYTES, framed, read_frames
from models.errors import RecordError

RECORDS = [b"first", b"", b"x" * 1000]
FILE = b"".join(map(framed, RECORDS))
SECOND, THIRD = len(framed(RECORDS[0])), len(framed(RECORDS[0])) + len(framed(RECORDS[1]))


def read(data: bytes) -> list[bytes]:
    return list(read_frames(io.BytesIO(data), "a.tfrecord"))


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 15, 16, 1000, 26_112])
def test_the_checksum_is_that_of_another_program(length: int) -> None:
    data = os.urandom(length)
    crc = crc32c.crc32c(data)
    assert masked_crc32c(data) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_the_checksum_of_the_standard() -> None:
    """RFC 3720, appendix B.4: 32 bytes of zeros have the CRC-32C 0x8a9136aa."""
    unmasked = (masked_crc32c(bytes(32)) - 0xA282EAD8) & 0xFFFFFFFF
    assert (unmasked << 15 | unmasked >> 17) & 0xFFFFFFFF == 0x8A9136AA


def test_records_come_back() -> None:
    assert read(FILE) == RECORDS
    assert read(b"") == []


@pytest.mark.parametrize("end", [SECOND - 1, SECOND + 5, THIRD + 12, len(FILE) - 1])
def test_a_file_that_is_cut_off(end: int) -> None:
    number = sum(end > at for at in (SECOND, THIRD))
    begin = [0, SECOND, THIRD][number]
    with pytest.raises(RecordError, match=f"ends in the middle of record {number}, which begins at byte {begin};") as e:
        read(FILE[:end])
    assert e.value.reason == "shard_truncated"


@pytest.mark.parametrize("place", range(THIRD, THIRD + 40))
def test_one_wrong_bit_is_found_wherever_it_is(place: int) -> None:
    data = bytearray(FILE)
    data[place] ^= 0x10
    with pytest.raises(RecordError, match=f"record 2, which begins at byte {THIRD}") as error:
        read(bytes(data))
    assert error.value.reason == "shard_damaged"


def test_a_length_that_nobody_writes_allocates_nothing() -> None:
    length = struct.pack("<Q", MAX_RECORD_BYTES + 1)
    data = length + struct.pack("<I", masked_crc32c(length))
    with pytest.raises(RecordError, match="more than any triplet"):
        read(data)
