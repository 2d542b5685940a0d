"""State that can be written down: nested dictionaries of numbers, texts and arrays, to bytes and back."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import FatalError

#: What a stage's ``state()`` returns and its ``restore()`` takes: JSON values, arrays, and dictionaries of them.
State = dict[str, Any]

_MAGIC = b"PWST"
_VERSION = 1
_HEAD = struct.Struct("<4sII")  # magic, version, length of the JSON part
# Most of what lists hold; anything else is looked at one by one.
_PLAIN = frozenset({str, int, float, bool, type(None)})


def encode_state(state: Mapping[str, Any]) -> bytes:
    """Bytes of a state: a JSON document, in which arrays are references, and the arrays' bytes behind it.

    Tuples come back as lists. Floats are exact; NaN and infinities are kept.
    """
    arrays: list[bytes] = []

    def replace(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            data: NDArray[Any] = np.ascontiguousarray(value)
            arrays.append(data.tobytes())
            return {"__array__": [data.dtype.str, list(value.shape)]}
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, Mapping):
            if any(not isinstance(key, str) for key in value):
                raise TypeError(f"the keys of a state are texts, got {list(value)[:3]}")
            return {key: replace(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [item if type(item) in _PLAIN else replace(item) for item in value]
        return value

    document = json.dumps(replace(state), separators=(",", ":")).encode()
    return b"".join([_HEAD.pack(_MAGIC, _VERSION, len(document)), document, *arrays])


def decode_state(data: bytes) -> State:
    """The state that ``encode_state`` wrote; its arrays are writable copies.

    Raises
    ------
    FatalError
        If the bytes are damaged or of another version.
    """
    try:
        magic, version, length = _HEAD.unpack_from(data)
        if magic != _MAGIC or version != _VERSION:
            raise ValueError(f"magic {magic!r}, version {version}")
        position = _HEAD.size + length
        document = json.loads(data[_HEAD.size : position])

        def put_back(value: Any) -> Any:
            nonlocal position
            if isinstance(value, list):
                return [item if type(item) in _PLAIN else put_back(item) for item in value]
            if not isinstance(value, dict):
                return value
            if "__array__" not in value:
                return {key: put_back(item) for key, item in value.items()}
            dtype, shape = np.dtype(value["__array__"][0]), tuple(value["__array__"][1])
            count = int(np.prod(shape, dtype=np.int64))
            array = np.frombuffer(data, dtype, count, position).reshape(shape).copy()
            position += array.nbytes
            return array

        state: State = put_back(document)
        if position != len(data):
            raise ValueError("trailing or missing bytes")
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise FatalError(
            f"a saved state can't be read ({error}); restore the state directory from a copy, or start with a new one",
            reason="state_damaged",
        ) from error
    return state
