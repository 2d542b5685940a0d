"""Documents with arrays, in the container in which checkpoints keep states too; here they may come from anyone."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.wire.document import Document, check_size, checked_integer, checked_list
from connectors.wire.limits import MAX_DOCUMENT_BYTES, MAX_RECORDS, TooLargeError, shown
from models.state import decode_state, encode_state

_MAGIC = b"PWST"
_HEAD = struct.Struct("<4sII")  # magic, version, length of the JSON part (models/state.py)
_PLAIN_TYPES = frozenset(("|b1", "|u1", "<u2", "<u4", "<i8", "<f4", "<f8"))
_REFERENCE = "__array__"


def write_container(values: Mapping[str, Any]) -> bytes:
    """Bytes of a document in which NumPy arrays may stand."""
    data = check_size(encode_state(values))
    if _HEAD.unpack_from(data)[2] > MAX_DOCUMENT_BYTES:
        raise ValueError("a message with so many texts would be refused by its readers: split it")
    return data


def read_container(value: bytes) -> Document:
    """The document that ``write_container`` wrote; its arrays are writable copies.

    Raises
    ------
    ValueError, FatalError
        When the bytes are damaged or too large, or an array has a type that no message has.
    """
    magic, _, length = _HEAD.unpack_from(value)
    if magic != _MAGIC or length > len(value) - _HEAD.size:
        raise ValueError("it does not begin as a container does")
    if length > MAX_DOCUMENT_BYTES:
        raise TooLargeError(f"a document of {length} bytes is larger than {MAX_DOCUMENT_BYTES} bytes")
    # Looked through before anything is made of it: NumPy takes type names that stand for much, and negative counts.
    json.loads(value[_HEAD.size : _HEAD.size + length], object_hook=_checked)
    return Document(decode_state(value))


def checked_array(values: Document, name: str, dtype: Any, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """An array of a document, read-only, if it has this type and shape; None stands for any length."""
    array = values.raw(name)
    if not isinstance(array, np.ndarray) or array.dtype != np.dtype(dtype):
        raise ValueError(f"{name} is no array of {np.dtype(dtype)}")
    if array.ndim != len(shape) or any(
        wanted not in {None, found} for wanted, found in zip(shape, array.shape, strict=True)
    ):
        raise ValueError(f"{name} has shape {shown(array.shape)} instead of {shape}")
    array.setflags(write=False)
    return array


def _checked(value: dict[str, Any]) -> dict[str, Any]:
    if _REFERENCE in value:
        dtype, shape = checked_list(value[_REFERENCE], "an array", 2)
        if dtype not in _PLAIN_TYPES:
            raise ValueError(f"an array has the type {shown(dtype)}, which no message has")
        for length in checked_list(shape, "a shape"):
            if checked_integer(length, "a length", minimum=0) > MAX_RECORDS * 256:
                raise ValueError(f"an array has the length {length}")
    return value
