"""``tf.train.Example`` in its protobuf wire format, written and read without TensorFlow.

The messages are ``Example {Features features = 1}``, ``Features {map<string, Feature> feature = 1}`` and ``Feature
{oneof: bytes_list = 1, float_list = 2, int64_list = 3}``, each list with ``repeated value = 1``, numbers packed (from
TensorFlow's ``example.proto`` and ``feature.proto``). Features are written by name, so the same values give the same
bytes.
"""

import struct
from collections.abc import Iterator, Mapping

import numpy as np

from models.triplets.triplet_features import FeatureType

#: The values of one feature: texts and arrays as bytes, numbers as tuples.
Value = bytes | tuple[int, ...] | tuple[float, ...]

_LIST_NUMBERS = {FeatureType.BYTES: 1, FeatureType.FLOAT32: 2, FeatureType.INT64: 3}
_TYPES = {number: type_ for type_, number in _LIST_NUMBERS.items()}
_LENGTH_DELIMITED = 2
_BITS_64 = (1 << 64) - 1
_LONGEST_VARINT = 70  # bits


def encode_example(values: Mapping[str, tuple[FeatureType, Value]]) -> bytes:
    """The bytes of an Example with these features."""
    entries = []
    for name in sorted(values):
        type_, value = values[name]
        feature = _field(_LIST_NUMBERS[type_], _field(1, _packed(type_, value)))
        entries.append(_field(1, _field(1, name.encode()) + _field(2, feature)))
    return _field(1, b"".join(entries))


def decode_example(data: bytes) -> dict[str, tuple[FeatureType, Value]]:
    """The features of an Example, each with its type.

    Raises
    ------
    ValueError
        When the bytes are no Example, or a feature has no value or several texts.
    """
    values = {}
    for features in _members(data, 1):
        for entry in _members(features, 1):
            parts = dict(_fields(entry))
            name, feature = parts.get(1, b"").decode(), parts.get(2, b"")
            lists = list(_fields(feature))
            if len(lists) != 1 or lists[0][0] not in _TYPES:
                raise ValueError(f"the feature {name!r} has no value")
            type_ = _TYPES[lists[0][0]]
            values[name] = (type_, _unpacked(type_, lists[0][1]))
    return values


def _packed(type_: FeatureType, value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    if type_ is FeatureType.FLOAT32:
        with np.errstate(over="ignore"):  # what is too large for 32 bits becomes infinite
            return np.array(value).astype("<f4").tobytes()
    return b"".join(_varint(int(number) & _BITS_64) for number in value)


def _unpacked(type_: FeatureType, data: bytes) -> Value:
    found = list(_members(data, 1))
    if len(found) != 1:
        raise ValueError(f"a feature has {len(found)} values where one is due")
    if type_ is FeatureType.BYTES:
        return found[0]
    if type_ is FeatureType.FLOAT32:
        if len(found[0]) % 4:
            raise ValueError("a feature has a part of a number")
        return struct.unpack(f"<{len(found[0]) // 4}f", found[0])
    numbers, place = [], 0
    while place < len(found[0]):
        number, place = _read_varint(found[0], place)
        numbers.append(number - (1 << 64) if number >> 63 else number)
    return tuple(numbers)


def _field(number: int, data: bytes) -> bytes:
    return bytes((number << 3 | _LENGTH_DELIMITED,)) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _members(data: bytes, number: int) -> Iterator[bytes]:
    return (value for found, value in _fields(data) if found == number)


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """All fields of a message; those of an Example are all delimited by their length."""
    place = 0
    while place < len(data):
        tag, place = _read_varint(data, place)
        if tag & 7 != _LENGTH_DELIMITED:
            raise ValueError("a field is of another kind than those of an Example")
        length, place = _read_varint(data, place)
        if length > len(data) - place:
            raise ValueError("a field is longer than what holds it")
        yield tag >> 3, data[place : place + length]
        place += length


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while shift < _LONGEST_VARINT and place < len(data):
        byte = data[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number & _BITS_64, place
    raise ValueError("a number does not end")
