"""Pictures that were written by this program, read back and checked: a crash or a disk may have damaged them."""

import struct
import zlib
from pathlib import Path

from models.errors import RecordError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">I4s")
_CHECK = struct.Struct(">I")


def read_png(path: Path, most_bytes: int) -> bytes:
    """A PNG (ISO/IEC 15948) that is whole: every chunk is as it was written, to the last one.

    Raises
    ------
    RecordError
        ``picture_missing``, ``picture_damaged``; larger than ``most_bytes`` is damaged, too.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except FileNotFoundError as error:
        raise RecordError("the picture is no longer kept", reason="picture_missing") from error
    except OSError as error:
        raise _damaged() from error
    if len(data) > most_bytes or not data.startswith(_SIGNATURE):
        raise _damaged()
    place, name = len(_SIGNATURE), b""
    while name != b"IEND":
        if place + _HEAD.size > len(data):
            raise _damaged()
        length, name = _HEAD.unpack_from(data, place)
        end = place + _HEAD.size + length
        if end + _CHECK.size > len(data):
            raise _damaged()
        if _CHECK.unpack_from(data, end)[0] != zlib.crc32(data[place + 4 : end]):
            raise _damaged()
        place = end + _CHECK.size
    return data[:place]


def _damaged() -> RecordError:
    return RecordError("the picture is damaged, or can't be read", reason="picture_damaged")
