"""The places of a block's records inside their file as a few bytes: what all have in common is written once.

The bytes are texts in UTF-8 between zero bytes, which no HDF5 name holds: the common beginning, the common end, then
for each record what stands between them.
"""

from collections.abc import Sequence

_SEPARATOR = "\0"


def _common_begin(texts: Sequence[str]) -> str:
    # What the first and the last in alphabetical order have in common all have.
    first, last = min(texts), max(texts)
    length = next((place for place, letter in enumerate(first) if letter != last[place]), len(first))
    return first[:length]


def pack_paths(paths: tuple[str, ...]) -> bytes:
    """The bytes of some paths.

    Raises
    ------
    ValueError
        If a path holds a zero character.
    """
    begin = _common_begin(paths)
    rests = [path[len(begin) :] for path in paths]
    end = _common_begin([rest[::-1] for rest in rests])[::-1]
    texts = [begin, end, *(rest[: len(rest) - len(end)] for rest in rests)]
    data = _SEPARATOR.join(texts)
    if data.count(_SEPARATOR) != len(paths) + 1:
        raise ValueError("a path inside an HDF5 file holds a zero character")
    return data.encode()


def unpack_paths(data: bytes, count: int, limit: int) -> tuple[str, ...]:
    """The paths that ``pack_paths`` wrote.

    Raises
    ------
    ValueError
        If the bytes are not those of ``count`` paths of together at most ``limit`` bytes.
    """
    if data.count(0) != count + 1:
        raise ValueError(f"the paths are not those of {count} records")
    begin, end, *rests = data.decode().split(_SEPARATOR)
    if (len(begin) + len(end)) * count > limit:
        raise ValueError("the paths are too long")
    return tuple(f"{begin}{rest}{end}" for rest in rests)
